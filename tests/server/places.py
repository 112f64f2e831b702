"""Real servers and workers, as processes of the command line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from noetl.runtime.queue.address import Address

SECONDS = 120.0
"""So long a busy machine may take for anything."""


def until(holds: Callable[[], bool], what: str) -> None:
    """Return when it holds."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@dataclass
class Place:
    """A data folder, the database of its server, and the processes that were started there."""

    folder: Path
    database: str | None = None
    """None has the server bring its own."""
    environ: Mapping[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The address of the server."""
        address = Address.read(self.folder)
        assert address is not None
        return address.url

    def server(self, **more: str) -> subprocess.Popen[bytes]:
        """Start a server and wait until it answers; a later one takes the same port."""
        Address.remove(self.folder)
        process = self.start("server", "start", "--port", str(self.port), **more)

        def answers() -> bool:
            assert process.poll() is None, self.said(process)
            return Address.read(self.folder) is not None

        until(answers, "the server answers")
        self.port = int(self.url.rpartition(":")[2])
        return process

    def worker(self, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        return self.start("worker", "start", *arguments, **more)

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a command in the background."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"process-{len(self.processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "noetl", *arguments],
                stdout=output,
                stderr=output,
                env=self.variables(more),
                cwd=self.folder,
            )
        self.processes.append(process)
        return process

    def said(self, process: subprocess.Popen[bytes]) -> str:
        """What a process wrote."""
        return (self.folder / f"process-{self.processes.index(process)}.log").read_text(errors="replace")

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "noetl", *arguments],
            capture_output=True,
            text=True,
            env=self.variables(more),
            cwd=self.folder,
            timeout=SECONDS,
        )

    def variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process."""
        own = {"NOETL_DATA": str(self.folder), "NOETL_WORKER_POOL_LEASE": "2", "NOETL_WORKER_POOL_POLL": "0.2"}
        if self.database is not None:
            own["NOETL_DATABASE"] = self.database
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NOETL_", "POSTGRES_"))}
        return {**kept, **own, **self.environ, **more}

    def client(self) -> httpx.Client:
        """A client of the server."""
        return httpx.Client(base_url=f"{self.url}/api/v2", timeout=SECONDS, trust_env=False)

    def ended(self, client: httpx.Client, execution_id: str) -> dict[str, Any]:
        """An execution with its runs, once it has ended."""

        def is_over() -> bool:
            return bool(client.get(f"/executions/{execution_id}").json()["status"] != "running")

        until(is_over, f"{execution_id} ends")
        told: dict[str, Any] = client.get(f"/executions/{execution_id}", params={"runs": True}).json()
        return told

    def close(self) -> None:
        """End all processes: workers first."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def place(folder: Path, database: str | None = None, **environ: str) -> Iterator[Place]:
    """A place that is empty again when it is left."""
    made = Place(folder, database, environ)
    try:
        yield made
    finally:
        made.close()
