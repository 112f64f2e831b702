from __future__ import annotations

from .build import facts_of


def test_errors_travel_along_rules_that_fire_on_failure_and_through_steps_that_keep_them() -> None:
    facts = facts_of(
        """
        workflow:
          - step: start
            tool: {kind: python, code: "result = 1"}
            case:
              - {when: "{{ error is defined }}", then: {next: failed}}
              - {when: "{{ response is defined }}", then: {next: worked}}
            next: structural
          - step: failed
            case:
              - {when: true, then: {next: kept}}
            next: structural
          - step: kept
            tool: {kind: python, code: "result = 1"}
            case:
              - {when: "{{ event.name == 'step.enter' }}", then: {next: entered}}
              - {when: "{{ event.name == 'step.exit' }}", then: {next: [called, nowhere]}}
          - step: worked
          - step: structural
          - step: entered
          - step: called
        """
    )
    assert facts.errors.inherited == {"failed", "kept", "entered"}
