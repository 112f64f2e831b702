"""Playbooks that tell faults apart which hardly show by chance: steps, and the attempts that fail, by place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from noetl.compiler.ir import Json
from noetl.runtime.ports import Outcome

HEAD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: sharp}\nworkflow:\n"


@dataclass(frozen=True, slots=True)
class Told:
    """Answers `{v: 1}`, but where an attempt is told to fail."""

    failing: Mapping[str, str] = field(default_factory=dict)
    """Messages by place."""

    def outcome(self, place: str) -> Outcome:
        """The outcome of an attempt."""
        if place in self.failing:
            return Outcome(error={"type": "Told", "message": self.failing[place], "status": 500})
        response: dict[str, Json] = {"v": 1, "place": place}
        return Outcome(response=response)


SHARP: Final[Mapping[str, tuple[str, Told]]] = {
    "RUL-4: the error at a join is that of the token with the largest key": (
        """
- step: start
  next: [{step: a}, {step: b}]
- step: a
  tool: {kind: python, code: "result = 1"}
  case: [{when: "{{ error is defined }}", then: {next: meet}}]
- step: b
  tool: {kind: python, code: "result = 1"}
  case: [{when: "{{ error is defined }}", then: {next: meet}}]
- step: meet
  join: all
  case: [{when: "{{ event.name == 'step.enter' and error is defined }}", then: {set: {told: "{{ error.message }}"}}}]
  next: [{step: end, args: {told: "{{ ctx.told }}"}}]
- step: end
""",
        Told({"0.0:0:1:1": "first", "0.1:0:1:1": "second"}),
    ),
    "LOP-6: one dead path among the failed iterations is not enough": (
        """
- step: start
  loop: {in: [a, b], iterator: item, mode: parallel}
  tool: {kind: python, code: "result = 1"}
  case: [{when: "{{ event.name == 'call.done' and item == 'a' }}", then: {fail: {fail_workflow: false}}}]
""",
        Told({"-:1:1:1": "really"}),
    ),
    "RES-1: a later run of the loop step has the larger key": (
        """
- step: start
  case: [{when: "{{ event.name == 'step.enter' }}", then: {set: {items: [1, 2]}}}]
  next: each
- step: each
  loop: {in: "{{ ctx.items }}", iterator: item}
  tool: {kind: python, code: "result = 1"}
  case:
  - when: "{{ event.name == 'step.exit' and item == 1 }}"
    then: {set: {items: [7]}, next: each}
  - when: "{{ event.name == 'loop.done' }}"
    then: {next: meet}
- step: meet
  join: all
  next: [{step: end, args: {seen: "{{ each.results | length }}"}}]
- step: end
""",
        Told(),
    ),
    "RES-1: the result of a loop whose iterations released tokens": (
        """
- step: start
  next: [{step: each}, {step: end}]
- step: each
  loop: {in: [1, 2], iterator: item}
  tool: {kind: python, code: "result = 1"}
  case:
  - when: "{{ event.name == 'step.enter' }}"
    then: {set: {entered: true}}
  - when: "{{ event.name == 'step.exit' and item == 1 or event.name == 'loop.done' }}"
    then: {next: meet}
- step: meet
  join: all
  next: [{step: end, args: {seen: "{{ each.results | length }}"}}]
- step: end
""",
        Told(),
    ),
    "CAU-2: what is set comes before what is appended to it": (
        """
- step: start
  tool: {kind: python, code: "result = 1"}
  case:
  - when: "{{ event.name == 'step.enter' }}"
    then: {set: {seen: [0]}}
  - when: "{{ event.name == 'call.done' }}"
    then: {collect: {from: "{{ response.v }}", into: seen}}
  next: more
- step: more
  next: [{step: end, args: {seen: "{{ ctx.seen }}"}}]
- step: end
""",
        Told(),
    ),
    "RET-3: the retries of a call do not count for the next": (
        """
- step: start
  tool: {kind: python, code: "result = 1"}
  case:
  - when: "{{ event.name == 'call.error' }}"
    then: {retry: {max_attempts: 2, initial_delay: 0}}
  - when: "{{ event.name == 'call.done' and response.v == 1 and event.call < 2 }}"
    then: {call: {args: {page: 2}}}
""",
        Told({"-:0:1:1": "once", "-:0:2:1": "again"}),
    ),
    "RUL-4: the error of an edge is bound until the first outcome": (
        """
- step: start
  tool: {kind: python, code: "result = 1"}
  case: [{when: "{{ error is defined }}", then: {next: mend}}]
- step: mend
  tool: {kind: python, code: "result = 1"}
  case: [{when: "{{ event.name == 'call.done' and error is defined }}", then: {set: {still: true}}}]
  next: [{step: end, args: {still: "{{ ctx.still }}"}}]
- step: end
""",
        Told({"-:0:1:1": "broken"}),
    ),
    "RET-5: at its cap a page handles no error": (
        """
- step: start
  tool: {kind: python, code: "result = 1"}
  case: [{when: "{{ event.name == 'call.error' }}", then: {retry: {max_attempts: 1, args: {page: 2}}}}]
  next: end
- step: end
""",
        Told({"-:0:1:1": "broken"}),
    ),
    "CAU-2: a join folds by key, whatever its tokens have in common": (
        """
- step: start
  next: [{step: a}, {step: b}, {step: c}]
- step: a
  case: [{when: "{{ event.name == 'step.exit' }}", then: {collect: {from: "{{ 'a' }}", into: seen}}}]
  next: ac
- step: b
  case: [{when: "{{ event.name == 'step.exit' }}", then: {collect: {from: "{{ 'b' }}", into: seen}}}]
  next: all
- step: c
  case: [{when: "{{ event.name == 'step.exit' }}", then: {collect: {from: "{{ 'c' }}", into: seen}}}]
  next: ac
- step: ac
  join: all
  next: all
- step: all
  join: all
  next: [{step: end, args: {seen: "{{ ctx.seen }}"}}]
- step: end
""",
        Told(),
    ),
    "TPL-7: an entry of args named error wins where an error edge leads": (
        """
- step: start
  tool: {kind: python, code: "result = 1"}
  case: [{when: "{{ error is defined }}", then: {next: [{step: mend, args: {error: mine}}]}}]
- step: mend
  case: [{when: "{{ event.name == 'step.enter' }}", then: {set: {told: "{{ error }}"}}}]
  next: [{step: end, args: {told: "{{ ctx.told }}"}}]
- step: end
""",
        Told({"-:0:1:1": "broken"}),
    ),
}
"""Steps and answers, by what they show."""
