"""What the fixtures of the checks cannot say: fixes, and messages of large playbooks."""

from __future__ import annotations

import pytest

from noetl.compiler.checks import MAX_FOUND, registry, run
from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Diagnostic

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: case}\n"


def found(text: str, code: str) -> list[Diagnostic]:
    return [d for d in compile_source(HEAD + text, "playbook.yaml").diagnostics if d.code == code]


def fixed(text: str, diagnostic: Diagnostic) -> str:
    """The text after the only edit of the fix, which inserts."""
    assert diagnostic.fix is not None
    (edit,) = diagnostic.fix.edits
    lines = (HEAD + text).split("\n")
    line, at = edit.span.line - 1, edit.span.column - 1
    assert (edit.span.end_line, edit.span.end_column) == (edit.span.line, edit.span.column)
    lines[line] = lines[line][:at] + edit.text + lines[line][at:]
    return "\n".join(lines).removeprefix(HEAD)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "workflow:\n  - step: fetch\n    next: end\n  - step: end\n",
            "workflow:\n  - step: start\n    next: fetch\n  - step: fetch\n    next: end\n  - step: end\n",
        ),
        (
            "workflow:\n-   desc: first\n    step: 'it''s'\n",
            "workflow:\n- step: start\n  next: \"it's\"\n-   desc: first\n    step: 'it''s'\n",
        ),
        ("workflow: [{step: a}]\n", "workflow: [{step: start, next: a}, {step: a}]\n"),
        ('{"workflow": [{"step": "a"}]}\n', '{"workflow": [{step: start, next: "a"}, {"step": "a"}]}\n'),
    ],
)
def test_a_start_is_inserted(before: str, after: str) -> None:
    if before.startswith("{"):  # the whole playbook in flow style
        head = '{"apiVersion": "noetl.io/v2", "kind": "Playbook", "metadata": {"name": "case"}, '
        text = head + before[1:]
        (missing,) = [d for d in compile_source(text, "p.yaml").diagnostics if d.code == "NTL201"]
        assert missing.fix is not None
        (edit,) = missing.fix.edits
        made = text[: edit.span.column - 1] + edit.text + text[edit.span.column - 1 :]
        assert made == head + after[1:]
        assert compile_source(made, "p.yaml").ok
        return
    (missing,) = found(before, "NTL201")
    made = fixed(before, missing)
    assert made == after
    assert compile_source(HEAD + made, "playbook.yaml").ok


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("|+\n    keep\n\n\n", "|+\n    keep\n\n\n- step: end\n"),
        (">+\n    keep\n\n  \n# c\n", ">+\n    keep\n\n  \n- step: end\n# c\n"),
        ("|\n    keep\n\n", "|\n    keep\n- step: end\n\n"),
        ("|+\n\n\n", "|+\n\n\n- step: end\n"),
        ("|+\n    keep", None),
    ],
)
def test_a_step_more_leaves_the_last_scalar_as_it_is(text: str, after: str | None) -> None:
    before = f"workflow:\n- step: start\n  next: end\n  desc: {text}"
    (undeclared,) = found(before, "NTL131")
    if after is None:
        assert undeclared.fix is None
        return
    made = fixed(before, undeclared)
    assert made == before.removesuffix(text) + after
    old, new = (compile_source(HEAD + one, "playbook.yaml").document for one in (before, made))
    assert old is not None
    assert new is not None
    descriptions = [one.workflow[0].desc for one in (old, new)]
    assert len({None if desc is None else desc.text for desc in descriptions}) == 1


def test_a_message_lists_a_bounded_number_of_steps() -> None:
    steps = "".join(f"  - step: s{i:02}\n" for i in range(30))
    (unknown,) = found(f"workflow:\n  - step: start\n    next: nowhere\n{steps}", "NTL203")
    assert unknown.message.endswith("steps: " + ", ".join(f"s{i:02}" for i in range(20)) + " and 11 more")


def test_hints_and_findings_are_bounded() -> None:
    edges = ", ".join(f"stapt{i}" for i in range(MAX_FOUND + 50))
    unknown = found(f"workflow:\n  - step: start\n    next: [{edges}]\n", "NTL203")
    assert len(unknown) == MAX_FOUND
    assert sum(d.hint is not None for d in unknown) == 50


def test_several_mistakes_of_one_file_are_all_found() -> None:
    text = """\
workload: {a: "{{ workload.b }}", password: hunter2}
workflow:
  - step: begin
    nxt: a
    next: stroe
    tool: {kind: http, url: "{{ a b }}"}
    case:
      - when: "{{ event.name == 'step.exit' and response is defined }}"
        then: {retry: {}, next: store}
  - step: store
  - step: store
    args: {x: "{{ response.x }}"}
  - step: alone
"""
    codes = [d.code for d in compile_source(HEAD + text, "playbook.yaml").diagnostics]
    assert codes == [
        *("NTL208", "NTL601", "NTL201", "NTL101", "NTL203", "NTL301", "NTL402", "NTL401"),
        *("NTL202", "NTL205", "NTL204"),
    ]


def test_a_loop_that_is_refused_takes_no_rule_along() -> None:
    text = """\
workflow:
  - step: start
    loop: 5
    tool: {kind: python, code: "result = 1"}
    case:
      - {when: "{{ event.name == 'loop.done' }}", then: {set: {a: 1}}}
"""
    assert [d.code for d in compile_source(HEAD + text, "playbook.yaml").diagnostics] == ["NTL103"]


def test_checks_are_found_without_a_list() -> None:
    codes = [check.KIND.code for check in registry()]
    assert codes == sorted(set(codes))
    assert run.__doc__


def test_python_that_warns_or_is_no_python_is_only_looked_at() -> None:
    code = r"a = '\d {{ workload.x }}'; f(((((" + "(" * 300
    assert (
        len(
            found(
                f"workflow:\n  - step: start\n    tool:\n      kind: python\n      code: |\n        {code}\n", "NTL302"
            )
        )
        == 1
    )


def test_a_spelling_under_an_alias_is_told_once() -> None:
    text = """\
workflow:
  - {step: start, tool: &t {kind: http, endpoint: "http://a.invalid"}, next: again}
  - {step: again, tool: *t}
"""
    assert len(found(text, "NTL130")) == 1


def test_an_override_that_a_workbook_has_none_of_is_explained() -> None:
    text = """\
workbook: [{name: a, tool: {kind: http, url: "http://a.invalid"}}]
workflow:
  - step: start
    tool: {kind: workbook, name: a}
    case: [{when: "{{ response.more }}", then: {retry: {params: {page: 2}}}}]
"""
    (unknown,) = found(text, "NTL101")
    assert unknown.hint == '"params" is no field of the tool of this step, which an override could replace'
