"""From documents to the IR: rules and their events, edges and their outcomes, actions, values and their places."""

from __future__ import annotations

import textwrap

import pytest

from noetl.compiler import ir
from noetl.compiler.frontend import Compilation, compile_source, load

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: example, path: a/b, tags: [x, z]}\nworkflow:\n"


def compiled(steps: str) -> Compilation:
    return compile_source(HEAD + textwrap.dedent(steps).lstrip("\n"), "p.yaml", check=False)


def lowered(steps: str) -> ir.Workflow:
    return load(HEAD + textwrap.dedent(steps).lstrip("\n"), "p.yaml", check=False)


def rule(when: str, then: str = "{}", *, tool: bool = True, loop: bool = False) -> ir.Rule:
    """The only rule of the step `start`; `when` is YAML."""
    lines = ["- step: start"]
    lines += ["  tool: {kind: http, url: a}"] if tool else []
    lines += ["  loop: {in: [1], iterator: item}"] if loop else []
    lines += ["  case:", f"  - when: {when}", f"    then: {then}", "- step: end"]
    return lowered("\n".join(lines) + "\n").steps[0].rules[0]


# -- events ----------------------------------------------------------------------------------------------------------

HTTP_EVENTS = ("step.enter", "call.done", "call.error", "step.exit")


@pytest.mark.parametrize(
    ("when", "events"),
    [
        ("\"{{ event.name == 'step.enter' }}\"", ("step.enter",)),
        ("\"{{ event['name'] == 'call.error' and error is defined }}\"", ("call.error",)),
        ("event.name in ['call.done', 'step.exit'] and response is defined", ("call.done", "step.exit")),
        ("event.name != 'step.exit'", ("step.enter", "call.done", "call.error")),
        ("event.name == 'loop.done'", ()),
        ("\"{{ event.name.startswith('call.') }}\"", ("call.done", "call.error")),
        ("event", HTTP_EVENTS),
        ("response.ok", ("call.done",)),
        ("error is defined", ("call.done",)),
        ("event.call > 1", ("call.done",)),
        ("true", ("call.done",)),
        ('"true"', ("call.done",)),
        ("false", ()),
        ("'false'", ()),
        ('"{{ 1 == 2 and response }}"', ()),
    ],
)
def test_a_rule_listens_to_the_events_for_which_its_condition_can_be_true(
    when: str, events: tuple[ir.EventName, ...]
) -> None:
    """RUL-2."""
    assert rule(when).events == events


def test_without_a_tool_the_outcome_is_the_exit() -> None:
    assert rule("true", tool=False).events == ("step.exit",)
    assert rule("event.name != 'call.done'", tool=False).events == ("step.enter", "step.exit")


def test_a_loop_has_its_own_event() -> None:
    assert rule("event.name == 'loop.done'", loop=True).events == ("loop.done",)
    assert rule("true", loop=True).events == ("call.done",)
    assert rule("true", tool=False, loop=True).events == ("step.exit",)


def test_a_call_listens_to_call_done_only() -> None:
    """RUL-9; on a step without a tool the rule is an error, and never fires."""
    assert rule("response.more", "{call: {}}").events == ("call.done",)
    assert rule("true", "{call: {}}", tool=False).events == ("call.done",)


def test_a_condition_that_cannot_be_read_listens_to_nothing() -> None:
    found = compile_source(
        HEAD + "- step: s\n  tool: {kind: http}\n  case: [{when: 'a ==', then: {}}]\n", "p.yaml", check=False
    )
    assert found.workflow is not None
    assert found.workflow.steps[0].rules[0].events == ()


@pytest.mark.parametrize(
    ("when", "aware"),
    [
        ("error is defined", True),
        ("event.name == 'call.error'", True),
        ("response is defined", True),
        ("response.status == 200", True),
        ("result['status_code'] > 399", True),
        ("this.metadata.status_code == 500", True),
        ("response.data.more", False),
        ("event.name == 'step.exit'", False),
        ("true", False),
    ],
)
def test_rules_that_ask_about_failure(when: str, aware: bool) -> None:
    """RUL-3."""
    assert rule(when).error_aware is aware


# -- edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "taken_on"),
    [
        ("event.name == 'step.exit'", "success"),
        ("event.name == 'step.enter' and error is defined", "success"),
        ("event.name == 'call.done' and response is defined", "success"),
        ("event.name == 'call.done' and error is defined", "failure"),
        ("event.name == 'call.error'", "failure"),
        ("event.name == 'call.error' or event.name == 'step.exit'", "both"),
        ("response.status == 404", "success"),
        ("error is defined or response is defined", "both"),
        ("error is defined and error.status == 404", "failure"),
        ("true", "success"),
    ],
)
def test_edges_of_rules_know_the_outcomes_on_which_they_are_taken(when: str, taken_on: str) -> None:
    """RUL-3, last sentence."""
    control = rule(when, "{next: end}").control
    assert isinstance(control, ir.Next)
    assert control.edges[0].taken_on == taken_on


