"""Spellings of DOC-11 mean their canonical form, say so, and can be rewritten; v1 and the local dialect are refused."""

from __future__ import annotations

import dataclasses
import textwrap

import pytest

from noetl.compiler import ir
from noetl.compiler.frontend import Compilation, compile_source
from noetl.diagnostics import Edit, Severity, Span

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: example}\n"


def compiled(body: str, head: str = HEAD) -> Compilation:
    return compile_source(head + textwrap.dedent(body).lstrip("\n"), "p.yaml", check=False)


def meaning(value: object) -> object:
    """The IR without the places: equal for playbooks that mean the same."""
    if isinstance(value, Span):
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (
            type(value).__name__,
            *(meaning(getattr(value, f.name)) for f in dataclasses.fields(value) if f.compare),
        )
    if isinstance(value, tuple | list):
        return [meaning(item) for item in value]
    return value


def workflow(result: Compilation) -> ir.Workflow:
    assert result.workflow is not None
    return result.workflow


def applied(text: str, edits: list[Edit]) -> str:
    """The text after edits that do not overlap; of two at one place the first comes first."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    offsets = [
        (starts[e.span.line - 1] + e.span.column - 1, starts[e.span.end_line - 1] + e.span.end_column - 1, n, e.text)
        for n, e in enumerate(edits)
    ]
    for start, end, _, new in sorted(offsets, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def rewritten(result: Compilation, text: str) -> str:
    """The text after all its fixes, one after the other."""
    for _ in range(100):
        fix = next((d.fix for d in result.diagnostics if d.fix), None)
        if fix is None:
            return text
        text = applied(text, list(fix.edits))
        result = compile_source(text, "p.yaml", check=False)
    raise AssertionError("the fixes never end")


SPELLINGS = {
    "http url": (
        "workflow:\n- step: start\n  tool: {kind: http, endpoint: 'a', with: {x: 1}}\n",
        "workflow:\n- step: start\n  tool: {kind: http, url: 'a', args: {x: 1}}\n",
    ),
    "http body": (
        "workflow:\n- step: start\n  tool:\n    kind: http\n    payload: {x: 1}\n  next: start\n",
        "workflow:\n- step: start\n  tool:\n    kind: http\n    body: {x: 1}\n  next: start\n",
    ),
    "http data": (
        'workflow:\n- step: start\n  tool: {kind: http, "data": {x: 1}}\n',
        "workflow:\n- step: start\n  tool: {kind: http, body: {x: 1}}\n",
    ),
    "postgres": (
        "workflow:\n- step: start\n  tool: {kind: postgres, query: select 1}\n",
        "workflow:\n- step: start\n  tool: {kind: postgres, command: select 1}\n",
    ),
    "duckdb": (
        "workflow:\n- step: start\n  tool: {kind: duckdb, commands: select 1}\n",
        "workflow:\n- step: start\n  tool: {kind: duckdb, command: select 1}\n",
    ),
    "snowflake": (
        "workflow:\n- step: start\n  tool: {kind: snowflake, statement: select 1}\n",
        "workflow:\n- step: start\n  tool: {kind: snowflake, command: select 1}\n",
    ),
    "workbook": (
        "workflow:\n- step: start\n  tool: {kind: workbook, task: t}\n",
        "workflow:\n- step: start\n  tool: {kind: workbook, name: t}\n",
    ),
    "playbook": (
        "workflow:\n- step: start\n  tool: {kind: playbook, payload: {a: 1}}\n",
        "workflow:\n- step: start\n  tool: {kind: playbook, args: {a: 1}}\n",
    ),
    "call overrides": (
        "workflow:\n- step: start\n  tool: {kind: http}\n  case:\n  - when: a\n    then: {call: {endpoint: b}}\n",
        "workflow:\n- step: start\n  tool: {kind: http}\n  case:\n  - when: a\n    then: {call: {url: b}}\n",
    ),
    "set as a list": (
        """\
workflow:
- step: start
  case:
  - when: a
    then:
      set:
      - name: first
        value: "{{ a }}"
      - name: "the second"
        value:  # a comment
          x: 1
""",
        """\
workflow:
- step: start
  case:
  - when: a
    then:
      set:
        first: "{{ a }}"
        "the second":
          x: 1
""",
    ),
    "next as a mapping": (
        """\
workflow:
- step: start
  next:
    step: start
    args:
      text: |
        one

        two
- step: b
  next: {step: b}
""",
        """\
workflow:
- step: start
  next:
  - step: start
    args:
      text: |
        one

        two
- step: b
  next: [{step: b}]
""",
    ),
    "workbook tool as a string": (
        """\
workbook:
  - name: t
    desc: d
    tool: python  # a comment
    assert:
      expects: [a]
    code: |
      result = 1

      result += 1
  - {name: u, tool: http, url: x}
workflow: [{step: start}]
""",
        """\
