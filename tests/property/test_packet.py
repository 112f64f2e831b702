"""Packets fold writes in key order, composed or not (CAU-2)."""

from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.runtime.keys import Key
from noetl.runtime.packet import ABSENT, Packet, Result, Token, Write, apply_write, compose, joined

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


@given(st.lists(writes, max_size=6), st.lists(writes, max_size=6))
def test_composed_writes_do_what_the_writes_do(before: list[Write], after: list[Write]) -> None:
    base: object = ABSENT
    for write in before:
        base = apply_write(base, write)  # type: ignore[arg-type]
    plain, composed = base, base
    for write in after:
        plain = apply_write(plain, write)  # type: ignore[arg-type]
    shorter: tuple[Write, ...] = ()
    for write in after:
        shorter = compose(shorter, write)
    for write in shorter:
        composed = apply_write(composed, write)  # type: ignore[arg-type]
    assert composed == plain
    assert len(shorter) <= len(after)


forks = st.recursive(
    st.builds(lambda w: (w, []), st.lists(st.tuples(st.sampled_from("xy"), writes), max_size=2)),
    lambda inner: st.builds(
        lambda w, children: (w, children),
        st.lists(st.tuples(st.sampled_from("xy"), writes), max_size=2),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def tokens_of(tree: object) -> tuple[list[Token], dict[Key, tuple[str, list[tuple[str, Write]]]]]:
    """All tokens that a tree of runs ends with, and every run by key."""
    runs: dict[Key, tuple[str, list[tuple[str, Write]]]] = {}
    ends: list[Token] = []

    def run(node: object, token: Token) -> None:
        made, children = node  # type: ignore[misc]
        step = f"s{len(runs)}"
        runs[token.key] = (step, made)
        leaving = max(1, len(children))
        packet = token.packet.after(token.key, step, made, Result(len(runs), "plain"), leaving)
        for entry in range(leaving):
            share = packet if leaving == 1 else packet.shared()
            child = Token(token.key.child(0, entry), "t", {}, None, share)
            if children:
                run(children[entry], child)
            else:
                ends.append(child)

    run(tree, Token(Key.root(), "start", {}, None, Packet({})))
    return ends, runs


@given(forks)
def test_a_join_folds_every_run_once_in_key_order(tree: object) -> None:
    ends, runs = tokens_of(tree)
    expected: dict[str, Json] = {}
    for key in sorted(runs):
        _, made = runs[key]
        for name, write in made:
            expected[name] = apply_write(expected.get(name, ABSENT), write)
    together = joined([Packet.from_json(t.packet.to_json()) for t in ends])
    assert together.store() == expected
    assert set(together.results()) == {step for step, _ in runs.values()}
    assert together.flattened().store() == expected
    assert joined([t.packet for t in reversed(ends)]).store() == expected


@given(forks)
def test_a_branch_sees_its_ancestors_only(tree: object) -> None:
    ends, runs = tokens_of(tree)
    for token in ends:
        expected: dict[str, Json] = {}
        steps = set()
        for key in sorted(runs):
            if key.pairs() == token.key.pairs()[: key.depth]:
                step, made = runs[key]
                steps.add(step)
                for name, write in made:
                    expected[name] = apply_write(expected.get(name, ABSENT), write)
        assert token.packet.store() == expected
        assert set(token.packet.results()) == steps


@given(forks)
def test_a_token_survives_json(tree: object) -> None:
    for token in tokens_of(tree)[0]:
        again = Token.from_json(token.to_json())
        assert again.to_json() == token.to_json()
        assert (again.key, again.target, again.args, again.error) == (token.key, token.target, token.args, token.error)
