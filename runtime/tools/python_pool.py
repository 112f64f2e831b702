"""A pool of warm worker processes for python code, each in a process group of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .failure import CallFailed
from .kind import RESPONSE_BYTES, Attempt, Printed

WORKER: Final = str(Path(__file__).with_name("python_worker.py"))
LIMIT: Final = 16
"""So many calls run beside each other; more wait for their turn before their time begins."""
HEAD: Final = struct.Struct(">Q")
"""The length that precedes every message, in bytes."""
_SLACK: Final = 4096
START_SECONDS: Final = 60.0
_LAST_WORDS_SECONDS: Final = 1.0


class Pool:
    """Hands each call to an idle worker, or starts one. Workers are started when they are first needed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        # A fixed seed: what code does with the order of a set must not differ from process to process.
        self._environ = {**environ, "PYTHONHASHSEED": "0"}
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._turns = asyncio.Semaphore(LIMIT)

    async def run(self, message: bytes, attempt: Attempt) -> bytes:
        """The worker's answer to a message; CallFailed if its process ends. Cancelling kills it with its children."""
        async with self._turns:
            worker = self._take()
            try:
                await worker.ready()
                attempt.start()
                answer = await worker.ask(message, attempt)
            except BaseException:
                worker.kill()
                raise
            finally:
                self._busy.discard(worker)
            self._idle.append(worker)
            return answer

    def close(self) -> None:
        """Kill all workers with their children."""
        for worker in (*self._idle, *self._busy):
            worker.kill()
        self._idle.clear()
        self._busy.clear()

    def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                break
            worker.kill()
        else:
            worker = Worker(self._environ)
        self._busy.add(worker)
        return worker


class Worker:
    """One worker process: a socket for messages, and a pipe for each of what it prints and what it says of errors."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        self._stdout, stdout = os.pipe()
        self._stderr, stderr = os.pipe()
        try:
            self._process = subprocess.Popen(
                # -P: neither the current folder nor this one is a place for imports
                [sys.executable, "-P", WORKER, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=(theirs.fileno(),),
                env=dict(environ),
                start_new_session=True,
            )
        except BaseException:
            self._socket.close()
            os.close(self._stdout)
            os.close(self._stderr)
            raise
        finally:
            theirs.close()
            os.close(stdout)
            os.close(stderr)
        self._printed = {self._stdout: Printed(), self._stderr: Printed()}
        for pipe in self._printed:
            os.set_blocking(pipe, False)
            self._loop.add_reader(pipe, self._read_output, pipe)
        self._ready = False
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return not self._closed and self._end() is None

    async def ready(self) -> None:
        """Return when the process has started; CallFailed if it cannot."""
        if not self._ready:
            try:
                async with asyncio.timeout(START_SECONDS):
                    await self._receive(HEAD.size)
            except (EOFError, ConnectionError, TimeoutError):
                self._read_all()
                said = "".join(stream.text(str) for stream in self._printed.values()).strip().rpartition("\n")[2]
                raise CallFailed("ProcessDied", f"the process for python code does not start: {said}") from None
            self._ready = True

    async def ask(self, message: bytes, attempt: Attempt) -> bytes:
        """Send a message and wait for the answer; CallFailed if the process ends, or answers too much."""
        self._read_all()  # what came after the last call belongs to nobody
        self._printed = {self._stdout: attempt.stdout, self._stderr: attempt.stderr}
        try:
            await self._loop.sock_sendall(self._socket, HEAD.pack(len(message)) + message)
            (length,) = HEAD.unpack(await self._receive(HEAD.size))
            if length > RESPONSE_BYTES + _SLACK:
                raise CallFailed("LimitExceeded", f"the response is larger than {RESPONSE_BYTES} bytes")
            return await self._receive(length)
        except (EOFError, ConnectionError):
            raise CallFailed("ProcessDied", await self._last_words()) from None
        finally:
            self._read_all()
            self._printed = {self._stdout: Printed(), self._stderr: Printed()}

    def kill(self) -> None:
        """Kill the process and everything in its group."""
        if self._closed:
            return
        self._closed = True
        for pipe in self._printed:
            self._loop.remove_reader(pipe)
        with contextlib.suppress(ProcessLookupError):  # not yet reaped, so the number is still its own
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in self._printed:
            os.close(pipe)
        self._socket.close()

    async def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = await self._loop.sock_recv(self._socket, min(size - len(data), 1 << 20))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _read_all(self) -> None:
        for pipe in self._printed:
            self._read_output(pipe)

    def _read_output(self, pipe: int) -> None:
        """Take all that was written so far."""
        try:
            while data := os.read(pipe, 1 << 16):
                self._printed[pipe].write(data)
        except BlockingIOError:
            return
        self._loop.remove_reader(pipe)  # every writer is gone

    def _end(self) -> str | None:
        """How the process ended, without reaping it; None while it runs."""
        try:
            status = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # this place reaps its children by itself
            return "the process of the code has ended"
        if status is None:
            return None
        if status.si_code == os.CLD_EXITED:
            return f"the code ended its process with exit code {status.si_status}"
        return f"the process of the code was killed by {signal.Signals(status.si_status).name}"

    async def _last_words(self) -> str:
        until = self._loop.time() + _LAST_WORDS_SECONDS
        while (end := self._end()) is None:
            if self._loop.time() > until:
                return "the code broke the connection of its process"
            await asyncio.sleep(0.005)
        return end
