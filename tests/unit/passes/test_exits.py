from __future__ import annotations

import itertools

from noetl.compiler.passes.facts import Facts

from .build import facts_of

RULES = """
workflow:
  - step: start
    {loop}
    tool: {{kind: python, code: "result = 1"}}
    case:
      - {{when: "{{{{ event.name == 'step.enter' }}}}", then: {{next: end}}}}
      - {{when: "{{{{ event.name == 'call.done' and response is defined }}}}", then: {{next: [a, b]}}}}
      - {{when: "{{{{ event.name == 'step.exit' and response.x }}}}", then: {{next: c}}}}
      - {{when: "{{{{ event.name == 'step.exit' }}}}", then: {{next: d}}}}
      - {{when: "{{{{ event.name in ['step.enter', 'loop.done'] }}}}", then: {{next: e}}}}
    next: f
  {steps}
"""
STEPS = "\n  ".join(f"- step: {name}" for name in ("a", "b", "c", "d", "e", "f", "end"))


def together(facts: Facts) -> set[str]:
    """The pairs of targets that one run may take together."""
    edges = facts.graph.leaving["start"]
    pairs = itertools.combinations_with_replacement(edges, 2)
    return {f"{one.target}{other.target}" for one, other in pairs if facts.exits.concurrent(one, other)}


def test_without_a_loop_only_entries_of_one_next_are_concurrent() -> None:
    facts = facts_of(RULES.format(loop="desc: no loop", steps=STEPS))
    assert together(facts) == {"ab"}
    assert [way.rule for way in facts.exits.of["start"]] == [0, 1, 2, 3, 4, None]
    assert not any(way.repeats for way in facts.exits.of["start"])


def test_in_a_loop_rules_of_iterations_repeat_and_stand_beside_what_follows() -> None:
    facts = facts_of(RULES.format(loop="loop: {in: [1, 2], iterator: n}", steps=STEPS))
    iterations = {"aa", "ab", "bb", "ac", "bc", "cc"}
    after = {f"{first}{last}" for first in "abc" for last in "de"}
    assert together(facts) == iterations | after
    phases = [sorted(way.phases) for way in facts.exits.of["start"]]
    assert phases == [["enter"], ["iteration"], ["iteration"], ["end"], ["end", "enter"], ["end"]]
