"""Drives a real language server over its standard input and output."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Final, cast

from noetl.compiler.ir import Json

Message = dict[str, Json]
NOETL: Final = str(Path(sys.executable).with_name("noetl"))
WAIT: Final = 60
"""Seconds after which an answer counts as missing."""
URI: Final = "file:///nowhere/playbook.yaml"


class Client:
    """A small client: requests, notifications, and the diagnostics that come back."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([NOETL, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[bytes] = self._process.stdin
        self._received: queue.Queue[Message | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        self._id = 0
        self.notices: list[Message] = []
        """Notifications that came in while an answer was waited for, until diagnostics are asked for."""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._in.close()
        assert self._process.stdout is not None
        self._reader.join()
        self._process.stdout.close()

    def _read(self, stream: IO[bytes]) -> None:
        while True:
            length = 0
            while (line := stream.readline().strip()) or not length:
                if not line and not length:
                    self._received.put(None)
                    return
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self._received.put(json.loads(stream.read(length)))

    def send(self, body: bytes) -> None:
        """One message as it stands."""
        self._in.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._in.flush()

    def notify(self, method: str, params: Json) -> None:
        """A notification."""
        self.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())

    def request(self, method: str, params: Json) -> Json:
        """The result of a request; an error of the server fails."""
        answer = self.answer(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    def answer(self, method: str, params: Json) -> Message:
        """The whole answer to a request."""
        self._id += 1
        request: Json = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self.send(json.dumps(request).encode())
        while True:
            message = self._next()
            if message.get("id") == self._id:
                return message
            self.notices.append(message)

    def _next(self) -> Message:
        message = self._received.get(timeout=WAIT)
        assert message is not None, f"the server is gone: {self._process.poll()}"
        return message

    def start(self, *encodings: str) -> Message:
        """Initialize the server; gives its capabilities."""
        general: Json = {"positionEncodings": list(encodings)} if encodings else {}
        shown = self.request("initialize", {"processId": None, "rootUri": None, "capabilities": {"general": general}})
        self.notify("initialized", {})
        return cast("Message", cast("Message", shown)["capabilities"])

    def open(self, text: str, uri: str = URI) -> list[Message]:
        """Open a document; gives the diagnostics."""
        document: Json = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return self.diagnostics(1, uri)

    def change(self, version: int, *changes: Json, uri: str = URI) -> None:
        """Change a document, in parts or as a whole."""
        document: Json = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})

    def diagnostics(self, version: int, uri: str = URI) -> list[Message]:
        """The diagnostics of a version of a document, which may have come in already."""
        while True:
            waiting, self.notices = self.notices, []
            for message in waiting or [self._next()]:
                params = cast("Message", message.get("params") or {})
                if message.get("method") != "textDocument/publishDiagnostics" or params["uri"] != uri:
                    continue
                if params.get("version") == version:
                    return cast("list[Message]", params["diagnostics"])

    def at(self, method: str, line: int, character: int, **more: Json) -> Json:
        """The answer about a position."""
        params: Message = {"textDocument": {"uri": URI}, "position": {"line": line, "character": character}, **more}
        return self.request(f"textDocument/{method}", params)

    def stop(self) -> int:
        """Shut the server down; gives its exit code."""
        self.request("shutdown", None)
        self.notify("exit", None)
        return self._process.wait(timeout=WAIT)


@contextmanager
def started(*encodings: str) -> Iterator[Client]:
    """A server that is initialized."""
    with Client() as client:
        client.start(*encodings)
        yield client


def part(line: int, start: int, end: int, text: str) -> Json:
    """A change of a part of one line."""
    return {
        "range": {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}},
        "text": text,
    }
