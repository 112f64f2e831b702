from __future__ import annotations

from .build import facts_of_graph

GRAPH = {"start": ["a", "b"], "a": ["c"], "b": ["b", "end"], "c": ["end"], "end": [], "x": ["y", "end"], "y": ["x"]}


def test_what_start_reaches() -> None:
    assert facts_of_graph(GRAPH).reach.from_start == {"start", "a", "b", "c", "end"}


def test_what_leads_to_a_step_by_one_edge_or_more() -> None:
    reach = facts_of_graph(GRAPH).reach
    assert reach.reaching("end") == {"start", "a", "b", "c", "x", "y"}
    assert reach.reaching("b") == {"start", "b"}
    assert reach.reaching("start") == set()
    assert reach.reaching("x") == {"x", "y"}


def test_one_question_before_and_after_the_whole_answer_is_known() -> None:
    for known_first in (False, True):
        reach = facts_of_graph(GRAPH).reach
        if known_first:
            reach.reaching("end")
        assert reach.leads("a", "end")
        assert not reach.leads("end", "end")
        assert not reach.leads("end", "start")
        assert reach.leads("b", "b")
        assert not reach.leads("a", "b")