def test_without_a_tool_nothing_fails_in_a_call() -> None:
    control = rule("event.name == 'step.exit' and error is defined", "{next: end}", tool=False).control
    assert isinstance(control, ir.Next)
    assert control.edges[0].taken_on == "success"


@pytest.mark.parametrize(
    ("when", "then", "taken_on"),
    [
        ("error is defined", "{skip: {}}", "both"),
        ("error is defined", "{result: {from: error}}", "both"),
        ("error is defined", "{next: end}", "success"),
        ("error is defined", "{result: {from: error}, fail: {}}", "success"),
        ("error is defined", "{retry: {}}", "success"),
        ("response is defined", "{result: {from: response}}", "success"),
    ],
)
def test_the_structural_next_follows_an_error_that_was_handled_without_a_transition(
    when: str, then: str, taken_on: str
) -> None:
    """RUL-7, RUL-8, STP-7."""
    step = lowered(
        f"- step: start\n  tool: {{kind: http}}\n  case: [{{when: {when}, then: {then}}}]\n  next: end\n- step: end\n"
    ).steps[0]
    assert step.next is not None
    assert step.next.edges[0].taken_on == taken_on


def test_edges_know_where_they_come_from() -> None:
    step = lowered(
        """
        - step: a
          case:
            - when: true
              then: {set: {x: 1}}
            - when: true
              then:
                next:
                  - end
                  - step: a
                    args: {n: "{{ x }}", m: 1}
          next: [end]
        - step: end
        """
    ).steps[0]
    assert [(e.source, e.target, e.rule, e.entry, str(e.span)) for e in step.edges()] == [
        ("a", "end", 1, 0, "12:13"),
        ("a", "a", 1, 1, "13:19"),
        ("a", "end", None, 0, "15:10"),
    ]
    args = list(step.edges())[1].args
    assert [(name, type(value)) for name, value in args.entries] == [("n", ir.Template), ("m", ir.Const)]
    assert [str(span) for span in args.keys] == ["14:20", "14:34"]


def test_an_end_that_is_only_named_is_a_marker_with_a_fixable_note() -> None:
    """DOC-7."""
    found = compiled("- step: start\n  next: [end]\n  # the last line\n")
    assert [(d.code, str(d.span)) for d in found.diagnostics] == [("NTL131", "6:10")]
    assert found.workflow is not None
    end = found.workflow.steps[-1]
    assert (end.name, end.declared, end.join, end.tool, end.next) == ("end", False, "all", None, None)
    fix = found.diagnostics[0].fix
    assert fix is not None
    (edit,) = fix.edits
    assert (str(edit.span), edit.text) == ("6:14", "\n- step: end")


def test_joins() -> None:
    """STP-1."""
    text = "- {step: a}\n- {step: b, join: all}\n- {step: end}\n- {step: c, join: each}\n"
    assert [s.join for s in lowered(text).steps] == ["each", "all", "all", "each"]
    assert lowered("- {step: end, join: each}\n").steps[0].join == "each"


# -- loops -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "then", "per_iteration"),
    [
        ("event.name == 'step.exit'", "{next: end}", False),
        ("event.name == 'step.exit' and response is defined", "{next: end}", False),
        ("event.name == 'step.exit' and response.ok is defined", "{next: end}", True),
        ("event.name == 'step.exit' and error is defined", "{next: end}", True),
        ("event.name == 'step.exit' and item > 1", "{next: end}", True),
        ("event.name == 'step.exit' and loop.last", "{}", True),
        ("event.name == 'step.exit' and loop_index", "{}", True),
        ("event.name == 'step.exit'", '{next: [{step: end, args: {a: "{{ result }}"}}]}', True),
        ("event.name == 'step.exit'", '{next: [{step: end, args: {a: ["{{ item }}"]}}]}', True),
        ("event.name == 'step.exit'", '{next: [{step: end, args: {a: "{{ ctx.item }}"}}]}', False),
        ("event.name == 'step.exit'", "{collect: {from: response.a, into: b}}", True),
        ("event.name == 'step.exit'", "{collect: {strategy: append, path: a, into: b}}", True),
        ("event.name == 'step.exit'", "{collect: {from: a, into: b}}", False),
        ("event.name == 'step.exit'", "{result: {from: this}}", True),
        ("event.name == 'step.exit'", '{result: {a: "{{ 1 }}"}}', False),
        ("event.name == 'step.exit'", '{set: {a: "{{ response is defined }}"}}', True),
        ("event.name == 'step.exit'", '{log: "{{ item }}"}', True),
        ("event.name == 'step.exit'", '{fail: {message: "{{ error }}"}}', True),
        ("event.name == 'step.exit'", "{result: [1, '{{ item }}']}", True),
        ("event.name == 'step.exit'", "{call: {body: '{{ item }}'}}", True),
        ("event.name == 'step.exit'", "{retry: {max_attempts: '{{ item }}'}}", True),
        ("event.name == 'step.exit'", "{retry: {url: '{{ item }}'}}", True),
        ("event.name == 'step.exit'", "{retry: {url: a, initial_delay: 1}}", False),
        ("event.name == 'step.exit'", "{skip: {reason: '{{ item }}'}}", True),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: gcs}}}", True),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: python, args: {data: '{{ ctx.a }}'}}}}", False),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: event_log}}}", True),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: event_log, data: 1}}}", False),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: event_log, args: {a: 1}}}}", False),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: postgres, table: a, mode: insert}}}", True),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: postgres, command: select 1}}}", False),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: http, method: post, url: a}}}", True),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: http, url: a}}}", False),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: http, method: PUT, url: a, body: 1}}}", False),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: python, code: a}}}", True),
        ("event.name == 'step.exit'", "{sink: {tool: {kind: python, code: a, args: {data: 1}}}}", False),
    ],
)
def test_rules_of_a_loop_that_are_about_the_iteration(when: str, then: str, per_iteration: bool) -> None:
    """LOP-3."""
    assert rule(when, then, loop=True).per_iteration is per_iteration
    assert rule(when, then).per_iteration is False


