"""Packets fold writes in key order, composed or not (CAU-2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.runtime.growing import Stored
from noetl.runtime.keys import Key
from noetl.runtime.packet import ABSENT, Absent, Packet, Result, Token, Write, apply_write, compose, joined

scalars = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "x"])
json_values: st.SearchStrategy[Json] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
writes = st.one_of(
    st.builds(Write, st.just("set"), json_values),
    st.builds(Write, st.just("extend"), st.lists(scalars, max_size=2)),
    st.builds(Write, st.just("merge"), st.dictionaries(st.sampled_from("abc"), scalars, max_size=2)),
)


def whole(base: Stored | Absent, made: Iterable[Write]) -> Stored | Absent:
    for write in made:
        base = apply_write(base, write)
    return base


@given(st.lists(writes, max_size=6), st.lists(writes, max_size=6))
def test_composed_writes_do_what_the_writes_do(before: list[Write], after: list[Write]) -> None:
    base = whole(ABSENT, before)
    shorter: tuple[Write, ...] = ()
    for write in after:
        shorter = compose(shorter, write)
    assert whole(base, shorter) == whole(base, after)
    assert len(shorter) <= len(after)


@dataclass(frozen=True)
class Tree:
    """A run, what it writes, whether it has a result, and the runs of the tokens that it releases."""

    writes: list[tuple[str, Write]]
    told: bool
    children: list[Tree]


written = st.lists(st.tuples(st.sampled_from("xy"), writes), max_size=2)
leaves: st.SearchStrategy[Tree] = st.builds(Tree, written, st.booleans(), st.just([]))
forks: st.SearchStrategy[Tree] = st.recursive(
    leaves,
    lambda inner: st.builds(Tree, written, st.booleans(), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


def tokens_of(tree: Tree) -> tuple[list[Token], dict[Key, tuple[str, list[tuple[str, Write]], bool]]]:
    """All tokens that a tree of runs ends with, and every run by key."""
    runs: dict[Key, tuple[str, list[tuple[str, Write]], bool]] = {}
    ends: list[Token] = []

    def run(tree: Tree, token: Token) -> None:
        step = f"s{len(runs)}"
        runs[token.key] = (step, tree.writes, tree.told)
        leaving = max(1, len(tree.children))
        result = Result(len(runs), "plain") if tree.told else None
        packet = token.packet
        packet.wrote(token.key, tree.writes)
        if result is not None:
            packet.gave(token.key, step, result)
        if leaving != 1:
            packet.close()
        for entry in range(leaving):
            share = packet if leaving == 1 else packet.shared()
            child = Token(token.key.child(0, entry), "t", {}, None, share)
            if tree.children:
                run(tree.children[entry], child)
            else:
                ends.append(child)

    run(tree, Token(Key.root(), "start", {}, None, Packet({})))
    return ends, runs


@given(forks)
def test_a_join_folds_every_run_once_in_key_order(tree: Tree) -> None:
    ends, runs = tokens_of(tree)
    expected: dict[str, Stored] = {}
    for key in sorted(runs):
        _, made, _ = runs[key]
        for name, write in made:
            expected[name] = apply_write(expected.get(name, ABSENT), write)
    together = joined([Packet.from_json(t.packet.to_json()) for t in ends])
    assert together.store() == expected
    assert set(together.results()) == {step for step, _, told in runs.values() if told}
    assert together.flattened().store() == expected
    assert joined([t.packet for t in reversed(ends)]).store() == expected


@given(forks)
def test_a_branch_sees_its_ancestors_only(tree: Tree) -> None:
    ends, runs = tokens_of(tree)
    for token in ends:
        expected: dict[str, Stored] = {}
        steps: set[str] = set()
        for key in sorted(runs):
            if key.pairs() == token.key.pairs()[: key.depth]:
                step, made, told = runs[key]
                steps |= {step} if told else set()
                for name, write in made:
                    expected[name] = apply_write(expected.get(name, ABSENT), write)
        assert token.packet.store() == expected
        assert set(token.packet.results()) == steps


@given(forks)
def test_a_token_survives_json(tree: Tree) -> None:
    for token in tokens_of(tree)[0]:
        again = Token.from_json(token.to_json())
        assert again.to_json() == token.to_json()
        assert (again.key, again.target, again.args, again.error) == (token.key, token.target, token.args, token.error)
