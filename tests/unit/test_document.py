"""What the structure of a playbook may be, and the exact finding for what it may not be (semantics, section 1)."""

from __future__ import annotations

import textwrap
from typing import cast

import pytest
from pydantic import ValidationError

from noetl.compiler import ir
from noetl.compiler.document import Document, SkipSpec
from noetl.compiler.frontend import compile_source, load
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.diagnostics import Diagnostic, Severity, Span
from noetl.errors import PlaybookError

HEAD = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata:
  name: example
workflow:
"""


def errors(text: str) -> list[Diagnostic]:
    return [d for d in compile_source(text, "p.yaml", check=False).diagnostics if d.severity is Severity.ERROR]


def shown(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(d.code, str(d.span)) for d in found]


def steps(text: str) -> str:
    """A playbook with these steps; the first of them stands on line 6, column 5."""
    return HEAD + textwrap.indent(textwrap.dedent(text).strip("\n"), "  ") + "\n"


def test_the_smallest_playbook_has_no_findings() -> None:
    compiled = compile_source(HEAD + "  - step: start\n", "p.yaml", check=False)
    assert compiled.ok
    assert compiled.diagnostics == ()
    assert compiled.document is not None
    assert compiled.workflow is not None
    assert [s.name for s in compiled.workflow.steps] == ["start"]


MARK = "§"
"""Stands in a sample where the finding is expected."""
RULE = "- step: s\n  case: [{when: true, then: {%s}}]"
LOOP = "- step: s\n  next: s\n  loop: {%s}"
STEPS = [
    # code, words of the message, the steps
    ("NTL101", 'unexpected key "tols" in step "s"; allowed: args, case', "- step: s\n  §tols: {}"),
    ("NTL101", 'unexpected key "x" in "loop" of step "s"; allowed: in,', LOOP % "in: [], §x: 1, iterator: i"),
    ("NTL101", 'unexpected key "x" in "next" of step "s"; allowed: args', "- step: s\n  next: [{step: s, §x: 1}]"),
    ("NTL101", 'unexpected key "foo" in "then" of step "s"; allowed: call', RULE % "§foo: 1"),
    ("NTL101", 'unexpected key "args" in "then" of step "s"', RULE % "next: s, §args: {}"),
    (
        "NTL101",
        'unexpected key "x" in "then" of step "s"',
        "- step: s\n  case: [{when: true, then: [{step: s}, {§x: 1, step: s}]}]",
    ),
    ("NTL101", 'unexpected key "els" in "case"', "- step: s\n  case: [{§els: 1, when: true, then: {}}]"),
    ("NTL101", 'unexpected key "tools" in "sink" of step "s"', "- step: s\n  next: s\n  sink: {§tools: {}}"),
    ("NTL101", 'unexpected key "x" in "result" of step "s"; allowed: from', RULE % "result: {from: a, §x: 1}"),
    ("NTL101", 'unexpected key "from" in "collect"', RULE % "collect: {§from: a, strategy: append, path: b, into: c}"),
    ("NTL101", 'unexpected key "wait" in "retry" of step "s"', RULE % "retry: {§wait: 5}"),
    ("NTL101", 'unexpected key "overrides" in "retry"', RULE % "retry: {§overrides: {}}"),
    ("NTL101", "a call cannot change the kind", RULE % "call: {§kind: x}"),
    ("NTL102", 'missing key "step" in an entry of "workflow"', "- §tool: {kind: http}"),
    ("NTL102", 'missing key "kind" in "tool" of step "s"', "- step: s\n  §tool: {}"),
    ("NTL102", 'missing key "iterator" in "loop" of step "s"', "- step: s\n  next: s\n  §loop: {in: []}"),
    ("NTL102", 'missing key "in" in "loop" of step "s"', "- step: s\n  next: s\n  §loop: {iterator: x}"),
    ("NTL102", 'missing key "then" in "case" of step "s"', "- step: s\n  case: [{§when: true}]"),
    ("NTL102", 'missing key "when" in "case" of step "s"', "- step: s\n  case: [{§then: {}}]"),
    ("NTL102", 'missing key "step" in "next" of step "s"', "- step: s\n  next: [{§args: {}}]"),
    ("NTL102", 'missing key "into" in "collect" of step "s"', RULE % "§collect: {from: a}"),
    ("NTL102", 'missing key "path" in "collect" of step "s"', RULE % "§collect: {strategy: append, into: x}"),
    ("NTL102", 'missing key "tool" in "sink" of step "s"', RULE % "§sink: {table: x, mode: insert}"),
    ("NTL103", '"step" in an entry of "workflow" must be a string, not an integer', "- step: §1"),
    ("NTL103", 'an entry of "workflow" must be a mapping, not a string', "- §start"),
    ("NTL103", '"tool" in step "s" must be a mapping with "kind", not a list', "- step: s\n  tool: §[http]"),
    ("NTL103", '"tool" in step "s" must be a mapping with "kind", not a boolean', "- step: s\n  tool: §true"),
    ("NTL103", '"tool" in step "s" must be a mapping with "kind", not null', "- step: s\n  tool: §null"),
    ("NTL103", '"args" in step "s" must be a mapping, not a list', "- step: s\n  args: §[1]"),
    ("NTL103", '"case" in step "s" must be a list, not a mapping', "- step: s\n  case: §{when: true, then: {}}"),
    ("NTL103", '"when" in "case" of step "s" must be one expression', "- step: s\n  case: [{when: §1, then: {}}]"),
    (
        "NTL103",
        '"then" in "case" of step "s" must be a mapping or a list',
        "- step: s\n  case: [{when: true, then: §1}]",
    ),
    ("NTL103", 'an entry of "then" of step "s" must be a mapping', "- step: s\n  case: [{when: true, then: [{}, §1]}]"),
    ("NTL103", '"next" in step "s" must be a step name or a list of them', "- step: s\n  next: §5"),
    ("NTL103", '"next" in "then" of step "s" must be a step name or a list', RULE % "next: §null"),
    ("NTL103", 'an entry of "next" of step "s" must be a step name or a', "- step: s\n  next: [§5]"),
    ("NTL103", '"in" in "loop" of step "s" must be one expression', LOOP % "in: §{}, iterator: i"),
    ("NTL103", '"fail" in "then" of step "s" must be a mapping, not a string', RULE % "fail: §x"),
    ("NTL103", '"result" in "then" of step "s" must be', RULE % "result: §x"),
    ("NTL103", '"from" in "result" of step "s" must be one expression', RULE % "result: {from: §[a]}"),
    ("NTL103", '"ctx" in "set" of step "s" must be a mapping', RULE % "set: {ctx: §1}"),
    ("NTL103", '"log" in "then" of step "s" must be a string', RULE % "log: §[a]"),
    ("NTL103", '"max_attempts" in "retry" of step "s" must be an integer', RULE % "retry: {max_attempts: §'3'}"),
    ("NTL103", '"max_attempts" in "retry" of step "s" must be an integer', RULE % "retry: {max_attempts: §true}"),
    ("NTL103", '"fail_workflow" in "fail" of step "s" must be a boolean', RULE % "fail: {fail_workflow: §no}"),
    ("NTL103", '"code" in "tool" of step "s" must be a string', "- step: s\n  tool: {kind: python, code: §[a]}"),
    ("NTL103", '"verify_ssl" in "tool" of step "s" must be', "- step: s\n  tool: {kind: http, verify_ssl: §no}"),
    ("NTL103", '"verify_ssl" in "tool" of step "s" must be', "- step: s\n  tool: {kind: http, verify_ssl: §1}"),
    ("NTL103", '"args" in "tool" of step "s" must be a mapping', "- step: s\n  tool: {kind: python, args: §[a]}"),
    ("NTL104", '"step" in an entry of "workflow" must not be empty', "- step: §''"),
    ("NTL104", 'unexpected value "any" for "join" in step "s"; allowed: all, each', "- step: s\n  join: §any"),
    ("NTL104", 'unexpected value "par" for "mode" in "loop"', LOOP % "in: [], iterator: i, mode: §'par'"),
    ("NTL104", '"iterator" in "loop" of step "s"', LOOP % "in: [], iterator: §a b"),
    (
        "NTL104",
        '"max_in_flight" in "loop" of step "s" must be at least 1',
        LOOP % "in: [], iterator: a, max_in_flight: §0",
    ),
    ("NTL104", 'unexpected value "merge" for "strategy"', RULE % "collect: {strategy: §merge, path: a, into: b}"),
    ("NTL104", '"initial_delay" in "retry" of step "s" must be at least 0', RULE % "retry: {initial_delay: §-0.5}"),
    ("NTL104", '"ctx.a" in "set" of step "s" does not name a variable', RULE % "set: {§ctx.a: 1}"),
    ("NTL104", '"into" in "collect" of step "s" must not be empty', RULE % "collect: {from: a, into: §''}"),
    ("NTL104", '"vars.a" in "into" of step "s" does not name', RULE % "collect: {from: a, into: §vars.a}"),
    ("NTL104", '"{{ a }}" in "set" of step "s" does not name', RULE % "set: [{name: §'{{ a }}', value: 1}]"),
    ("NTL104", '"" in "set" of step "s" does not name', RULE % "set: {§'': 1}"),
    ("NTL103", '"set" in "then" of step "s" must be a mapping, not a list', RULE % "set: §[{name: a}]"),
    ("NTL103", '"set" in "then" of step "s" must be a mapping, not a list', RULE % "set: §[{name: [], value: 1}]"),
    ("NTL103", '"collect" in "then" of step "s" must be a mapping', RULE % "collect: §[a]"),
    ("NTL103", '"into" in "collect" of step "s" must be a string', RULE % "collect: {from: a, into: §[a]}"),
    ("NTL103", '"tool" in "sink" of step "s" must be', RULE % "sink: {tool: §[a], table: b}"),
    ("NTL132", '"call" in step "s" cannot name a step', RULE % "call: {§step: x}"),
    ("NTL133", "has text around it", "- step: s\n  case: [{when: §'a {{ b }}', then: {}}]"),
    ("NTL133", "has text around it", "- step: s\n  case: [{when: §'{{ a }} and {{ b }}', then: {}}]"),
    ("NTL133", "has text around it", "- step: s\n  case: [{when: §'{% if a %}true{% endif %}', then: {}}]"),
    ("NTL133", "has text around it", LOOP % "in: §'x{{ b }}', iterator: i"),
    ("NTL133", "has text around it", RULE % "collect: {from: §'x {{ a }}', into: b}"),
    ("NTL134", '"loop" in step "s" has no effect', "- step: s\n  §loop: {in: [], iterator: i}"),
    ("NTL134", '"sink" in step "s" has no effect', "- step: s\n  §sink: {tool: {kind: event_log}}"),
    ("NTL135", 'unknown tool kind "htp" in step "s"; allowed: container', "- step: s\n  tool: {kind: §htp}"),
    ("NTL135", 'unknown tool kind "" in step "s"', "- step: s\n  tool: {kind: §''}"),
    ("NTL135", 'unknown tool kind "x" in "sink" of step "s"', RULE % "sink: {tool: {kind: §x}}"),
    (
        "NTL136",
        '"endpoint" and "url" in "tool" of step "s" mean',
        "- step: s\n  tool: {kind: http, url: a, §endpoint: b}",
    ),
    ("NTL136", '"data" and "body" in "tool" of step "s" mean', "- step: s\n  tool: {kind: http, body: a, §data: b}"),
    ("NTL301", "is not closed", "- step: s\n  case: [{when: '{{ a§', then: {}}]"),
]


def marked(text: str) -> tuple[str, str]:
    """The text without its mark, and the place of the mark."""
    before = text[: text.index(MARK)]
    return text.replace(MARK, ""), f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@pytest.mark.parametrize(("code", "words", "text"), STEPS)
def test_one_mistake_in_a_step_is_one_error_at_its_place(code: str, words: str, text: str) -> None:
    text, place = marked(steps(text))
    found = errors(text)
    assert shown(found) == [(code, place)]
    assert words in found[0].message
    assert "\n" not in found[0].message


ROOTS = [
    ("NTL101", 'unexpected key "workloda" in the playbook', "workflow", "§workloda: {}\nworkflow"),
    (
        "NTL102",
        'missing key "kind" in the playbook',
        "apiVersion: noetl.io/v2\nkind: Playbook",
        "§apiVersion: noetl.io/v2",
    ),
    ("NTL102", 'missing key "apiVersion" in the playbook', "apiVersion: noetl.io/v2\n", "§"),
    ("NTL102", 'missing key "name" in "metadata"', "metadata:\n  name: example", "§metadata:\n  path: x"),
    ("NTL103", '"name" in "metadata" must be a string, not an integer', "example", "§5"),
    ("NTL103", '"metadata" must be a mapping, not a list', "\n  name: example", " §[]"),
    ("NTL103", '"workload" must be a mapping, not a string', "workflow", "workload: §x\nworkflow"),
    ("NTL105", 'unexpected value "noetl.io/v3" for "apiVersion"; allowed: noetl.io/v2', "noetl.io/v2", "§noetl.io/v3"),
    ("NTL106", 'unexpected value "Flow" for "kind"; allowed: Playbook', "Playbook", "§Flow"),
]


@pytest.mark.parametrize(("code", "words", "old", "new"), ROOTS)
def test_one_mistake_at_the_top_is_one_error_and_the_steps_are_still_read(
    code: str, words: str, old: str, new: str
) -> None:
    text, place = marked(HEAD.replace(old, new) + "  - step: start\n")
    compiled = compile_source(text, "p.yaml", check=False)
    assert shown(list(compiled.diagnostics)) == [(code, place)]
    assert words in compiled.diagnostics[0].message
    assert compiled.workflow is not None
    assert [s.name for s in compiled.workflow.steps] == ["start"]


def test_what_is_no_yaml_has_no_document() -> None:
    compiled = compile_source("a: [", "p.yaml")
    assert not compiled.ok
    assert (compiled.document, compiled.workflow, compiled.facts) == (None, None, None)


def test_without_a_workflow_nothing_is_lowered() -> None:
    compiled = compile_source("apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\n", "p.yaml", check=False)
    assert shown(list(compiled.diagnostics)) == [("NTL102", "1:1")]
    assert compiled.document is None
    assert compiled.workflow is None


@pytest.mark.parametrize(
    ("text", "code", "place", "words"),
    [
        ("- a\n- b\n", "NTL103", "1:1", "a playbook is a mapping, this document is a list"),
        ("hello\n", "NTL103", "1:1", "a playbook is a mapping, this document is a string"),
        (
            "services: {web: {image: x}}\n",
            "NTL105",
            "1:1",
            'this document is not a playbook: it has no key "apiVersion"',
        ),
        (
            "kind: Deployment\napiVersion: apps/v1\nspec: {type: x}\n",
            "NTL105",
            "2:13",
            'this document is not a playbook: its apiVersion is "apps/v1"',
        ),
    ],
)
def test_another_document_is_one_error(text: str, code: str, place: str, words: str) -> None:
    compiled = compile_source(text, "p.yaml", check=False)
    assert shown(list(compiled.diagnostics)) == [(code, place)]
    assert words in compiled.diagnostics[0].message
    assert compiled.workflow is None


def test_all_mistakes_of_a_file_are_found_at_once_and_the_rest_is_lowered() -> None:
    text = steps(
        """
        - step: start
          tols: {}
          tool: {kind: http, url: x}
          case:
            - when: "{{ event.name == 'call.done' }}"
              then:
                - collect: {from: response, into: 5}
                - {next: [a, 7, b]}
            - then: {skip: {}}
        - step: a
          loop: {in: [1], iterator: i, mode: any}
          tool: {kind: python}
        - 12
        - step: b
        """
    )
    compiled = compile_source(text, "p.yaml", check=False)
    assert [d.code for d in compiled.diagnostics] == ["NTL101", "NTL103", "NTL103", "NTL102", "NTL104", "NTL103"]
    workflow = compiled.workflow
    assert workflow is not None
    assert [s.name for s in workflow.steps] == ["start", "a", "b"]
    assert [e.target for e in workflow.step("start").edges()] == ["a", "b"]
    assert workflow.step("start").rules[0].data == ()
    assert workflow.step("a").loop is not None


def test_a_misspelled_required_key_is_told_once() -> None:
    found = errors(steps("- step: s\n  case: [{wen: true, then: {}}]"))
    assert shown(found) == [("NTL101", "7:13")]
    assert found[0].hint == 'did you mean "when"?'
    kind = errors(steps("- step: s\n  tool: {knd: http}"))
    assert shown(kind) == [("NTL102", "7:5")]
    assert kind[0].hint == 'is "knd" meant to be it?'
    then = errors(steps("- step: s\n  case: [{when: true}]"))
    assert then[0].hint is None, "a key of the language is itself"


def test_a_tool_field_beside_the_tool_gets_a_hint() -> None:
    found = errors(steps("- step: s\n  tool: {kind: http}\n  verify_ssl: true"))
    assert found[0].hint == '"verify_ssl" is a field of a tool; write it under "tool"'


def test_unknown_tool_fields_are_warnings() -> None:
    compiled = compile_source(steps("- step: s\n  tool: {kind: python, cod: x, case: []}"), "p.yaml", check=False)
    assert [(d.code, str(d.span), d.severity) for d in compiled.diagnostics] == [
        ("NTL108", "7:26", Severity.WARNING),
        ("NTL108", "7:34", Severity.WARNING),
    ]
    assert compiled.diagnostics[0].hint == 'did you mean "code"?'
    assert compiled.diagnostics[1].hint == '"case" belongs beside "tool", not in it'


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [("http", "json", "body"), ("http", "verify", "verify_ssl"), ("postgres", "sql", "command")],
)
def test_the_name_that_another_program_has_for_a_field_has_a_hint(kind: str, written: str, meant: str) -> None:
    compiled = compile_source(steps(f"- step: s\n  tool: {{kind: {kind}, {written}: x}}"), "p.yaml", check=False)
    assert [(d.code, d.hint) for d in compiled.diagnostics] == [("NTL108", f'did you mean "{meant}"?')]


def test_tolerated_keys_are_warnings_and_spec_is_kept() -> None:
    text = HEAD.replace("workflow", "executor: {profile: remote}\ntracing: {}\nspec: {a: [1, {b: null}]}\nworkflow")
    compiled = compile_source(text + "  - step: start\n", "p.yaml", check=False)
    assert shown(list(compiled.diagnostics)) == [("NTL107", "5:1"), ("NTL107", "6:1"), ("NTL107", "7:1")]
    assert compiled.workflow is not None
    assert compiled.workflow.spec == {"a": [1, {"b": None}]}


def test_optional_keys_without_a_value_are_as_if_absent() -> None:
    text = HEAD.replace("workflow", "workload:\nkeychain:\nworkbook:\nworkflow")
    text += "  - step: start\n    desc:\n    args:\n    case:\n    next:\n    vars:\n"
    assert compile_source(text, "p.yaml", check=False).diagnostics == ()


def test_keychain_entries_have_a_name_and_a_known_kind() -> None:
    text = HEAD.replace("workflow", "keychain:\n- {name: a, kind: oauth2, url: x}\n- {name: b, kind: safe}\nworkflow")
    compiled = compile_source(text + "  - step: start\n", "p.yaml", check=False)
    assert shown(list(compiled.diagnostics)) == [("NTL104", "7:19")]
    assert compiled.workflow is not None
    assert compiled.workflow.keychain == [{"name": "a", "kind": "oauth2", "url": "x"}]


def test_load_raises_all_diagnostics() -> None:
    with pytest.raises(PlaybookError) as caught:
        load(steps("- step: s\n  a: 1\n  b: 2"), "p.yaml", check=False)
    assert [d.code for d in caught.value.diagnostics] == ["NTL101", "NTL101"]


def test_two_steps_of_one_name_are_an_error_and_both_are_looked_at() -> None:
    text = steps("- step: start\n  next: a\n- step: a\n- step: a\n  next: b\n- step: b\n  next: c")
    found = compile_source(text, "p.yaml").diagnostics
    assert [(d.code, str(d.span)) for d in found] == [("NTL202", "9:11"), ("NTL203", "12:11")]


def test_a_great_many_mistakes_are_bounded() -> None:
    text = steps("- step: s\n" + "".join(f"  k{i}: 1\n" for i in range(5000)))
    compiled = compile_source(text, "p.yaml", check=False)
    assert not compiled.ok
    assert len(compiled.diagnostics) == 1000


# -- the models by themselves ----------------------------------------------------------------------------------------

AT = Span(1, 1, 1, 2)


def node(value: object) -> Node:
    """A node with no place of its own."""
    if isinstance(value, dict):
        return Map([(Scalar(str(k), str(k), "plain", AT), node(v)) for k, v in value.items()], AT)
    if isinstance(value, list):
        return Seq([node(item) for item in value], AT)
    assert value is None or isinstance(value, bool | int | float | str)
    return Scalar(value, str(value), "plain", AT)


def test_models_keep_nodes_and_coerce_nothing() -> None:
    values: list[object] = [1, "1", True, 1.0, None, 2**70]
    document = Document.model_validate(
        node(
            {
                "apiVersion": "noetl.io/v2",
                "kind": "Playbook",
                "metadata": {"name": "x", "team": {"id": 1}},
                "workload": {"values": values},
                "workflow": [{"step": "start"}],
            }
        )
    )
    assert document.workload is not None
    kept = document.workload.get("values")
    assert isinstance(kept, Seq)
    assert [(type(s.value), s.value) for s in kept.items if isinstance(s, Scalar)] == [(type(v), v) for v in values]
    assert document.workflow[0].step.text == "start"
    assert document.metadata.node.get("team") is not None


def test_models_refuse_what_is_no_node() -> None:
    for wrong in (5, Map([(Scalar("reason", "reason", "plain", AT), cast(Node, 5))], AT)):
        with pytest.raises(ValidationError):
            SkipSpec.model_validate(wrong)


def test_messages_stay_on_one_line_and_short() -> None:
    found = errors(steps('- step: "a\\nb\\u2028"\n  ' + "k" * 500 + ": 1"))
    assert found[0].message.startswith(f'unexpected key "{"k" * 80}..." in step "a\\nb\\u2028"; allowed: args')


def test_models_describe_themselves_as_json_schema() -> None:
    schema = Document.model_json_schema()
    assert set(schema["required"]) == {"apiVersion", "kind", "metadata", "workflow"}
    assert schema["additionalProperties"] is False
    step = schema["$defs"]["StepSpec"]
    assert step["properties"]["join"]["anyOf"][0] == {"enum": ["all", "each"]}


def test_a_document_without_findings_lowers_to_values_of_the_same_type() -> None:
    text = HEAD.replace("workflow", "workload: {a: 1, b: '1', c: true, d: 1.0, e: null, f: [1]}\nworkflow")
    workflow = load(text + "  - step: start\n", "p.yaml", check=False)
    values = [v.value for _, v in workflow.workload.entries if isinstance(v, ir.Const)]
    assert [(type(v), v) for v in values] == [
        (int, 1),
        (str, "1"),
        (bool, True),
        (float, 1.0),
        (type(None), None),
        (list, [1]),
    ]