def test_loops() -> None:
    """DOC-9, LOP-8."""
    steps = lowered(
        """
        - step: a
          loop: {in: "{{ workload.rows }}", iterator: row}
          next: end
        - step: b
          loop: {in: [1, "{{ x }}"], iterator: row, mode: async, max_in_flight: "{{ n }}"}
          next: end
        - step: end
          loop: {in: workload.rows, iterator: row, mode: parallel}
          tool: {kind: python}
        """
    ).steps
    loops = [step.loop for step in steps]
    assert [(x.iterator, x.parallel) for x in loops if x] == [("row", False), ("row", True), ("row", True)]
    first, second, third = (x for x in loops if x)
    assert isinstance(first.items, ir.Expression)
    assert (first.items.source, str(first.items.span)) == ("workload.rows", "6:18")
    assert isinstance(second.items, ir.ListValue)
    assert isinstance(second.max_in_flight, ir.Template)
    assert isinstance(third.items, ir.Expression)
    assert (third.items.source, str(third.items.span)) == ("workload.rows", "12:14")


# -- actions ---------------------------------------------------------------------------------------------------------


def test_data_actions_keep_their_order_and_the_control_action_stands_apart() -> None:
    """RUL-6."""
    made = rule(
        "true",
        '[{next: end}, {set: {b: 1}}, {collect: {from: a, into: c}, log: hi}, {result: {x: "{{ y }}"}}, '
        "{sink: {tool: {kind: event_log}}}]",
    )
    assert [type(action).__name__ for action in made.data] == ["Set", "Collect", "Log", "SetResult", "Sink"]
    assert isinstance(made.control, ir.Next)
    assert isinstance(made.data[4], ir.Sink)
    assert made.data[4].place == "0.5"


def test_of_two_control_actions_the_transition_is_kept() -> None:
    assert isinstance(rule("true", "{call: {}, next: end, skip: {}}").control, ir.Next)
    assert isinstance(rule("true", "{call: {}, skip: {}}").control, ir.Call)


def test_every_form_of_set_is_one_ordered_map_of_store_names() -> None:
    """SET-1."""
    made = rule("true", '{set: {b: 1, ctx: {a: 2, c: "{{ b }}"}, vars: {a: 3}, ctxx: null}}')
    action = made.data[0]
    assert isinstance(action, ir.Set)
    assert [name for name, _ in action.entries.entries] == ["b", "a", "c", "a", "ctxx"]
    assert action.entries.get("a") == ir.Const(3, action.entries.entries[3][1].span)
    assert len(action.entries.keys) == 5


def test_defaults_of_retry() -> None:
    """RET-1."""
    made = rule("error is defined", "{retry: {}}").control
    assert isinstance(made, ir.Retry)
    values = (made.max_attempts, made.initial_delay, made.backoff_multiplier)
    assert [v.value for v in values if isinstance(v, ir.Const)] == [3, 0.5, 2.0]
    assert made.max_delay is None


def test_defaults_of_paging_fail_and_collect() -> None:
    page = rule("true", "{retry: {url: b}}").control
    assert isinstance(page, ir.Page)
    assert isinstance(page.max_attempts, ir.Const)
    assert page.max_attempts.value == 100
    fail = rule("true", "{fail: null}").control
    assert isinstance(fail, ir.Fail)
    assert fail.message is None
    assert isinstance(fail.fail_workflow, ir.Const)
    assert fail.fail_workflow.value is True
    collect = rule("true", "{collect: {from: a, into: b}}").data[0]
    assert isinstance(collect, ir.Collect)
    assert collect.mode == "append"


