"""The processes of the python tool: time-outs, deaths, cancelling, and what is used again (TOO-9)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from noetl.compiler.ir import Json
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import Outcome
from noetl.runtime.tools import ToolBox

from .calls import run_calls
from .python_calls import failed, python


def alive(pid: Json) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: Json) -> bool:
    until = time.monotonic() + 5
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(pid)


@pytest.mark.parametrize("body", ["while True: pass", "import time\ntime.sleep(60)", "import signal\nsignal.pause()"])
def test_a_time_out_kills_and_the_pool_goes_on(tmp_path: Path, body: str) -> None:
    code = f"import os\nprint('begun')\nopen(note, 'w').write(str(os.getpid()))\n{body}"
    started = time.monotonic()
    stuck, after = run_calls(python(code, {"note": str(tmp_path / "pid")}, timeout=0.3), python("result = 1"))
    assert time.monotonic() - started < 5
    assert failed(stuck) == {"type": "Timeout", "message": "not finished within 0.3 s"}
    assert stuck.stdout == "begun\n"
    assert after.response == 1
    assert gone((tmp_path / "pid").read_text())


def test_a_time_out_kills_the_children_too(tmp_path: Path) -> None:
    code = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
forked = os.fork()
if not forked:
    while True: pass
open(note, "w").write(f"{os.getpid()} {child.pid} {forked}")
child.wait()
"""
    (stuck,) = run_calls(python(code, {"note": str(tmp_path / "pids")}, timeout=1.0))
    assert failed(stuck)["type"] == "Timeout"
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 3
    assert all(gone(pid) for pid in pids)


def test_the_time_of_a_call_does_not_count_the_start_of_its_process(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep(1.0)")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    (outcome,) = run_calls(python("result = 1", timeout=0.5), environ=environ)
    assert outcome.response == 1


def test_a_process_that_does_not_start_is_a_failed_call(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nprint('why\\nnot', flush=True)\nos._exit(7)")
    (outcome,) = run_calls(python("result = 1"), environ={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert failed(outcome) == {"type": "ProcessDied", "message": "the process for python code does not start: not"}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os\nprint('last words')\nos._exit(3)", "exit code 3"),
        ("import os, signal\nprint('last words')\nos.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import ctypes\nprint('last words')\nctypes.string_at(1)", "SIGSEGV"),
        ("import os\nprint('last words')\nos.closerange(3, 1000)", "exit code|SIGKILL"),
    ],
)
def test_a_process_that_dies_is_a_failed_call(code: str, words: str) -> None:
    died, after = run_calls(python(code), python("result = 1"))
    error = failed(died)
    assert error["type"] == "ProcessDied"
    assert isinstance(error["message"], str)
    assert any(word in error["message"] for word in words.split("|"))
    assert died.stdout == "last words\n"
    assert after.response == 1


def test_a_forked_child_that_comes_back_does_not_answer() -> None:
    forked, after = run_calls(python("import os\nchild = os.fork()\nresult = child != 0"), python("result = 2"))
    assert (forked.response, after.response) == (True, 2)


def test_a_worker_that_died_while_idle_is_replaced() -> None:
    async def scenario() -> tuple[Outcome, Outcome]:
        box = ToolBox(MappedCredentials({}))
        try:
            first = await box.call(python("import os\nresult = os.getpid()"))
            os.kill(int(str(first.response)), 9)
            await asyncio.sleep(0.05)
            return first, await box.call(python("import os\nresult = os.getpid()"))
        finally:
            await box.close()

    first, second = asyncio.run(scenario())
    assert second.error is None
    assert first.response != second.response


def test_calls_run_beside_each_other_and_processes_are_used_again() -> None:
    code = "import os, time\ntime.sleep(0.2)\nresult = os.getpid()"
    outcomes = run_calls(*[python(code, timeout=None)] * 3, together=True)
    assert len({outcome.response for outcome in outcomes}) == 3
    one_by_one = run_calls(*[python("import os\nresult = os.getpid()")] * 3)
    assert len({outcome.response for outcome in one_by_one}) == 1


def test_cancelling_and_closing_leave_no_process(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    async def scenario() -> Json:
        box = ToolBox(MappedCredentials({}))
        code = "import os\nopen(note, 'w').write(str(os.getpid()))\nwhile True: pass"
        idle = (await box.call(python("import os\nresult = os.getpid()"))).response
        stuck = asyncio.create_task(box.call(python(code, {"note": str(note)}, timeout=None)))
        while not (note.exists() and note.read_text()):
            await asyncio.sleep(0.01)
        other = (await box.call(python("import os\nresult = os.getpid()"))).response
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
        assert gone(note.read_text())
        assert alive(other)
        await box.close()
        return [idle, other]

    pids = asyncio.run(scenario())
    assert isinstance(pids, list)
    assert all(gone(pid) for pid in pids)


RUNNER = """
import asyncio, sys
from noetl.compiler.values import MISSING
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import NOWHERE, ToolCall
from noetl.runtime.tools import ToolBox
code = "import os\\nopen(note, 'w').write(str(os.getpid()))\\nwhile True: pass"
call = ToolCall("python", {"code": code}, {"note": sys.argv[1]}, lambda name: MISSING, list, "s", "e", NOWHERE)
async def main():
    await ToolBox(MappedCredentials({})).call(call)
asyncio.run(main())
"""


def test_a_runner_that_is_killed_takes_its_processes_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", RUNNER, str(note)]) as runner:
        until = time.monotonic() + 20
        while not (note.exists() and note.read_text()) and time.monotonic() < until:
            time.sleep(0.01)
        assert alive(note.read_text())
        runner.kill()
    assert gone(note.read_text())
