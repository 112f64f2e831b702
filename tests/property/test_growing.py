"""Lists and maps that grow in place: every state stays what it was, and two growths of one state do not meet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.runtime.growing import Entries, Rows

values = st.one_of(st.integers(0, 3), st.text("ab", max_size=2), st.lists(st.integers(0, 1), max_size=1))
growths: st.SearchStrategy[list[tuple[int, list[Json]]]] = st.lists(
    st.tuples(st.integers(0, 100), st.lists(values, max_size=3)), max_size=12
)
merges = st.lists(st.tuples(st.integers(0, 100), st.dictionaries(st.sampled_from("abcdef"), values, max_size=3)))


@given(st.lists(values, max_size=3), growths)
def test_every_state_of_a_list_stays_what_it_was(first: list[Json], growths: list[tuple[int, list[Json]]]) -> None:
    states: list[tuple[Rows, list[Json]]] = [(Rows.of(first), list(first))]
    for chosen, items in growths:
        rows, model = states[chosen % len(states)]
        states.append((rows.extended(items), [*model, *items]))
    assert [rows.plain() for rows, _ in states] == [model for _, model in states]


@given(st.dictionaries(st.sampled_from("abcdef"), values, max_size=3), merges)
def test_every_state_of_a_map_stays_what_it_was(
    first: dict[str, Json], merges: list[tuple[int, dict[str, Json]]]
) -> None:
    states: list[tuple[Entries, dict[str, Json]]] = [(Entries.of(first), dict(first))]
    for chosen, entries in merges:
        known, model = states[chosen % len(states)]
        states.append((known.merged(entries), {**model, **entries}))
    for known, model in states:
        assert known.plain() == model
        assert list(known.plain()) == list(model)


def test_the_same_growth_of_the_same_state_is_kept_once() -> None:
    item: Json = {"a": 1}
    rows = Rows.of([0])
    one, other = rows.extended([item]), rows.extended([item])
    assert one.extended([1]).plain() == other.extended([1]).plain() == [0, {"a": 1}, 1]
    assert one.plain()[1] is other.plain()[1]
