from __future__ import annotations

from .build import facts_of_graph


def test_components_stand_before_what_they_lead_to() -> None:
    found = facts_of_graph(
        {"start": ["a"], "a": ["b", "d"], "b": ["c"], "c": ["a"], "d": ["d", "end"], "end": [], "x": ["x"]}
    ).components
    groups = [set(group) for group in found.members]
    assert sorted(map(sorted, groups)) == [["a", "b", "c"], ["d"], ["end"], ["start"], ["x"]]
    order = [found.index[name] for name in ("start", "a", "d", "end")]
    assert order == sorted(order)
    assert {name for group in found.cyclic for name in found.members[group]} == {"a", "b", "c", "d", "x"}
    assert found.in_cycle("b")
    assert not found.in_cycle("start")


def test_without_cycles_steps_keep_the_order_of_the_document_where_they_can() -> None:
    found = facts_of_graph({"start": ["a", "b"], "a": ["c"], "b": ["c"], "c": []}).components
    assert found.members == (("start",), ("a",), ("b",), ("c",))
    assert found.cyclic == frozenset()


def test_a_long_chain_and_a_long_cycle_do_not_recurse() -> None:
    names = ["start", *(f"s{i}" for i in range(5_000))]
    graph = {name: [following] for name, following in zip(names, [*names[1:], "s0"], strict=True)}
    found = facts_of_graph(graph).components
    assert [len(group) for group in found.members] == [1, 5_000]
