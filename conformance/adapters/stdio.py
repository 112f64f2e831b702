"""A target that is a program of any language: it reads cases and answers them, a JSON object a line."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, TypeVar

from pydantic import BaseModel, ValidationError

from noetl.diagnostics import Diagnostic, Kind, Severity, Span
from noetl.errors import UsageError
from noetl.targets.base import Capability

from ..case import Case
from ..deviations import Deviation
from ..observation import Observation
from ..probe import Probe
from ..protocol import Asked, Found, Ran, Run, Start, Started, Stop
from .base import EXEC, Observed
from .runtime import entries

_M = TypeVar("_M", bound=BaseModel)
_GRACE: Final = 2.0
"""Seconds that a program has to end after `stop`."""
LONGEST: Final = 64 * 1024 * 1024
"""Bytes of an answer."""


class ProgramFailed(Exception):
    """The program ended, did not answer in time, or gave an answer that is none."""


class Program:
    """A command that is started once and asked one case after the other. A command that ends is started again."""

    tier: str | None = None
    batch = 1

    def __init__(self, target: str, time_limit: float) -> None:
        """`time_limit` is in seconds, for the start and for each case. UsageError for a target without a command."""
        self._command = shlex.split(target.removeprefix(EXEC))
        if not self._command:
            raise UsageError(f'target "{target}" names no command')
        self.name = target
        self._limit = time_limit
        self._process: subprocess.Popen[bytes] | None = None
        self._left = b""
        self._number = 0
        self.started = Started(version=1, name=target)
        """What the program said of itself."""

    def __enter__(self) -> Program:
        try:
            self._start()
        except ProgramFailed as failed:
            raise UsageError(f'target "{self.name}" cannot be started: {failed}') from failed
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def versions(self) -> Mapping[str, str]:
        """What the program says runs there."""
        return self.started.versions

    def table(self) -> Sequence[Capability]:
        """What the program says it refuses."""
        return [
            Capability(row.feature, "refused", row.reason, _kind(row.code), row.kind) for row in self.started.refuses
        ]

    def deviations(self) -> Sequence[Deviation]:
        """None: they are given with `--deviations`."""
        return ()

    def observe(self, cases: Sequence[Case]) -> Iterator[Observed]:
        """Ask the program. What goes wrong in it is observed, too: it is the target's fault."""
        for case in cases:
            with tempfile.TemporaryDirectory(prefix="noetl-conform-") as folder, Probe(case.probe) as probe:
                try:
                    if self._process is None:
                        self._start()
                    answer = self._run(case, folder, probe.url)
                except ProgramFailed as failed:
                    self._stop()
                    answer = Ran(seq=self._number, problem=str(failed))
                yield _seen(answer, probe, sequential=self.started.sequential)

    def _run(self, case: Case, folder: str, probe: str) -> Ran:
        self._number += 1
        self._send(Run(seq=self._number, case=asked(case, Path(folder), probe)))
        answer = self._receive(Ran)
        given = [name for name in ("summary", "refused", "problem") if getattr(answer, name) is not None]
        if answer.seq != self._number:
            raise ProgramFailed(f"it answered seq {answer.seq} where {self._number} was asked")
        if len(given) != 1:
            raise ProgramFailed(
                f"an answer has one of summary, refused and problem, not {' and '.join(given) or 'none'}"
            )
        if answer.summary is not None and not {"status", "output", "runs"} <= answer.summary.keys():
            raise ProgramFailed("a summary has status, output and runs")
        return answer

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr, start_new_session=True
            )
        except OSError as error:
            raise ProgramFailed(error.strerror or str(error)) from error
        self._left = b""
        self._send(Start())
        self.started = self._receive(Started)

    def _send(self, message: BaseModel) -> None:
        line = message.model_dump_json() + "\n"
        try:
            _open(self._process, "stdin").write(line.encode())
            _open(self._process, "stdin").flush()
        except OSError as error:
            raise ProgramFailed(self._ended() or f"it reads no more: {error.strerror}") from error

    def _receive(self, kind: type[_M]) -> _M:
        line = self._line(time.monotonic() + self._limit)
        try:
            return kind.model_validate(json.loads(line))
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'the answer'}: {p['msg']}" for p in error.errors())
            raise ProgramFailed(f"its answer is no {kind.__name__}: {told}") from error
        except ValueError as error:
            raise ProgramFailed(f"its answer is no JSON: {line[:80].decode(errors='replace')!r}") from error

    def _line(self, until: float) -> bytes:
        stream = _open(self._process, "stdout")
        with selectors.DefaultSelector() as ready:
            ready.register(stream, selectors.EVENT_READ)
            while b"\n" not in self._left:
                if not ready.select(max(0.0, until - time.monotonic())):
                    raise ProgramFailed(f"no answer within {self._limit:g} s")
                read = os.read(stream.fileno(), 1 << 16)
                if not read:
                    raise ProgramFailed(self._ended() or "it closed its output")
                self._left += read
                if len(self._left) > LONGEST:
                    raise ProgramFailed(f"its answer is longer than {LONGEST} bytes")
        line, _, self._left = self._left.partition(b"\n")
        return line

    def _ended(self) -> str:
        try:
            code = self._process.wait(_GRACE) if self._process is not None else None
        except subprocess.TimeoutExpired:
            return ""
        return f"it ended with exit code {code}"

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired, OSError, ValueError):
            process.communicate(Stop().model_dump_json().encode() + b"\n", timeout=_GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started itself must not outlive it
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


def asked(case: Case, folder: Path, probe: str) -> Asked:
    """A case as a program is asked for it; its files are put into the folder."""
    files = case.beside(probe)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return Asked(
        id=case.id,
        folder=str(folder),
        main=case.path,
        files=files,
        payload={**case.payload, "probe": probe},
        env=case.env,
        credentials=case.credentials_at(probe),
        outcomes=None if case.outcomes is None else entries(case),
        cancel=case.cancel,
    )


def _seen(answer: Ran, probe: Probe, *, sequential: bool) -> Observation:
    diagnostics = [_diagnostic(found) for found in answer.refused or ()]
    return Observation(answer.summary, diagnostics, probe.requests, sequential=sequential, problem=answer.problem)


def _diagnostic(found: Found) -> Diagnostic:
    kind = Kind(found.code, found.name, Severity.ERROR, found.message)
    return Diagnostic(kind, found.message, Span(found.line, found.column, found.line, found.column))


def _kind(code: str) -> Kind:
    return Kind(code, "refused-by-target", Severity.ERROR, "what the target refuses")


def _open(process: subprocess.Popen[bytes] | None, name: str) -> IO[bytes]:
    stream = getattr(process, name)
    if stream is None:
        raise ProgramFailed("it is not running")
    found: IO[bytes] = stream
    return found
