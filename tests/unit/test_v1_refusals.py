"""v1 and the local dialect are refused, each with the spelling of v2."""

from __future__ import annotations

import textwrap

import pytest

from noetl.compiler.frontend import Compilation, compile_source

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: example}\n"


def compiled(body: str, head: str = HEAD) -> Compilation:
    return compile_source(head + textwrap.dedent(body).lstrip("\n"), "p.yaml", check=False)


LEFTOVERS = [
    ("NTL111", "- step: s\n  type: http\n  url: x\n  foo: z", "7:3", 'write "tool: {kind: http}"'),
    ("NTL111", "- step: s\n  tool: {type: http, url: x}", "7:10", 'write "tool: {kind: http}"'),
    ("NTL112", "- step: s\n  when: a\n  next: s", "7:3", 'v2 has rules in "case"'),
    ("NTL113", "- step: s\n  next: [{when: a, then: [{step: s}]}]", "7:11", 'write a rule in "case"'),
    ("NTL113", "- step: s\n  next: [{else: [s]}]", "7:11", 'write a rule in "case"'),
    ("NTL113", "- step: s\n  next: [{step: s, with: {a: 1}}]", "7:20", 'write "args"'),
    ("NTL113", "- step: s\n  next: {step: s, data: {a: 1}}", "7:19", 'write "args"'),
    ("NTL111", "- step: s\n  tool: {type: 5, url: x}", "7:10", 'write "tool: {kind: 5}"'),
    ("NTL111", "- step: s\n  type: 5\n  next: s", "7:3", 'write "tool: {kind: 5}"'),
    ("NTL114", "- step: s\n  tool: http\n  url: x", "7:9", 'write "tool" as a mapping with "kind"'),
    ("NTL115", "- step: s\n  save: {}\n  next: s", "7:3", 'write "sink"'),
    ("NTL115", "- step: s\n  tool: {kind: python, save: {}}", "7:24", 'write "sink"'),
    (
        "NTL116",
        "- step: s\n  type: iterator\n  collection: a\n  element: b",
        "7:9",
        'write "loop: {in, iterator, mode}"',
    ),
    ("NTL116", "- step: s\n  tool: iterator\n  collection: a", "7:9", 'write "loop: {in, iterator, mode}"'),
    ("NTL116", "- step: s\n  tool: {kind: iterator}", "7:16", 'write "loop: {in, iterator, mode}"'),
    ("NTL116", "- step: s\n  next: s\n  loop: {collection: a, iterator: b}", "8:10", 'write "in"'),
]


@pytest.mark.parametrize(("code", "steps", "place", "words"), LEFTOVERS)
def test_a_leftover_of_v1_is_one_error_with_the_v2_spelling(code: str, steps: str, place: str, words: str) -> None:
    # The steps stand where they would in a file whose head takes five lines.
    result = compiled("\nworkflow:\n" + steps + "\n", HEAD + "\n")
    found = [(d.code, str(d.span)) for d in result.diagnostics]
    line, column = place.split(":")
    assert found == [(code, f"{line}:{column}")]
    assert words in result.diagnostics[0].message


def test_a_v1_next_still_leads_somewhere() -> None:
    result = compiled(
        "workflow:\n- step: s\n  next: [{when: a, then: [{step: t}, u]}, x, {else: v}, {step: w, with: {a: 1}}]\n"
    )
    assert result.workflow is not None
    assert [e.target for e in result.workflow.steps[0].edges()] == ["t", "u", "x", "v", "w"]


def test_a_v1_tool_is_still_a_tool() -> None:
    result = compiled("workflow:\n- step: s\n  type: python\n  code: x\n  pile: y\n  args: {a: 1}\n")
    assert result.workflow is not None
    step = result.workflow.steps[0]
    assert step.tool is not None
    assert (step.tool.kind, [n for n, _ in step.tool.fields.entries]) == ("python", ["code"])
    assert step.args.entries[0][0] == "a"


def test_a_v1_playbook_is_one_error_that_names_migrate() -> None:
    text = "apiVersion: noetl.io/v1\nkind: Playbook\nworkflow:\n- step: s\n  type: http\n  when: a\n  yes: 1\n"
    result = compile_source(text, "p.yaml", check=False)
    assert [(d.code, str(d.span)) for d in result.diagnostics] == [("NTL110", "1:13")]
    assert "noetl migrate" in (result.diagnostics[0].hint or "")
    assert result.workflow is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("executor: {profile: local}\nworkflow:\n- step: s\n  what: 1\n", "4:21"),
        ("workflow:\n- step: s\n  tool: {kind: shell, cmds: [ls]}\n  when: x\n", "6:16"),
        ("workflow:\n- step: s\n  tool: shell\n", "6:9"),
        ("workbook:\n- name: t\n  tool: {kind: rhai}\nworkflow: []\n", "6:16"),
        ("workflow:\n- step: s\n  case: [{when: a, then: [{sink: {tool: {kind: shell}}}]}]\n", "6:48"),
    ],
)
def test_the_local_dialect_is_refused_as_a_whole_with_one_error(text: str, place: str) -> None:
    result = compiled(text)
    assert [(d.code, str(d.span)) for d in result.diagnostics] == [("NTL120", place)]
    assert result.workflow is None


@pytest.mark.parametrize("owner", ["step", "fail", "skip"])
def test_an_unknown_key_without_a_value_is_still_unknown(owner: str) -> None:
    rule = "" if owner == "step" else f"    case: [{{when: true, then: {{{owner}: {{keychain: }}}}}}]\n"
    text = HEAD + "workflow:\n  - step: start\n" + (rule or "    keychain:\n")
    assert [d.code for d in compile_source(text, "p.yaml").diagnostics] == ["NTL101"]
