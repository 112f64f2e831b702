"""The machine on which the pods of cases run: one process that plays the kubelet, and starts a process for each pod."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from noetl.errors import NoetlError

KUBELET: Final = "noetl.conformance.adapters.argo_kubelet"


class NodeGone(NoetlError):
    """The process that starts pods has ended: what it said is in the message."""


@dataclass(frozen=True, slots=True)
class Process:
    """What a pod's container executes, and where."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    """In which it starts."""
    log: Path
    """Takes its standard output and its standard error."""
    fault: str | None = None
    """The fault that the runner has, for tests of the suite."""


class Node:
    """A context manager: no process of a pod is left when it ends. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sending = threading.Lock()  # of its own: who sends may wait until answers have been read
        self._watchers: dict[str, Callable[[int | None], None]] = {}
        self._count = 0

    def __enter__(self) -> Node:
        self._process = subprocess.Popen(
            [sys.executable, "-m", KUBELET],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("NOETL_")},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._sending:
            _open(self._process.stdin).close()
        self._process.wait()
        self._reader.join()
        _open(self._process.stdout).close()

    def start(self, process: Process, ended: Callable[[int | None], None]) -> str:
        """Start it; `ended` gets its exit code, None where the node broke. What is given back names it for `kill`."""
        with self._lock:
            self._count += 1
            pod = str(self._count)
            self._watchers[pod] = ended
        asked = {"argv": [*process.argv], "env": dict(process.env), "fault": process.fault}
        self._send({"pod": pod, "folder": str(process.folder), "log": str(process.log), **asked})
        return pod

    def kill(self, pod: str, number: int) -> None:
        """Send a signal to what was started, if it still runs."""
        self._send({"kill": pod, "signal": number})

    def _send(self, asked: Mapping[str, object]) -> None:
        with self._sending:
            try:
                _open(self._process.stdin).write(json.dumps(asked).encode() + b"\n")
                _open(self._process.stdin).flush()
            except OSError as error:
                raise NodeGone(f"no pod can be started: {error}") from error

    def _read(self) -> None:
        for line in _open(self._process.stdout):
            told = json.loads(line)
            if "exit" in told:
                with self._lock:
                    ended = self._watchers.pop(told["pod"])
                ended(told["exit"])
        with self._lock:
            left, self._watchers = list(self._watchers.values()), {}
        for ended in left:
            ended(None)


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