def test_results() -> None:
    """RES-1, and a template by itself."""
    values = [rule("true", f"{{result: {given}}}").data[0] for given in ("{from: '{{ a.b }}'}", "{a: 1}", "'{{ a }}'")]
    kinds = [type(v.value) for v in values if isinstance(v, ir.SetResult)]
    assert kinds == [ir.Expression, ir.Const, ir.Template]


# -- tools and values ------------------------------------------------------------------------------------------------


def test_code_is_never_a_template() -> None:
    """TPL-8, TOO-5."""
    steps = lowered(
        """
        - step: a
          tool: {kind: python, code: "{{ x }}", code_b64: "{{ x }}", args: {a: "{{ x }}"}}
        - step: b
          tool: {kind: postgres, command: "{{ x }}", command_b64: "{{ x }}"}
        """
    ).steps
    kinds = [[(n, type(v).__name__) for n, v in s.tool.fields.entries] for s in steps if s.tool]
    assert kinds == [
        [("code", "Const"), ("code_b64", "Const"), ("args", "MapValue")],
        [("command", "Template"), ("command_b64", "Const")],
    ]


def test_inline_scripts_are_never_templates() -> None:
    """TOO-5."""
    step = lowered(
        """
        - step: start
          tool:
            kind: python
            script: {uri: "{{ x }}", source: {type: inline, code: "{{ x }}", region: "{{ x }}"}}
        """
    ).steps[0]
    assert step.tool is not None
    script = step.tool.fields.get("script")
    assert isinstance(script, ir.MapValue)
    source = script.get("source")
    assert isinstance(source, ir.MapValue)
    assert [(n, type(v).__name__) for n, v in source.entries] == [
        ("type", "Const"),
        ("code", "Const"),
        ("region", "Template"),
    ]
    assert isinstance(script.get("uri"), ir.Template)


def test_workbook_tasks_and_their_declarations() -> None:
    """DOC-10."""
    tasks = """\
workbook:
- name: t
  tool: {kind: python, assert: {expects: [a]}}
  assert: {expects: [b, a], returns: [c]}
"""
    text = HEAD.replace("workflow:", tasks + "workflow:")
    workflow = load(text + "- step: start\n", "p.yaml", check=False)
    (task,) = workflow.tasks
    assert (task.name, task.expects, task.returns) == ("t", ("a", "b"), ("c",))
    assert (task.tool.expects, task.tool.returns) == (task.expects, task.returns)
    assert task.tool.fields.entries == ()
    assert workflow.task("t") is task
    assert (workflow.name, workflow.path, workflow.tags) == ("example", "a/b", ("x", "z"))


def test_values_without_templates_are_one_constant() -> None:
    step = lowered(
        """
        - step: start
          args:
            plain: {a: [1, {b: null}], 1: x, ~: z, True: z, 012: z, on: z}
            mixed: {a: [1, "{{ x }}"], b: {c: 1}}
            text: "{ not a template }"
        """
    ).steps[0]
    plain, mixed, text = (value for _, value in step.args.entries)
    assert isinstance(plain, ir.Const)
    assert plain.value == {"a": [1, {"b": None}], "1": "x", "~": "z", "True": "z", "012": "z", "on": "z"}
    assert isinstance(mixed, ir.MapValue)
    assert [type(value) for _, value in mixed.entries] == [ir.ListValue, ir.Const]
    assert isinstance(text, ir.Const)


def test_places_inside_templates_and_expressions() -> None:
    step = lowered(
        """
        - step: start
          args:
            a: "x {{ some.name }}"
          case:
            - when: >-
                {{ one
                and two }}
              then: {collect: {from: ' response.x ', into: y}}
          next: start
        """
    ).steps[0]
    template = step.args.entries[0][1]
    assert isinstance(template, ir.Template)
    assert str(template.place(5, 14)) == "7:14"
    when = step.rules[0].when
    assert isinstance(when, ir.Expression)
    assert (when.source, str(when.span), when.span.end_line) == ("one and two", "10:12", 11)
    assert str(when.place(when.source.index("two"))) == "11:13"
    collect = step.rules[0].data[0]
    assert isinstance(collect, ir.Collect)
    assert (collect.source.source, str(collect.source.span)) == ("response.x", "12:32")


def test_places_of_a_bare_expression_that_got_braces() -> None:
    step = lowered("- step: s\n  next: s\n  sink: {tool: {kind: event_log, from: response.x}}\n").steps[0]
    assert step.sink is not None
    data = step.sink.tool.fields.get("data")
    assert isinstance(data, ir.Template)
    assert data.source == "{{ response.x }}"
    assert str(data.place(3, 11)) == "7:40"