workbook:
  - name: t
    desc: d
    tool:
      kind: python
      assert:
        expects: [a]
      code: |
        result = 1

        result += 1
  - {name: u, tool: {kind: http, url: x}}
workflow: [{step: start}]
""",
    ),
    "sink tool as a string": (
        """\
workflow:
- step: start
  next: start
  sink:
    tool: postgres
    table: x
    args: {a: 1}
""",
        """\
workflow:
- step: start
  next: start
  sink:
    tool:
      kind: postgres
      table: x
      args: {a: 1}
""",
    ),
    "sink backend without tool": (
        """\
workflow:
- step: start
  next: start
  sink:
    backend: postgres
    from: response.data
    table: x
""",
        """\
workflow:
- step: start
  next: start
  sink:
    tool:
      kind: postgres
      data: "{{ response.data }}"
      table: x
""",
    ),
    "sink kind without tool, in flow style": (
        "workflow:\n- step: start\n  next: start\n  sink: {kind: event, from: '{{ result }}'}\n",
        "workflow:\n- step: start\n  next: start\n  sink: {tool: {kind: event_log, data: '{{ result }}'}}\n",
    ),
    "sink of http takes from as its body": (
        "workflow:\n- step: start\n  next: start\n  sink: {tool: {kind: http, method: POST, from: result}}\n",
        "workflow:\n- step: start\n  next: start\n  sink: {tool: {kind: http, method: POST, body: '{{ result }}'}}\n",
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_means_its_canonical_form_and_leaves_a_fixable_note(name: str) -> None:
    other, canonical = SPELLINGS[name]
    first, second = compiled(other), compiled(canonical)
    assert second.diagnostics == ()
    assert {d.code for d in first.diagnostics} == {"NTL130"}
    assert all(d.severity is Severity.NOTE for d in first.diagnostics)
    assert meaning(workflow(first)) == meaning(workflow(second))


@pytest.mark.parametrize("name", [n for n in SPELLINGS if n != "set as a list"])
def test_the_fixes_of_a_spelling_lead_to_a_file_without_notes_that_means_the_same(name: str) -> None:
    text = HEAD + SPELLINGS[name][0]
    result = compile_source(text, "p.yaml", check=False)
    assert all(d.fix for d in result.diagnostics)
    after = rewritten(result, text)
    again = compile_source(after, "p.yaml", check=False)
    assert again.diagnostics == ()
    assert meaning(workflow(again)) == meaning(workflow(result))


def test_a_list_of_names_and_values_is_rewritten_where_only_lines_change() -> None:
    text = HEAD + textwrap.dedent(
        """\
        workflow:
          - step: start
            case:
              - when: "a"
                then:
                  set:
                    - name: first
                      value: "{{ a }}"
                    - name: text
                      value: |
                        {{ a }}
                          deeper
                    - name: list
                      value: [1,
                        2]
                  next: start
        """
    )
    result = compile_source(text, "p.yaml", check=False)
    assert [d.code for d in result.diagnostics] == ["NTL130"]
    after = rewritten(result, text)
    assert '          set:\n              first: "{{ a }}"\n              text: |\n' in after
    assert meaning(workflow(compile_source(after, "p.yaml", check=False))) == meaning(workflow(result))


def test_no_fix_where_the_text_is_not_plain() -> None:
    other, _ = SPELLINGS["set as a list"]
    (note,) = compiled(other).diagnostics
    assert note.fix is None
    escaped = compiled('workflow:\n- step: start\n  tool: {kind: http, "end\\x70oint": a}\n')
    assert [(d.code, d.fix) for d in escaped.diagnostics] == [("NTL130", None)]


@pytest.mark.parametrize(
    "steps",
    [
        # the other use of the anchor would change, too
        "- step: start\n  args: {x: &n {step: start}}\n  next: *n\n",
        # a comment would be lost
        "- step: start\n  case:\n  - when: true\n    then:\n      set:\n      - name: a  # why\n        value: 1\n",
        "- step: start\n  case:\n  - when: true\n    then:\n      set:\n      - value: 1\n        name: a\n",
        "- step: start\n  case:\n  - when: true\n    then:\n      set: [{name: a, value: 1}]\n",
        "- step: start\n  case: [{when: true, then: {set: [{name: 'a''b', value: 1}]}}]\n",
        # desc would move into the tool
        "- step: start\nworkbook:\n- name: a\n  tool: python\n  code: x\n  desc: z\n",
        "- step: start\nworkbook:\n- name: a\n  code: x\n  tool: python\n",
        "- step: start\nworkbook:\n- name: a\n  tool:\n    python\n  code: x\n",
        "- step: start\n  next: start\n  sink: {tool: {kind: event_log, from: a == 'x' and b == \"y\"}}\n",
        "- step: start\n  next: start\n  sink: {tool: {kind: event_log, from: 'a'}}\n",
    ],
)
def test_no_fix_where_more_than_the_spelling_would_change(steps: str) -> None:
    result = compiled(f"workflow:\n{steps}")
    assert [(d.code, d.fix) for d in result.diagnostics] == [("NTL130", None)]


def test_paging_and_collecting_by_path_are_noted_and_kept() -> None:
    result = compiled(
        """
        workflow:
        - step: start
          tool: {kind: http, url: a}
          case:
          - when: "{{ response.next }}"
            then:
              collect: {strategy: append, path: items, into: pages}
              retry:
                max_attempts: 5
                backoff_multiplier: 2
                args: {params: {page: "{{ response.next }}"}, other: 1}
                endpoint: b
        """
    )
    assert [d.code for d in result.diagnostics] == ["NTL130", "NTL130", "NTL107", "NTL130"]
    rule = workflow(result).steps[0].rules[0]
    assert isinstance(rule.data[0], ir.CollectPath)
    page = rule.control
    assert isinstance(page, ir.Page)
    assert [name for name, _ in page.overrides.entries] == ["params", "args", "url"]
    assert page.max_attempts == ir.Const(5, page.max_attempts.span)
    assert page.initial_delay is None


def test_a_dotted_override_is_the_field_itself() -> None:
    result = compiled(
        "workflow:\n- step: s\n  tool: {kind: http}\n  case: [{when: a, then: {retry: {args.params: {b: 1}}}}]\n"
    )
    page = workflow(result).steps[0].rules[0].control
    assert isinstance(page, ir.Page)
    assert page.overrides.get("params") is not None


def test_what_stands_beside_a_sink_tool_belongs_to_it() -> None:
    result = compiled(
        """
        workflow:
        - step: start
          next: start
          sink:
            tool: {kind: postgres, table: x, args: {a: 1, b: null}}
            args: {a: 2, b: 3, c: 4}
            mode: insert
        """
    )
    assert result.diagnostics == ()
    sink = workflow(result).steps[0].sink
    assert sink is not None
    assert [name for name, _ in sink.tool.fields.entries] == ["table", "args", "mode"]
    args = sink.tool.fields.get("args")
    assert isinstance(args, ir.Const)
    assert args.value == {"a": 1, "b": 3, "c": 4}


def test_conflicting_fields_of_a_sink_are_an_error() -> None:
    result = compiled("workflow:\n- step: s\n  next: s\n  sink: {tool: {kind: postgres, table: x}, table: z}\n")
    assert [(d.code, str(d.span)) for d in result.diagnostics] == [("NTL136", "7:44")]


@pytest.mark.parametrize(
    "step",
    [
        "tool: {kind: http, endpoint: a, url: b}",
        "tool: {kind: postgres, url: a, command: x, query: y}",
        "tool: {kind: http, url: a}, sink: {tool: {kind: postgres, table: t, from: result, data: '{{ 1 }}'}}",
        "tool: {kind: http, url: a}, sink: {tool: {kind: postgres, backend: postgres, table: t}}",
    ],
)
def test_no_fix_makes_one_key_of_two_spellings(step: str) -> None:
    found = compiled(f"workflow:\n- {{step: s, {step}, next: s}}\n").diagnostics
    assert [d.fix for d in found if d.code in ("NTL130", "NTL136")] == [None, None]


def test_every_form_of_next_is_a_list_of_entries() -> None:
    forms = ["b", "[b]", "[{step: b}]"]
    made = [meaning(workflow(compiled(f"workflow:\n- step: b\n  next: {form}\n"))) for form in forms]
    assert made[0] == made[1] == made[2]


def test_adjacent_next_and_step_items_are_one_next() -> None:
    result = compiled(
        """
        workflow:
        - step: a
          case:
          - when: "true"
            then:
              - step: a
                args: {x: 1}
              - next: [b, {step: c}]
              - step: d
          - when: "true"
            then:
              - step: a
              - log: hello
              - step: b
        """
    )
    assert result.diagnostics == ()
    first, second = workflow(result).steps[0].rules
    assert isinstance(first.control, ir.Next)
    assert [(e.target, e.entry) for e in first.control.edges] == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]
    assert first.control.edges[0].args.entries[0][0] == "x"
    assert isinstance(second.control, ir.Next)
    assert [(e.target, str(e.span)) for e in second.control.edges] == [("a", "15:15")]


@pytest.mark.parametrize("name", ["ctx.total", "vars.total"])
def test_a_store_name_with_its_root_has_a_fix(name: str) -> None:
    text = HEAD + f"workflow:\n- step: start\n  case: [{{when: true, then: {{set: {{{name}: 1}}}}}}]\n"
    result = compile_source(text, "p.yaml", check=False)
    assert [d.code for d in result.diagnostics] == ["NTL104"]
    after = compile_source(rewritten(result, text), "p.yaml", check=False)
    assert after.diagnostics == ()
    action = workflow(after).steps[0].rules[0].data[0]
    assert isinstance(action, ir.Set)
    assert [n for n, _ in action.entries.entries] == ["total"]
