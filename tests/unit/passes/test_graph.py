from __future__ import annotations

from .build import facts_of, facts_of_graph, shown


def test_every_entry_and_every_structural_next_is_an_edge_whatever_its_condition() -> None:
    graph = facts_of(
        """
        workflow:
          - step: start
            case:
              - {when: false, then: {next: [a, a]}}
              - {when: "{{ x }}", then: {next: b}}
            next: a
          - step: a
            next: nowhere
          - step: b
            next: end
        """
    ).graph
    assert graph.entry == "start"
    assert list(graph.steps) == ["start", "a", "b", "end"]
    assert shown(graph.leaving["start"]) == ["start>a[0]", "start>a[0]", "start>b[1]", "start>a"]
    assert shown(graph.arriving["a"]) == ["start>a[0]", "start>a[0]", "start>a"]
    assert graph.leaving["a"] == ()
    assert shown(graph.arriving["end"]) == ["b>end"]


def test_without_a_start_the_first_step_is_the_entry() -> None:
    assert facts_of_graph({"begin": ["a"], "a": []}).graph.entry == "begin"


def test_steps_of_one_name_are_one_with_the_edges_of_both() -> None:
    graph = facts_of(
        """
        workflow:
          - {step: start, next: [a, b]}
          - {step: a, next: start}
          - {step: a, next: b}
          - {step: b}
        """
    ).graph
    assert shown(graph.leaving["a"]) == ["a>start", "a>b"]
    assert shown(graph.arriving["b"]) == ["start>b", "a>b"]


def test_a_playbook_without_steps() -> None:
    facts = facts_of("workflow: []\n")
    assert facts.graph.entry is None
    assert facts.reach.from_start == frozenset()
    assert facts.components.members == ()
