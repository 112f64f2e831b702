"""The probe: a small HTTP server that answers by script and remembers every request.

The n-th request to `/<label>` gets the n-th reply of that label's script, the last one repeats; a label without one
answers 200 `{"label": <label>, "n": <n>}`. A label may hold slashes. Used in process as a context manager, or alone:

    python -m noetl.conformance.probe --script replies.json --port 8000

which prints its address and gives what it saw under `/-/requests`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import selectors
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from noetl.compiler.ir import Json

SEEN_LABEL: Final = "-/requests"
BODILESS: Final = frozenset({204, 304})
HELD: Final = 10.0
"""Seconds for which a reply waits for another request that does not come."""
Query: TypeAlias = "dict[str, str | list[str]]"
_PLACE: Final = re.compile(r".+#[1-9][0-9]*")


@dataclass(slots=True)
class Seen:
    """One request that arrived. Times are seconds of the probe's clock."""

    label: str
    n: int
    """Which request to this label it was, from 1."""
    method: str
    path: str
    query: Query
    """A name that comes once has a string, one that comes more often the list of them."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    received: float
    answered: float | None = None
    """When the reply was about to be written, so that nothing its reader does is earlier; None while it was not."""

    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    def json(self) -> Json:
        """The body as JSON; ValueError if it is none."""
        loaded: Json = json.loads(self.body)
        return loaded

    def form(self) -> Query:
        """The body as an urlencoded form."""
        return _pairs(self.body.decode())

    def shown(self) -> dict[str, Json]:
        """All of it as a JSON object."""
        query: dict[str, Json] = {k: v if isinstance(v, str) else list(v) for k, v in self.query.items()}
        return {
            "label": self.label,
            "n": self.n,
            "method": self.method,
            "path": self.path,
            "query": query,
            "headers": dict(self.headers),
            "body": self.body.decode(errors="backslashreplace"),
            "received": self.received,
            "answered": self.answered,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `delay` is in seconds; `hang` never answers; `reset` breaks the connection off.

    `until` names a request as `label#n`: the answer is given when that has arrived, at the latest after `HELD`.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    hang: bool = False
    reset: bool = False
    until: str | None = None

    @classmethod
    def of(cls, entry: Mapping[str, object]) -> Reply:
        """From an entry of a case: `status, json, text, headers, delay, until, hang, reset`; ValueError for else."""
        known = {"status", "json", "text", "headers", "delay", "until", "hang", "reset"}
        if unknown := sorted(set(entry) - known):
            raise ValueError(f"a probe reply has {', '.join(sorted(known))}; not {', '.join(unknown)}")
        if "json" in entry and "text" in entry:
            raise ValueError("a probe reply has json or text, not both")
        given, status, delay = entry.get("headers", {}), entry.get("status", 200), entry.get("delay", 0)
        until = entry.get("until")
        if not isinstance(given, Mapping) or not isinstance(status, int) or not isinstance(delay, int | float):
            raise ValueError(f"a probe reply with a wrong type: {entry}")
        if not (until is None or (isinstance(until, str) and _PLACE.fullmatch(until))):
            raise ValueError(f'"until" of a probe reply is a request as label#n, not {until!r}')
        headers = {str(name).lower(): str(value) for name, value in given.items()}
        body = b""
        if "json" in entry:
            body = json.dumps(entry["json"]).encode()
            headers.setdefault("content-type", "application/json")
        elif "text" in entry:
            body = str(entry["text"]).encode()
            headers.setdefault("content-type", "text/plain; charset=utf-8")
        hang, reset = entry.get("hang") is True, entry.get("reset") is True
        return cls(status, headers, body, float(delay), hang, reset, until)


Answer: TypeAlias = "Callable[[Seen], Reply | Mapping[str, object]]"
Script: TypeAlias = "Mapping[str, Sequence[Mapping[str, object]] | Answer]"
"""Replies by label: a list of entries, or (in process) a function of the request."""


class Probe:
    """The server, on its own threads: `with Probe(script) as probe:` starts and stops it. Any thread may ask it.

    `clock` gives the times of requests and answers, in seconds; it is read from any thread. `arrived` is told of each
    request before it is answered, from the thread that answers it. `host` is the address it listens on, and has in its
    own.
    """

    def __init__(
        self,
        script: Script | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        arrived: Callable[[Seen], None] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.clock = clock
        self._arrived = arrived
        self._answers: dict[str, Answer] = {}
        self._counts: dict[str, int] = {}
        self._seen: list[Seen] = []
        self._lock = threading.Lock()
        self._arrival = threading.Condition(self._lock)
        self.stopping = threading.Event()
        for label, replies in (script or {}).items():
            self._answers[label.strip("/")] = replies if callable(replies) else _in_turn(label, replies)
        self._host = host
        self._server = _Server((host, port), self)
        self._scheme = "http"
        if tls:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._server.timeout = 0  # it is asked only when a connection waits
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="probe")

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"{self._scheme}://{self._host}:{self._server.server_address[1]}"

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        return self._server.connections

    @property
    def requests(self) -> list[Seen]:
        """Every request so far, in order of arrival."""
        with self._lock:
            return list(self._seen)

    def to(self, label: str) -> list[Seen]:
        """The requests to one label, in order of arrival."""
        return [seen for seen in self.requests if seen.label == label]

    def forget(self) -> None:
        """Forget the requests and start the scripts again."""
        with self._lock:
            self._seen.clear()
            self._counts.clear()

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        with self._arrival:
            self._arrival.notify_all()
        self._waker.send(b"!")
        self._thread.join()
        self._server.stop()
        self._waker.close()
        self._woken.close()

    def _serve(self) -> None:
        """Wait without polling, as hundreds of probes may run at once."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._server, selectors.EVENT_READ)
            ready.register(self._woken, selectors.EVENT_READ)
            while not self.stopping.is_set():
                if any(key.fileobj is self._server for key, _ in ready.select()):
                    self._server.handle_request()

    def record(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Seen:
        """Note a request as it arrives."""
        parts = urlsplit(target)
        label = unquote(parts.path).strip("/")
        with self._lock:
            n = self._counts[label] = self._counts.get(label, 0) + 1
            seen = Seen(label, n, method, parts.path, _pairs(parts.query), headers, body, self.clock())
            self._seen.append(seen)
            self._arrival.notify_all()
        if self._arrived is not None:
            self._arrived(seen)
        return seen

    def hold(self, until: str) -> None:
        """Return when this request, `label#n`, has arrived, after `HELD`, or when the probe stops."""
        label, _, n = until.rpartition("#")

        def is_over() -> bool:
            return self._counts.get(label.strip("/"), 0) >= int(n) or self.stopping.is_set()

        with self._arrival:
            self._arrival.wait_for(is_over, HELD)

    def reply(self, seen: Seen) -> Reply:
        """What the script says for a request."""
        answer = self._answers.get(seen.label)
        made = answer(seen) if answer else {"json": {"label": seen.label, "n": seen.n}}
        return made if isinstance(made, Reply) else Reply.of(made)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], probe: Probe) -> None:
        self.probe = probe
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def opened(self, connection: socket.socket) -> None:
        with self._guard:
            self.connections += 1
            self._open.add(connection)
            if self.probe.stopping.is_set():  # made too late for `stop` to see it
                _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.discard(connection)

    def stop(self) -> None:
        """Break off the connections that still wait for a request, then join their threads."""
        with self._guard:
            for connection in self._open:
                _shut(connection)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is normal here; anything else is shown."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # socketserver types it narrower


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def handle_one_request(self) -> None:
        """Read one request of any method, record it and answer by script."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or self.server.probe.stopping.is_set():
            self.close_connection = True
            return
        if not self.parse_request():
            return
        probe, headers = self.server.probe, {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        if urlsplit(self.path).path.strip("/") == SEEN_LABEL:
            shown = json.dumps([seen.shown() for seen in probe.requests]).encode()
            self._write(Reply(headers={"content-type": "application/json"}, body=shown))
            return
        seen = probe.record(self.command, self.path, headers, body)
        reply = probe.reply(seen)
        if reply.hang or reply.reset:
            self._break_off(reply)
            return
        if reply.until is not None:
            probe.hold(reply.until)
        if reply.delay:
            probe.stopping.wait(reply.delay)
        seen.answered = probe.clock()
        self._write(reply)

    def _break_off(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.hang:
            self.server.probe.stopping.wait()
        else:  # a linger time of zero makes the kernel send RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

    def _write(self, reply: Reply) -> None:
        """Head and body in one write, so that no reply waits for an acknowledgement of its head."""
        try:
            phrase = HTTPStatus(reply.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {reply.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        bodiless = self.command == "HEAD" or reply.status in BODILESS
        if reply.status not in BODILESS and "content-length" not in reply.headers:
            lines.append(f"content-length: {len(reply.body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head if bodiless else head + reply.body)


def _in_turn(label: str, entries: Sequence[Mapping[str, object]]) -> Answer:
    if not entries:
        raise ValueError(f'the script of probe label "{label}" is empty')
    replies = [Reply.of(entry) for entry in entries]
    return lambda seen: replies[min(seen.n, len(replies)) - 1]


def _pairs(text: str) -> Query:
    found = parse_qs(text, keep_blank_values=True)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m noetl.conformance.probe", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--script", type=Path, help="a JSON file: {label: [{status, json, text, headers, delay, until}]}"
    )
    parser.add_argument("--port", type=int, default=0, help="the port; 0, the default, takes a free one")
    options = parser.parse_args(arguments)
    script = json.loads(options.script.read_text("utf-8")) if options.script else {}
    with Probe(script, options.port) as probe:
        sys.stdout.write(f"{probe.url}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
