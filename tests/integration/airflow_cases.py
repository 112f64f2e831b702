"""Playbooks whose meaning on Airflow is compared with the reference runtime's, and by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from noetl.compiler.ir import Json

HEAD = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {{name: {name}, path: cases/{name}}}
workload: {{n: 1}}
workflow:
"""


@dataclass(frozen=True)
class Case:
    """A playbook with what has to come out: the status, and the steps that run, in key order."""

    name: str
    steps: str
    status: str
    runs: str
    output: Json = None
    payload: Mapping[str, Json] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """The credential store of the runtime; on Airflow they are connections, in `env`."""
    states: Mapping[str, str] = field(default_factory=dict)
    """States of Airflow tasks that are worth a look."""
    head: str = HEAD

    @property
    def text(self) -> str:
        """The playbook."""
        return self.head.format(name=self.name) + self.steps


BROKEN = 'tool: {kind: python, code: "raise ValueError(1)"}'
SHAPES = (
    Case(
        "handled_error_then_rejoin",
        f"""
  - step: start
    next: [a, b]
  - step: a
    {BROKEN}
    case:
      - when: "{{{{ event.name == 'call.error' }}}}"
        then:
          next: [{{step: handler, args: {{what: "{{{{ error.type }}}}"}}}}]
    next: [end]
  - step: handler
    vars: {{handled: "{{{{ args.what }}}}"}}
    next: [end]
  - step: b
    next: [end]
  - step: end
    case:
      - when: "{{{{ event.name == 'step.exit' }}}}"
        then: {{result: {{from: "ctx.handled"}}}}
""",
        "completed",
        "start a handler b end",
        output="ValueError",
        states={"a": "success", "a.rule0.0": "success", "a.next.0": "skipped", "verdict": "success"},
    ),
    Case(
        "unhandled_error_in_one_branch",
        f"""
  - step: start
    next: [a, b]
  - step: a
    {BROKEN}
    next: [end]
  - step: b
    next: [c]
  - step: c
    case:
      - when: "{{{{ event.name == 'step.exit' }}}}"
        then: {{result: {{from: "'c was here'"}}, next: end}}
  - step: end
""",
        "failed",
        "start a b c",
        output="c was here",
        states={"a": "failed", "c": "success", "end": "upstream_failed", "verdict": "failed"},
    ),
    Case(
        "fail_action",
        """
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {fail: {message: "n is {{ workload.n }}"}}
    next: [end]
  - step: end
""",
        "failed",
        "start",
        states={"start": "failed", "end": "upstream_failed"},
    ),
    Case(
        "fail_action_as_a_dead_path",
        """
  - step: start
    next: [a, b]
  - step: a
    case:
      - when: "{{ event.name == 'step.enter' }}"
        then: {fail: {message: "no", fail_workflow: false}}
    next: [end]
  - step: b
    next: [end]
  - step: end
""",
        "completed",
        "start a b end",
        states={"a": "success", "a.next.0": "skipped", "end": "success"},
    ),
    Case(
        "skip_takes_the_structural_next",
        f"""
  - step: start
    next: [a]
  - step: a
    {BROKEN}
    case:
      - when: "{{{{ event.name == 'step.enter' }}}}"
        then: {{skip: {{reason: "not today"}}}}
    next: [b]
  - step: b
    next: [end]
  - step: end
""",
        "completed",
        "start a b end",
        states={"a": "success", "b": "success"},
    ),
    Case(
        "a_rule_that_matches_nothing",
        """
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' and workload.n == 2 }}"
        then: {next: [a]}
      - when: "{{ event.name == 'step.exit' and workload.missing.deeper }}"
        then: {next: [end]}
  - step: a
    next: [end]
  - step: end
""",
        "completed",
        "start",
        states={"start": "success", "a": "skipped", "end": "skipped"},
    ),
    Case(
        "step_exit_on_failure",
        f"""
  - step: start
    {BROKEN}
    case:
      - when: "{{{{ event.name == 'step.exit' and error is defined }}}}"
        then: {{next: [{{step: after, args: {{why: "{{{{ error.message }}}}"}}}}]}}
    next: [never]
  - step: never
  - step: after
    case:
      - when: "{{{{ event.name == 'step.exit' }}}}"
        then: {{result: {{from: "[args.why, error.type]"}}, next: end}}
  - step: end
""",
        "completed",
        "start after end",
        output=["1", "ValueError"],
    ),
    Case(
        "a_join_poisoned_two_steps_below",
        f"""
  - step: start
    next: [a, b, c]
  - step: a
    {BROKEN}
    next: [d]
  - step: d
    next: [meet]
  - step: b
    next: [meet]
  - step: c
    next: [other]
  - step: other
    join: all
    next: [last]
  - step: meet
    join: all
    next: [last]
  - step: last
    join: all
""",
        "failed",
        "start a b c other",
        states={"d": "upstream_failed", "meet": "upstream_failed", "other": "success", "last": "upstream_failed"},
    ),
    Case(
        "copies_of_a_join_each_step",
        """
  - step: start
    next: [a, b]
  - step: a
    next: [{step: c, args: {from: a}}]
  - step: b
    next: [{step: c, args: {from: b}}, {step: c, args: {from: b again}}]
  - step: c
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then:
          collect: {from: "args.from", into: seen}
          next: [{step: d, args: {from: "{{ args.from }}"}}]
  - step: d
    next: [end]
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "ctx.seen"}}
""",
        "completed",
        "start a c d b c d c d end",
        output=["a", "b", "b again"],
        states={"c.copy1": "success", "c.copy2": "success", "c.copy3": "success", "end": "success"},
    ),
    Case(
        "one_of_two_copies_fails",
        """
  - step: start
    next: [{step: c, args: {n: 0}}, {step: c, args: {n: 1}}]
  - step: c
    case:
      - when: "{{ event.name == 'step.exit' and args.n == 0 }}"
        then: {fail: {message: zero}}
      - when: "{{ event.name == 'step.exit' }}"
        then: {next: d}
  - step: d
""",
        "failed",
        "start c c d",
        states={"c.copy1": "failed", "c.copy2": "success", "d.copy1": "upstream_failed", "d.copy2": "success"},
    ),
    Case(
        "one_target_of_two_choosers",
        """
  - step: start
    next: [a, b]
  - step: a
    case: [{when: true, then: {next: end}}, {when: true, then: {next: c}}]
  - step: b
    case: [{when: false, then: {next: end}}, {when: true, then: {next: c}}]
  - step: c
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "'end ran'"}}
""",
        "completed",
        "start a end b c",
        output="end ran",
    ),
    Case(
        "a_target_that_is_also_below_another",
        """
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' and workload.n == 1 }}"
        then: {next: a}
      - when: "{{ event.name == 'step.exit' }}"
        then: {next: end}
  - step: a
    case:
      - when: "{{ workload.n == 7 }}"
        then: {next: end}
  - step: end
""",
        "completed",
        "start a",
        states={"end": "skipped"},
    ),
    Case(
        "the_verdict_waits_for_a_late_failure",
        f"""
  - step: start
    next: [a, b]
  - step: a
    case: [{{when: true, then: {{next: []}}}}]
    next: [end]
  - step: b
    next: [c]
  - step: c
    {BROKEN}
  - step: end
""",
        "failed",
        "start a b c",
        states={"end": "skipped", "c": "failed"},
    ),
)
REGIONS = (
    Case(
        "a_cycle_is_like_a_step",
        f"""
  - step: start
    next: [count, other]
  - step: count
    case:
      - when: "{{{{ event.name == 'step.exit' and (ctx.n | default(0)) < 3 }}}}"
        then: {{set: {{n: "{{{{ (ctx.n | default(0)) + 1 }}}}"}}, next: count}}
      - when: "{{{{ event.name == 'step.exit' and workload.n == 1 }}}}"
        then: {{next: after}}
    next: [end]
  - step: after
    {BROKEN}
    next: [end]
  - step: other
    next: [last]
  - step: last
    join: all
  - step: end
""",
        "failed",
        "start count count count count after other last",
        states={"count": "success", "count.next.0": "skipped", "after": "failed", "end": "upstream_failed"},
    ),
    Case(
        "a_cycle_that_fails",
        f"""
  - step: start
    next: [count, other]
  - step: count
    {BROKEN}
    case:
      - when: "{{{{ event.name == 'call.error' and (ctx.n | default(0)) < 2 }}}}"
        then: {{set: {{n: "{{{{ (ctx.n | default(0)) + 1 }}}}"}}, next: count}}
    next: [end]
  - step: other
    next: [end]
  - step: end
""",
        "failed",
        "start count count count other",
        states={"count": "failed", "other": "success", "end": "upstream_failed"},
    ),
    Case(
        "a_loop_that_fails_and_leaves_tokens",
        """
  - step: start
    next: [all]
  - step: all
    loop: {in: [1, 2, 3], iterator: item}
    case:
      - when: "{{ event.name == 'step.exit' and item < 3 }}"
        then: {next: [{step: one, args: {item: "{{ item }}"}}]}
      - when: "{{ event.name == 'step.exit' and item == 3 }}"
        then: {fail: {message: "three"}}
  - step: one
    next: [two]
  - step: two
    next: [end]
  - step: end
""",
        "failed",
        "start all one two one two",
        states={"all.region": "success", "all.region.two.next.0": "success", "end": "skipped"},
    ),
    Case(
        "tokens_of_iterations_meet",
        """
  - step: start
    next: [all, late]
  - step: all
    loop: {in: [1, 2, 3], iterator: item, mode: parallel}
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {collect: {from: item, into: seen}, next: end}
  - step: late
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {collect: {from: "'late'", into: seen}, next: end}
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "ctx.seen"}}
""",
        "completed",
        "start all late end",
        output=[1, 2, 3, "late"],
        states={"all": "success", "all.rule0.0": "success", "end": "success"},
    ),
    Case(
        "a_failed_branch_poisons_only_joins_of_a_region",
        f"""
  - step: start
    next: [a, b]
  - step: a
    {BROKEN}
    next: [v]
  - step: b
    next: [v]
  - step: v
    next: [w]
  - step: w
    join: all
    case:
      - when: "{{{{ event.name == 'step.exit' and workload.n == 2 }}}}"
        then: {{next: v}}
    next: [end]
  - step: end
""",
        "failed",
        "start a b v",
        states={"a": "failed", "v.region": "success", "end": "skipped"},
    ),
    Case(
        "no_token_comes_to_a_region_below_a_failed_one",
        f"""
  - step: start
    next: [a, b, c]
  - step: a
    {BROKEN}
    next: [w]
  - step: b
    next: [w]
  - step: w
    join: all
    case:
      - when: "{{{{ event.name == 'step.exit' and workload.n == 2 }}}}"
        then: {{next: w}}
    next: [end]
  - step: c
    next: [end]
  - step: end
""",
        "failed",
        "start a b c",
        states={"a": "failed", "w": "skipped", "c": "success", "end": "skipped"},
    ),
    Case(
        "more_tokens_than_copies",
        """
  - step: start
    next: [a, a, a]
  - step: a
    next: [b, b, b]
  - step: b
    next: [c, c]
  - step: c
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {collect: {from: "1", into: seen}, next: end}
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "ctx.seen | sum"}}
""",
        "completed",
        " ".join(["start", *["a", *["b", "c", "c"] * 3] * 3, "end"]),
        output=18,
        states={"b.copy9": "success", "c": "success", "end": "success"},
    ),
)
DATA = (
    Case(
        "the_payload_is_merged_into_the_workload",
        """
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "workload"}}
""",
        "completed",
        "start",
        output={
            "n": 1,
            "deep": {"a": 1, "b": {"c": 3, "d": 4}},
            "list": [2],
            "from": "EU",
            "more": "{{ n }}",
            "region": "eu",
        },
        payload={"deep": {"b": {"d": 4}}, "list": [2], "more": "{{ n }}", "region": "eu", "from": "EU"},
        head="""\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {{name: {name}}}
workload: {{n: 1, deep: {{a: 1, b: {{c: 3}}}}, list: [1], from: "{{{{ region | upper }}}}"}}
workflow:
""",
    ),
    Case(
        "the_payload_as_one_text",
        """
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "workload.order | list"}}
""",
        "completed",
        "start",
        output=["z", "a", "big"],
        payload={"order": {"z": 1, "a": 2, "big": 2**70}},
    ),
    Case(
        "the_workload_cannot_be_rendered",
        """
  - step: start
""",
        "failed",
        "",
        head="""\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {{name: {name}}}
workload: {{n: "{{{{ 1 / 0 }}}}"}}
workflow:
""",
        states={"start": "failed", "verdict": "failed"},
    ),
    Case(
        "data_stays_what_it_is",
        """
  - step: start
    tool:
      kind: python
      code: |
        def main():
            return {"a": "{{ x }} {% raw %} '\\"\\n\\\\ \\u2028 \\x7f", "big": 2**70, "one": 1.0, "none": None,
                    "__type": "x", "__classname__": [True, ""], "z": {"y": 1, "x": 2}}
    next: [{step: pass_on, args: {a: "{{ start.a }}", all: "{{ start }}"}}]
  - step: pass_on
    tool:
      kind: python
      args: {again: "{{ args.all }}"}
      code: |
        def main(again, a):
            return [again, a, again["a"] == a]
    next: [end]
  - step: end
""",
        "completed",
        "start pass_on end",
    ),
    Case(
        "data_that_json_cannot_hold",
        """
  - step: start
    next: [inf, surrogate, nul, bytes]
  - step: inf
    tool: {kind: python, code: "result = float('1e400')"}
  - step: surrogate
    tool: {kind: python, code: "result = chr(0xd800)"}
  - step: nul
    tool: {kind: python, code: "result = chr(0)"}
  - step: bytes
    tool: {kind: python, code: "result = b'bytes'"}
""",
        "failed",
        "start inf surrogate nul bytes",
        states={"inf": "failed", "surrogate": "failed", "nul": "failed", "bytes": "failed"},
    ),
    Case(
        "names_that_airflow_refuses",
        """
  - step: start
    desc: "three quotes ''' and \\"\\"\\" and a backslash \\\\"
    next: [verdict, class, a/b, "été 1"]
  - step: verdict
    next: [end]
  - step: class
    next: [end]
  - step: a/b
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {set: {found: 1}, next: [end]}
  - step: "été 1"
    next: [end]
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "ctx.found"}}
""",
        "completed",
        "start verdict class a/b été_1 end",
        output=1,
        states={".76erdict": "success", "class": "success", "a.2fb": "success", ".c3.a9t.c3.a9.201": "success"},
    ),
    Case(
        "names_of_the_environment",
        """
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "[env.SHOWN, env.HIDDEN is defined]"}}
""",
        "completed",
        "start",
        output=["yes", False],
        env={"SHOWN": "yes", "HIDDEN": "no", "NOETL_ALLOW_ENV": "OTHER, SHOWN"},
    ),
    Case(
        "credentials_are_connections",
        """
  - step: start
    tool: {kind: http, url: "{{ workload.probe }}/a", auth: plain-token, headers: {x-s: "{{ secret.words }}"}}
    next: [b]
  - step: b
    tool: {kind: http, url: "{{ workload.probe }}/b", auth: {type: basic, credential: both}}
    next: [c]
  - step: c
    tool: {kind: http, url: "{{ workload.probe }}/c", auth: missing}
    case:
      - when: "{{ event.name == 'call.error' }}"
        then: {result: {from: "[error.type, error.message]"}}
""",
        "completed",
        "start b c",
        output=[
            "CredentialMissing",
            'no credential is called "missing"; as a variable it is NOETL_CREDENTIAL_MISSING',
        ],
        credentials={
            "plain-token": {"type": "bearer", "token": "t-0123456"},
            "words": {"type": "text", "value": "open sesame"},
            "both": {"type": "basic", "username": "me", "password": "p-0123456"},
        },
        env={
            "AIRFLOW_CONN_PLAIN-TOKEN": '{"conn_type": "http", "password": "t-0123456"}',
            "NOETL_CREDENTIAL_WORDS": "open sesame",
            "AIRFLOW_CONN_BOTH": '{"conn_type": "http", "login": "me", "password": "p-0123456"}',
        },
    ),
    Case(
        "writes_of_branches_meet_in_order",
        """
  - step: start
    next: [a, b]
  - step: a
    next: [slow]
  - step: slow
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {collect: {from: "'a'", into: all}, set: {last: a}, next: end}
  - step: b
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {collect: {from: "'b'", into: all}, set: {last: b}, next: end}
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "[ctx.all, ctx.last]"}}
""",
        "completed",
        "start a slow b end",
        output=[["a", "b"], "b"],
    ),
)
