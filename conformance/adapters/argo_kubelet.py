"""The process side of `argo`: it plays the kubelet, and starts a process for each pod.

`python -m noetl.conformance.adapters.argo_kubelet` reads a JSON object a line: `{pod, argv, env, folder, log, fault}`
starts a pod, `{kill, signal}` sends one a signal. It answers `{pod, pid}` when one has begun and `{pod, exit}` when it
has ended, with the exit code as a shell tells it.

A pod is a process in a group of its own, with the command, environment, folder, exit code and signals of a container.
Those that run `python -m noetl.targets.argo.runner` are forked off this process, which has loaded that module: to start
an interpreter for each would cost most of the time. Any other command is executed.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import IO, Any, Final, NoReturn

from noetl.conformance.argo_mutants import running

RUNNER: Final = "noetl.targets.argo.runner"
_USED: Final = (
    RUNNER,
    "noetl.runtime.tools.http",
    "noetl.runtime.tools.python",
    "noetl.runtime.tools.web_client",
    "noetl.runtime.embedded",
)
"""What most pods load: it is loaded once."""
_WAKES: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
Pod = dict[str, Any]


def main() -> None:
    """Until the input ends; then, as on a signal, the pods that are left are killed."""
    for module in _USED:
        import_module(module)
    gc.collect()
    gc.freeze()  # so that the memory is shared with the pods
    kubelet = _Kubelet(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    try:
        kubelet.run()
    finally:
        kubelet.close()


class _Kubelet:
    def __init__(self, answers: IO[str]) -> None:
        self._answers = answers
        self._pods: dict[int, str] = {}
        """By process id."""
        self._asked = b""
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in _WAKES:
            signal.signal(number, lambda *_: None)

    def run(self) -> None:
        """Until there is nothing more to read, or a signal says so."""
        with selectors.DefaultSelector() as ready:
            ready.register(0, selectors.EVENT_READ)
            ready.register(self._woken, selectors.EVENT_READ)
            self._say(ready=True)
            while True:
                for key, _ in ready.select():
                    if not (self._signalled() if key.fd == self._woken else self._read()):
                        return

    def close(self) -> None:
        """Kill what is left."""
        for pid in self._pods:
            _signal(pid, signal.SIGKILL)

    def _signalled(self) -> bool:
        with suppress(BlockingIOError):
            if set(os.read(self._woken, 1 << 12)) & {signal.SIGTERM, signal.SIGINT}:
                return False
        while self._pods:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            code = os.waitstatus_to_exitcode(status)
            _signal(pid, signal.SIGKILL)  # what it has left behind, as a container's end does
            self._say(pod=self._pods.pop(pid), exit=code if code >= 0 else 128 - code)
        return True

    def _read(self) -> bool:
        found = os.read(0, 1 << 20)
        *lines, self._asked = (self._asked + found).split(b"\n")
        for line in lines:
            asked: Pod = json.loads(line)
            if "kill" in asked:
                for pid in [pid for pid, pod in self._pods.items() if pod == asked["kill"]]:
                    _signal(pid, asked["signal"])
            else:
                self._start(asked)
        return bool(found)

    def _start(self, pod: Pod) -> None:
        pid = os.fork()
        if pid == 0:
            _become(pod)
        with suppress(OSError):  # where it has done that itself and is another program by now
            os.setpgid(pid, pid)
        self._pods[pid] = pod["pod"]
        self._say(pod=pod["pod"], pid=pid)

    def _say(self, **told: object) -> None:
        print(json.dumps(told), file=self._answers, flush=True)


def _signal(pid: int, number: int) -> None:
    """To the process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _become(pod: Pod) -> NoReturn:
    """What the process of a pod does from its first moment to its last."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in _WAKES:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        log = os.open(pod["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 256)
        os.chdir(pod["folder"])
        code = _command(pod["argv"], pod["env"], pod["fault"])
    except BaseException:  # as an interpreter does where nothing else takes it
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _command(argv: list[str], env: dict[str, str], fault: str | None) -> int:
    if argv[1:3] != ["-m", RUNNER]:
        os.execvpe(argv[0], argv, env)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [RUNNER, *argv[3:]]
    runner: Callable[[Sequence[str]], int] = import_module(RUNNER).main
    with running(fault):
        try:
            return runner(argv[3:])
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1


if __name__ == "__main__":
    main()
