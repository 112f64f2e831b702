from __future__ import annotations

from noetl.compiler.passes.facts import Firing

from .build import facts_of

RULES = """
workflow:
  - step: start
    {loop}
    tool: {{kind: python, code: "result = 1"}}
    case:
      - {{when: "{{{{ event.name == 'step.enter' and response is defined }}}}", then: {{log: a}}}}
      - {{when: "{{{{ event.name == 'call.error' }}}}", then: {{retry: {{}}}}}}
      - {{when: "{{{{ event.name == 'call.error' and error.x == 1 }}}}", then: {{log: c}}}}
      - {{when: "{{{{ error is defined }}}}", then: {{log: d}}}}
      - {{when: true, then: {{log: e}}}}
      - {{when: "{{{{ response.x }}}}", then: {{log: f}}}}
      - {{when: "{{{{ event.name == 'step.exit' and response is defined }}}}", then: {{log: g}}}}
      - {{when: "{{{{ event.name == 'step.exit' and response.x == 1 }}}}", then: {{log: h}}}}
"""


def firings(loop: str = "desc: none") -> tuple[Firing, ...]:
    facts = facts_of(RULES.format(loop=loop))
    return facts.firings[facts.graph.steps["start"].span]


def test_the_moments_of_a_rule() -> None:
    found = [(sorted(f.may), sorted(f.sure)) for f in firings()]
    worked, failed = ("call.done", "worked"), ("call.done", "failed")
    assert found == [
        ([], []),
        ([("call.error", "failed")], [("call.error", "failed")]),
        ([("call.error", "failed")], []),
        ([failed], [failed]),
        ([worked], [worked]),
        ([worked], []),
        ([("step.exit", "worked")], [("step.exit", "worked")]),
        ([("step.exit", "worked")], []),
    ]


def test_the_rules_before_a_rule_but_no_retry() -> None:
    assert [[rule.index for rule in f.behind] for f in firings()] == [[], [], [], [], [], [4], [], [6]]


def test_exits_of_iterations_and_of_the_loop_are_not_the_same() -> None:
    found = firings("loop: {in: [1], iterator: n}")
    assert found[7].behind == ()
    assert found[6].may == {("step.exit", "worked")}


def test_a_step_without_a_tool_may_have_an_error_that_was_brought() -> None:
    facts = facts_of(
        """
        workflow:
          - step: start
            tool: {kind: python, code: "result = 1"}
            case:
              - {when: "{{ error is defined }}", then: {next: handler}}
          - step: handler
            case:
              - {when: "{{ event.name == 'step.enter' and error is defined }}", then: {log: a}}
              - {when: "{{ error is defined }}", then: {log: b}}
        """
    )
    found = facts.firings[facts.graph.steps["handler"].span]
    assert [sorted(f.may) for f in found] == [[("step.enter", "none")], [("step.exit", "worked")]]
    assert [sorted(f.sure) for f in found] == [[], []]
