"""`noetl lsp` over standard input and output, as an editor drives it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Final, cast

import pytest

from noetl.compiler.ir import Json

from .lsp_client import NOETL, URI, Client, Message, part, started

HEAD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: typed}\n"
TEXT: Final = (
    HEAD
    + """\
workload: {api: http://api.invalid, nested: {size: 2}}
workbook:
  - name: greet
    desc: Greets one user
    tool: {kind: python, code: result = 1}
workflow:
  - step: start
    desc: Where it starts
    tool:
      kind: http
      url: "{{ workload.api }}/users"
    case:
      - when: "{{ event.name == 'call.done' and response.status == 200 }}"
        then:
          - set: {seen: "{{ response.data | length }}"}
          - next: [{step: load, args: {rows: "{{ response.data }}"}}]
    next: end
  - step: load
    args: {first: "{{ args.rows }}"}
    tool: {kind: workbook, name: greet, args: {n: "{{ start.status }}"}}
    next: end
  - step: end
"""
)
LINES: Final = TEXT.split("\n")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with started() as made:
        yield made


def where(text: str, after: int = 0, within: str = "") -> tuple[int, int]:
    """Line and character behind the first `text` of a line that holds `within`, from a line on."""
    line = next(i for i, one in enumerate(LINES) if i >= after and text in one and within in one)
    return line, LINES[line].index(text) + len(text)


def labels(found: Json) -> list[str]:
    items = cast("list[Message]", cast("Message", found)["items"])
    return [str(item["label"]) for item in items]


def words(found: Json) -> str:
    return str(cast("Message", cast("Message", found)["contents"])["value"])


def starts(found: Json) -> list[tuple[int, int]]:
    """Where locations start."""
    ranges = [cast("Message", one["range"]) for one in cast("list[Message]", found)]
    places = [cast("dict[str, int]", one["start"]) for one in ranges]
    return [(place["line"], place["character"]) for place in places]


def typed(client: Client, line: int, text: str, version: int = 2) -> Json:
    """What is offered behind a text that is typed as a whole line."""
    client.change(version, part(line, 0, len(LINES[line]), text))
    return client.at("completion", line, len(text))


# -- life ------------------------------------------------------------------------------------------------------------


def test_it_says_what_it_can_do_and_ends_well() -> None:
    with Client() as client:
        shown = client.start()
        assert shown["positionEncoding"] == "utf-16"
        assert {"hoverProvider", "completionProvider", "definitionProvider", "referencesProvider"} <= shown.keys()
        assert {"codeActionProvider", "documentSymbolProvider"} <= shown.keys()
        assert cast("Message", shown["textDocumentSync"])["change"] == 2
        assert client.open(TEXT) == []
        assert client.stop() == 0


def test_an_unknown_request_is_refused_and_the_next_one_answered(client: Client) -> None:
    assert "error" in client.answer("textDocument/nothing", {})
    assert client.open(TEXT) == []


def test_a_document_that_is_not_open_has_no_answers() -> None:
    with started() as client:
        assert client.at("hover", 0, 0) is None
        assert labels(client.at("completion", 0, 0)) == []


# -- findings --------------------------------------------------------------------------------------------------------


def test_findings_follow_what_is_typed(client: Client) -> None:
    assert client.open(TEXT) == []
    line, end = where("next: end", 19)
    client.change(2, part(line, end - 3, end, "edn"))
    (found,) = client.diagnostics(2)
    assert (found["code"], found["severity"], found["source"]) == ("NTL203", 1, "noetl")
    assert str(found["message"]).endswith('hint: did you mean "end"?')
    assert found["range"] == {"start": {"line": line, "character": end - 3}, "end": {"line": line, "character": end}}
    client.change(3, part(line, end - 3, end, "en"), part(line, end - 1, end - 1, "d"))
    client.change(4, {"text": TEXT})
    assert client.diagnostics(4) == []


def test_other_yaml_is_left_alone(client: Client) -> None:
    assert client.open("a: [1\nb: {{ x }}\n") == []


def test_a_comment_suppresses_and_a_closed_document_has_no_findings(client: Client) -> None:
    text = HEAD + "workflow:\n  - step: start\n    next: nowhere  # noetl: ignore[NTL203]\n"
    assert client.open(text) == []
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.at("hover", 0, 1) is None


@pytest.mark.parametrize(("encoding", "units"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_places_count_the_units_of_the_client(encoding: str, units: int) -> None:
    with started(encoding) as client:
        name = "\U0001f680\U0001f680é"
        text = HEAD + f"workflow:\n  - step: start\n    args: {{é: '{name}', x: \"{{{{ nothing.here }}}}\"}}\n"
        (found,) = client.open(text)
        accent = {"utf-8": 2}.get(encoding, 1)
        start = len("    args: {: '', x: \"{{ ") + 2 * accent + 2 * units
        place = cast("Message", found["range"])
        assert place["start"] == {"line": 5, "character": start}
        assert place["end"] == {"line": 5, "character": start + len("nothing")}
        client.change(2, part(5, start, start + len("nothing"), "workload"))
        assert client.diagnostics(2) == []


def test_only_lf_and_cr_end_a_line(client: Client) -> None:
    text = HEAD + "# a\u2028b\x0bc\x85\r\nworkflow:\r  - step: start\r\n    next: nowhere\n"
    (found,) = client.open(text.replace("\x0b", ""))
    assert cast("Message", found["range"])["start"] == {"line": 6, "character": 10}


def test_quick_fixes_are_the_edits_of_findings(client: Client) -> None:
    text = HEAD + "workflow:\n  - step: start\n    tool: {kind: http, endpoint: http://x.invalid}\n"
    (found,) = client.open(text)
    assert found["code"] == "NTL130"
    place = cast("Message", found["range"])
    asked: Message = {"textDocument": {"uri": URI}, "range": place, "context": {"diagnostics": []}}
    (action,) = cast("list[Message]", client.request("textDocument/codeAction", asked))
    assert (action["title"], action["kind"]) == ('write "url"', "quickfix")
    assert action["edit"] == {"changes": {URI: [{"range": place, "newText": "url"}]}}
    elsewhere: Json = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
    assert client.request("textDocument/codeAction", {**asked, "range": elsewhere}) == []


# -- hover -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "within", "expected"),
    [
        ("workflow", "", "DOC-4"),
        ("uri", "no line", ""),
        ("cas", "case", "RUL-1"),
        ("ur", "url:", "TOO-1"),
        ("htt", "kind: http", "Fields: `args`"),
        ("call.do", "when", "event **call.done** (STP-5)"),
        ("{{ resp", "rows", "RUL-4"),
        ("| leng", "set", "filter **length** (TPL-6)"),
        ("step: lo", "next", "step **load** (workbook)"),
        ("name: gre", "kind: workbook", "Greets one user"),
        ("{{ sta", "start.status", "Where it starts"),
    ],
)
def test_hover(client: Client, text: str, within: str, expected: str) -> None:
    client.open(TEXT)
    if not expected:
        return
    assert expected in words(client.at("hover", *where(text, within=within)))


def test_hover_on_nothing(client: Client) -> None:
    client.open(TEXT)
    assert client.at("hover", *where("Where it st")) is None
    assert client.at("hover", 500, 500) is None


# -- completion ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "offered", "kept_back"),
    [
        ("    lo", {"loop", "join", "vars"}, {"step", "tool", "kind"}),
        ("      me", {"method", "params", "headers"}, {"url", "kind", "code"}),
        ("    tool: {kind: ", {"http", "python", "workbook"}, set()),
        ("    join: ", {"each", "all"}, {"start"}),
        ("    next: ", {"start", "load", "end"}, {"greet"}),
    ],
)
def test_keys_and_values_of_a_step(client: Client, line: str, offered: set[str], kept_back: set[str]) -> None:
    client.open(TEXT)
    at, _ = where("url") if line.startswith("      me") else where("desc: Where")
    at = at + 1 if line.startswith("      me") else at
    found = set(labels(typed(client, at, line)))
    assert offered <= found
    if line.startswith("      me"):
        kept_back -= {"url"}
    assert not found & kept_back


@pytest.mark.parametrize(
    ("line", "offered", "kept_back"),
    [
        ("      - wh", {"when", "then"}, {"step"}),
        ("          - co", {"collect", "next", "retry", "step"}, {"when"}),
        ("          - next: [{st", {"step", "args"}, {"when"}),
        ("          - next: [{step: ", {"load", "end"}, {"greet"}),
        ("          - retry: {ma", {"max_attempts", "url"}, {"code"}),
        ("          - collect: {mode: ", {"append", "merge"}, {"each"}),
    ],
)
def test_keys_and_values_of_rules(client: Client, line: str, offered: set[str], kept_back: set[str]) -> None:
    client.open(TEXT)
    at, _ = where("- set:")
    found = set(labels(typed(client, at, line)))
    assert offered <= found
    assert not found & kept_back


@pytest.mark.parametrize(
    ("place", "line", "offered", "kept_back"),
    [
        (
            "- set:",
            '          - set: {x: "{{ re',
            {"response", "result", "event", "workload", "now"},
            {"error", "loop"},
        ),
        ("- set:", '          - set: {x: "{{ workload.', {"api", "nested"}, {"response"}),
        ("- set:", '          - set: {x: "{{ workload.nested.', {"size"}, {"api"}),
        ("- set:", '          - set: {x: "{{ response.', {"status", "data"}, {"api"}),
        ("- set:", '          - set: {x: "{{ response | le', {"length", "default", "b64encode"}, {"random"}),
        ("- set:", '          - set: {x: "{{ 1 if response is de', {"defined", "none"}, {"length"}),
        ("when:", "      - when: \"{{ event.name == '", {"call.done", "loop.done"}, {"response"}),
        ("when:", "      - when: event.na", {"workload"}, set()),
        (
            "args: {first",
            '    args: {first: "{{ ',
            {"workload", "start", "seen", "rows"},
            {"response", "first", "load"},
        ),
        ("args: {first", '    args: {first: "{{ ctx.', {"seen"}, {"start"}),
        ("workload: ", 'workload: {api: "{{ ', {"payload", "env"}, {"workload", "response"}),
    ],
)
def test_names_in_scope(client: Client, place: str, line: str, offered: set[str], kept_back: set[str]) -> None:
    client.open(TEXT)
    at, _ = where(place)
    found = set(labels(typed(client, at, line)))
    if line.endswith("event.na"):
        offered = {"name", "payload"}
    assert offered <= found
    assert not found & kept_back


def test_the_tasks_of_the_workbook(client: Client) -> None:
    client.open(TEXT)
    at, _ = where("tool: {kind: workbook")
    assert labels(typed(client, at, "    tool: {kind: workbook, name: ")) == ["greet"]


def test_a_completion_replaces_the_word(client: Client) -> None:
    client.open(TEXT)
    at, _ = where("desc: Where")
    items = cast("list[Message]", cast("Message", typed(client, at, "    lo"))["items"])
    loop = next(item for item in items if item["label"] == "loop")
    edit = cast("Message", loop["textEdit"])
    assert edit["newText"] == "loop:"
    assert edit["range"] == {"start": {"line": at, "character": 4}, "end": {"line": at, "character": 6}}


# -- places ----------------------------------------------------------------------------------------------------------


def test_definition_and_references_of_a_step(client: Client) -> None:
    client.open(TEXT)
    defined = where("- step: ", within="- step: load")
    used = where("step: ", within="rows")
    assert starts(client.at("definition", *where("step: lo", within="rows"))) == [defined]
    asked = client.at("references", *where("- step: lo"), context={"includeDeclaration": False})
    assert starts(asked) == [used]
    everything = client.at("references", *where("- step: lo"), context={"includeDeclaration": True})
    assert sorted(starts(everything)) == sorted([defined, used])


def test_a_template_that_reads_a_step_is_a_reference(client: Client) -> None:
    client.open(TEXT)
    defined = where("- step: ", within="- step: start")
    place = where("{{ ", within="start.status")
    assert starts(client.at("definition", *place)) == [defined]
    assert place in starts(client.at("references", *defined, context={"includeDeclaration": False}))


def test_definition_and_references_of_a_task(client: Client) -> None:
    client.open(TEXT)
    defined = where("- name: ", within="- name: greet")
    used = where("name: ", within="kind: workbook")
    assert starts(client.at("definition", *used)) == [defined]
    assert starts(client.at("references", *defined, context={"includeDeclaration": False})) == [used]
    assert client.at("definition", *where("Where it st")) == []


def test_outline(client: Client) -> None:
    client.open(TEXT)
    found = cast("list[Message]", client.request("textDocument/documentSymbol", {"textDocument": {"uri": URI}}))
    assert [one["name"] for one in found] == ["apiVersion", "kind", "metadata", "workload", "workbook", "workflow"]
    steps = cast("list[Message]", found[-1]["children"])
    assert [(one["name"], one.get("detail")) for one in steps] == [
        ("start", "http"),
        ("load", "workbook"),
        ("end", None),
    ]
    (rule,) = cast("list[Message]", steps[0]["children"])
    assert str(rule["name"]).startswith("{{ event.name == 'call.done'")


def test_a_message_that_is_none_is_told_in_one_line() -> None:
    bodies = (
        b'{"jsonrpc": "2.0", ',
        b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": 5}}',
    )
    sent = b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies)
    done = subprocess.run([NOETL, "lsp"], input=sent, capture_output=True, timeout=60, check=False)
    lines = done.stderr.decode().splitlines()
    assert lines
    assert [line for line in lines if not line.startswith("noetl: ")] == []
