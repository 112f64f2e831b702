"""The language server: documents as they are typed, and the answers to what an editor asks about them."""

from __future__ import annotations

import asyncio
from typing import Final

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

import noetl

from . import completion, findings, hover, outline
from .playbooks import Playbook, mentioned, mentions
from .positions import Text

PAUSE: Final = 0.002
"""Seconds without a change after which a document is looked at: so that keys typed fast are one change."""
_TRIGGERS: Final = [".", "|", "{", "'", '"', " ", "-"]


class Server(LanguageServer):
    """Keeps every open document, the last version of it that could be read, and when it is looked at next."""

    def __init__(self, pause: float = PAUSE) -> None:
        super().__init__("noetl", noetl.__version__, types.TextDocumentSyncKind.Incremental)
        self._pause = pause
        self._open: dict[str, Playbook] = {}
        self._read: dict[str, Playbook] = {}
        self._versions: dict[str, int | None] = {}
        self._waiting: dict[str, asyncio.TimerHandle] = {}

    def document(self, uri: str) -> Playbook | None:
        """The document as it is now; None if it is not open."""
        return self._open.get(uri)

    def last_read(self, uri: str) -> Playbook | None:
        """The last version of a document that was a playbook."""
        return self._read.get(uri)

    def opened(self, uri: str, version: int | None, text: str) -> None:
        """A document is there."""
        encoding = str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding) or "utf-16")
        self._keep(uri, version, Text(text, encoding))

    def changed(self, uri: str, version: int | None, changes: list[types.TextDocumentContentChangeEvent]) -> None:
        """A document changed; changes of one that is not open are for nobody."""
        current = self._open.get(uri)
        if current is None:
            return
        text = current.text
        for change in changes:
            text = text.changed(change)
        self._keep(uri, version, text)

    def closed(self, uri: str) -> None:
        """A document is gone, and with it what was said about it."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self._open.pop(uri, None)
        self._read.pop(uri, None)
        self._versions.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def _keep(self, uri: str, version: int | None, text: Text) -> None:
        self._open[uri] = Playbook(text, to_fs_path(uri) or uri)
        self._versions[uri] = version
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self._waiting[uri] = asyncio.get_running_loop().call_later(self._pause, self._look, uri)

    def _look(self, uri: str) -> None:
        """Say what is wrong with a document."""
        self._waiting.pop(uri, None)
        playbook = self._open.get(uri)
        if playbook is None:
            return
        shown = findings.shown(playbook)
        if playbook.is_playbook and playbook.workflow is not None:
            self._read[uri] = playbook
        told = [findings.diagnostic(playbook, uri, found) for found in shown]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, told, self._versions.get(uri)))


def make(pause: float = PAUSE) -> Server:
    """A server with all its features."""
    server = Server(pause)
    _documents(server)
    _answers(server)
    _navigation(server)
    return server


def _documents(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def did_open(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        server.opened(document.uri, document.version, document.text)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.changed(params.text_document.uri, params.text_document.version, list(params.content_changes))

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)


def _answers(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=_TRIGGERS))
    def completions(params: types.CompletionParams) -> types.CompletionList:
        uri = params.text_document.uri
        playbook = server.document(uri)
        items = completion.complete(playbook, server.last_read(uri), params.position) if playbook else []
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        playbook = server.document(params.text_document.uri)
        return hover.hover(playbook, params.position) if playbook else None

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    )
    def code_actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        playbook = server.document(params.text_document.uri)
        return findings.actions(playbook, params.text_document.uri, params.range) if playbook else []

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def document_symbols(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        playbook = server.document(params.text_document.uri)
        return outline.symbols(playbook) if playbook else []


def _navigation(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> list[types.Location]:
        return _locations(server, params.text_document.uri, params.position, definitions=True, uses=False)

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def references(params: types.ReferenceParams) -> list[types.Location]:
        whole = params.context.include_declaration
        return _locations(server, params.text_document.uri, params.position, definitions=whole, uses=True)


def _locations(
    server: Server, uri: str, position: types.Position, *, definitions: bool, uses: bool
) -> list[types.Location]:
    """Where the step or task at a position is defined, and where it is named."""
    playbook = server.document(uri)
    if playbook is None or not playbook.is_playbook:
        return []
    here = mentioned(playbook, *playbook.text.place(position))
    if here is None:
        return []
    wanted = [found for found in mentions(playbook) if (found.what, found.name) == (here.what, here.name)]
    shown = [found for found in wanted if (definitions if found.defines else uses)]
    return [types.Location(uri, playbook.text.range(found.span)) for found in shown]
