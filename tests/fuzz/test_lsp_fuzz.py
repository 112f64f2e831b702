"""The language server answers whatever it is sent: documents, positions and messages that no editor would send.

NOETL_FUZZ says how many inputs; of every hundred, one drives the real server, the others call what it calls.
"""

from __future__ import annotations

import json
import os
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lsprotocol import types

from noetl.cli.lsp import completion, findings, hover, outline
from noetl.cli.lsp.playbooks import Playbook, mentioned
from noetl.cli.lsp.positions import Text
from noetl.compiler.ir import Json

from ..acceptance.lsp_client import URI, Client
from ..property.broken import FAMILIES

INPUTS: Final = int(os.environ.get("NOETL_FUZZ", "20000"))
METHODS: Final = (
    *("textDocument/hover", "textDocument/completion", "textDocument/definition", "textDocument/references"),
    *("textDocument/codeAction", "textDocument/documentSymbol", "textDocument/didOpen", "textDocument/didChange"),
    *("textDocument/didClose", "$/cancelRequest", "workspace/executeCommand", "initialize", "nothing", ""),
)
ENCODINGS: Final = st.sampled_from(("utf-8", "utf-16", "utf-32"))
PLACES: Final = st.builds(types.Position, st.integers(0, 60), st.integers(0, 90))
TEXTS: Final = st.one_of(*FAMILIES.values()).map(lambda data: data if isinstance(data, str) else data.decode("latin-1"))


@pytest.mark.timeout(3600)
@settings(max_examples=max(1, INPUTS // 10), database=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, ENCODINGS, PLACES, st.integers(0, 2**32))
def test_any_document_is_answered(data: str, encoding: str, position: types.Position, seed: int) -> None:
    playbook = Playbook(Text(data, encoding), "/nowhere/fuzz.yaml")
    chance = Random(seed)
    lines = data.count("\n") + 1
    for place in (position, types.Position(chance.randrange(lines), chance.randrange(80))):
        check(playbook, place)
    told = findings.shown(playbook)
    for found in told:
        made = findings.diagnostic(playbook, URI, found)
        assert (made.range.start.line, made.range.start.character) <= (made.range.end.line, made.range.end.character)
    for symbol in outline.symbols(playbook):
        assert symbol.range.start <= symbol.selection_range.start
        assert symbol.selection_range.end <= symbol.range.end


def check(playbook: Playbook, place: types.Position) -> None:
    """Everything that can be asked about a place."""
    line, column = playbook.text.place(place)
    assert line >= 1
    assert column >= 1
    hover.hover(playbook, place)
    mentioned(playbook, line, column)
    for item in completion.complete(playbook, None, place):
        assert isinstance(item.text_edit, types.TextEdit)
        assert item.text_edit.range.start <= item.text_edit.range.end
    findings.actions(playbook, URI, types.Range(place, place))


@given(st.text(max_size=30), st.text(max_size=8), PLACES, PLACES, ENCODINGS)
def test_a_change_of_a_part_is_the_change_of_the_text(
    text: str, typed: str, start: types.Position, end: types.Position, encoding: str
) -> None:
    before = Text(text, encoding)
    first, last = sorted((before.offset(start), before.offset(end)))
    change = types.TextDocumentContentChangePartial(types.Range(start, end), typed)
    assert before.changed(change).text == text[:first] + typed + text[last:]
    for offset in range(len(text) + 1):
        place = before.between(offset, offset).start
        assert before.offset(place) in (offset, offset - 1), "between CR and LF there is no position"


@pytest.mark.timeout(3600)
def test_any_message_is_survived() -> None:
    chance = Random("messages")
    with Client() as client:
        client.start()
        for number in range(max(20, INPUTS // 100)):
            send_odd(client, chance, number)
        assert client.open("apiVersion: noetl.io/v2\nkind: Playbook\n") != []
        assert client.stop() == 0


def send_odd(client: Client, chance: Random, number: int) -> None:
    """One message that makes little sense."""
    document: dict[str, Json] = {"uri": chance.choice((URI, "x", "", "file:///", "untitled:1")), "version": number}
    place: Json = {"line": chance.choice((0, 1, 10**6)), "character": chance.choice((0, 3, 10**6))}
    nothing: list[Json] = [None, [], {}, "x", -1, True, {"a": None}]
    odd = chance.choice(nothing)
    text = chance.choice(("kind: Playbook\n", "{{", "\u2028"))
    options: list[Json] = [
        odd,
        {"textDocument": document, "position": place},
        {"textDocument": {**document, "text": text, "languageId": "y"}},
        {"textDocument": document, "contentChanges": [{"text": "kind: Playbook\n- x"}, odd]},
        {"textDocument": document, "contentChanges": [{"range": {"start": place, "end": place}, "text": "y"}]},
        {"textDocument": odd, "position": odd, "range": odd, "context": odd},
    ]
    params = chance.choice(options)
    message: dict[str, Json] = {"jsonrpc": "2.0", "method": chance.choice(METHODS), "params": params}
    if chance.random() < 0.5:
        message["id"] = f"odd {number}"
    client.send(json.dumps(message).encode())
