"""Runs cases on a real server with its own PostgreSQL and one or eight real workers, all in one process tree."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import IO, Final

import httpx

from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic, Kind, Severity, Span
from noetl.errors import UsageError
from noetl.runtime.queue.address import Address
from noetl.runtime.system import RandomIds
from noetl.targets.base import Capability

from ..case import Case
from ..deviations import Deviation, kept_for
from ..observation import Observation
from ..probe import Probe, Seen
from .base import Observed
from .server_worker import CREDENTIALS, FILES, OUTCOMES

WORKERS: Final[Mapping[str, int]] = {"one": 1, "eight": 8}
TOGETHER: Final = 8
"""Cases that are run beside each other."""
LIMIT: Final = 300.0
"""Seconds for each case: one that never ends makes 100,000 runs and keeps what happened in all of them."""
START: Final = 120.0
"""Seconds that the server has to start."""
_POLL: Final = 0.02


class Server:
    """The adapter. Each case is an execution, with playbooks that belong to it alone."""

    name = "server"
    batch = 32

    def __init__(self, tier: str) -> None:
        """Starts nothing yet."""
        self.tier: str | None = tier
        self._processes: list[subprocess.Popen[bytes]] = []
        self._folder = Path()
        self._log: IO[bytes] | None = None
        self._client: httpx.Client | None = None

    def versions(self) -> Mapping[str, str]:
        """That of noetl, and how many workers there are."""
        return {"noetl": version("noetl"), "workers": str(WORKERS[str(self.tier)])}

    def table(self) -> Sequence[Capability]:
        """It carries the language."""
        return ()

    def deviations(self) -> Sequence[Deviation]:
        """Those that are kept with the suite."""
        return kept_for(self.name)

    def observe(self, cases: Sequence[Case]) -> Iterator[Observed]:
        """Some cases at a time; those that judge who was in flight together come one by one, when all else is done."""
        with ThreadPoolExecutor(TOGETHER) as pool:
            beside = {id(case): pool.submit(self._observed, case) for case in cases if not case.expect.overlap}
        for case in cases:
            done = beside.get(id(case))
            yield self._observed(case) if done is None else done.result()

    def __enter__(self) -> Server:
        self._folder = Path(tempfile.mkdtemp(prefix="noetl-server-"))
        self._log = (self._folder / "log.txt").open("wb")
        try:
            self._start()
        except BaseException:  # an interrupt, too, must leave no process behind
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self._processes):
            process.wait()
        if self._log is not None:
            self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("NOETL_", "POSTGRES_"))}
        data = self._folder / "data"
        data.mkdir()
        server = self._process(["noetl", "server", "start", "--port", "0", "--data", str(data)], kept)
        end = time.monotonic() + START
        while (address := Address.read(data)) is None:
            if server.poll() is not None or time.monotonic() > end:
                raise UsageError(f"the server did not start: {(self._folder / 'log.txt').read_text()[-2000:]}")
            time.sleep(_POLL)
        self._client = httpx.Client(base_url=f"{address.url}/api/v2", timeout=LIMIT, trust_env=False)
        for number in range(WORKERS[str(self.tier)]):
            module = "noetl.conformance.adapters.server_worker"
            given = [address.worker_database, address.url, str(self._folder), f"worker-{number}"]
            self._process([module, *given], kept)

    def _process(self, arguments: list[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", *arguments]
        process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env=dict(environ))
        self._processes.append(process)
        return process

    def _observed(self, case: Case) -> Observation:
        identity = RandomIds().execution_id()
        cancelling = _Cancelling(case, lambda: self._ask("POST", f"/executions/{identity}/cancel"))
        with Probe(case.probe, arrived=cancelling.saw) as probe:
            try:
                return self._run(case, identity, probe, cancelling)
            except (httpx.HTTPError, TimeoutError) as failure:
                return Observation(None, (), probe.requests, problem=f"{type(failure).__name__}: {failure}")

    def _run(self, case: Case, identity: str, probe: Probe, cancelling: _Cancelling) -> Observation:
        self._lay_out(case, identity, probe.url)
        refused = self._register(case, identity, probe.url)
        if refused is not None:
            return Observation(None, refused)
        payload = {**case.payload, "probe": probe.url}
        begun = self._ask("POST", "/executions", {"execution_id": identity, "payload": payload, "env": case.env})
        if begun.status_code != 201:
            return Observation(None, (), problem=begun.text)
        cancelling.begun()
        summary = self._summary(identity)
        events = [(str(event["name"]), event["step"]) for event in self._events(identity)]
        return Observation(summary, (), probe.requests, events)

    def _lay_out(self, case: Case, identity: str, probe: str) -> None:
        folder = self._folder / identity
        for path, text in case.beside(probe).items():
            file = folder / FILES / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        (folder / CREDENTIALS).write_text(json.dumps(case.credentials_at(probe)), "utf-8")
        if case.outcomes is not None:
            told = [one.model_dump(mode="json", exclude_unset=True) for one in case.outcomes]
            (folder / OUTCOMES).write_text(json.dumps({"format": 1, "outcomes": told}), "utf-8")

    def _register(self, case: Case, identity: str, probe: str) -> list[Diagnostic] | None:
        """Every playbook of the case, the main one last; why that is refused, if it is."""
        texts = {p: t for p, t in case.beside(probe).items() if p.endswith((".yaml", ".yml")) and p != case.path}
        answer: httpx.Response | None = None
        for path, text in [*texts.items(), (case.path, case.text())]:
            body = {"playbook_yaml": text, "path": path, "execution_id": identity}
            answer = self._ask("POST", "/playbooks/register", body)
        assert answer is not None
        if answer.is_success:
            return None
        return [_diagnostic(found) for found in answer.json()["diagnostics"]]

    def _summary(self, identity: str) -> dict[str, Json]:
        end = time.monotonic() + LIMIT
        while self._ask("GET", f"/executions/{identity}").json()["status"] == "running":
            if time.monotonic() > end:
                self._ask("POST", f"/executions/{identity}/cancel")
                raise TimeoutError(f"not ended within {LIMIT:g} s")
            time.sleep(_POLL)
        told = self._ask("GET", f"/executions/{identity}?runs=true").json()
        return {name: told[name] for name in ("status", "output", "error", "runs") if name in told}

    def _events(self, identity: str) -> Iterator[dict[str, str | None]]:
        after = 0
        while found := self._ask("GET", f"/executions/{identity}/events?after={after}&limit=1000").json()["events"]:
            yield from found
            after = int(found[-1]["position"])

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        assert self._client is not None
        return self._client.request(method, path, json=body)


class _Cancelling:
    """Cancels an execution when a request has arrived at the probe, whose threads tell of each."""

    def __init__(self, case: Case, cancel: object) -> None:
        self._request = case.cancel
        self._cancel = cancel
        self._known = threading.Event()

    def begun(self) -> None:
        """The execution can be cancelled."""
        self._known.set()

    def saw(self, request: Seen) -> None:
        """A request arrived."""
        if f"{request.label}#{request.n}" == self._request and callable(self._cancel):
            self._known.wait()
            self._cancel()


def _diagnostic(found: Mapping[str, object]) -> Diagnostic:
    kind = Kind(str(found["code"]), str(found["name"]), Severity(str(found["severity"])), str(found["message"]))
    line, column, end_line, end_column = (int(str(found[n])) for n in ("line", "column", "end_line", "end_column"))
    return Diagnostic(kind, str(found["message"]), Span(line, column, end_line, end_column), str(found["path"]))
