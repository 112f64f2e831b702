"""The live picture of an execution, and the lines that it leaves behind."""

from __future__ import annotations

import io

import pytest

from noetl.cli.driving import seconds_left
from noetl.cli.live import ROWS, Live, Picture
from noetl.cli.progress import Progress, Silence, display
from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.runtime.events import Event
from noetl.runtime.keys import Key

NOW = "2026-01-01T00:00:00.000000+00:00"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def event(name: str, step: str | None = "s", entry: int = 0, iteration: int | None = None, **data: Json) -> Event:
    return Event(name, NOW, step, None if step is None else Key.root().child(0, entry), data, iteration)


def test_attempts_and_waits_of_a_run_count_down() -> None:
    clock = Clock()
    picture = Picture("a.yaml", clock)
    picture.take(event("workflow.start", None))
    picture.take(event("step.enter"))
    picture.take(event("call.start", call=1, attempt=1))
    clock.now += 1.5
    assert list(picture.rows()) == [
        "a.yaml  2 s  0 runs ended, 1 under way",
        "s                       1.5 s  call 1, attempt 1",
    ]
    picture.take(event("retry", wait=4.0, attempt=2))
    clock.now += 1
    assert list(picture.rows())[1] == "s                       2.5 s  call 1, attempt 1, waiting 3.0 s"
    picture.take(event("call.start", call=1, attempt=2))
    assert list(picture.rows())[1] == "s                       2.5 s  call 1, attempt 2"
    picture.take(event("run.success", result=None))
    assert list(picture.rows()) == ["a.yaml  2 s  1 runs ended, 0 under way"]


def test_iterations_are_counted() -> None:
    picture = Picture("a.yaml", Clock())
    picture.take(event("step.enter"))
    picture.take(event("loop.start", length=5))
    for index in range(4):
        picture.take(event("iteration.start", iteration=index))
        picture.take(event("call.start", iteration=index, call=1, attempt=1))
    picture.take(event("iteration.success", iteration=1))
    picture.take(event("retry", iteration=2, wait=7, attempt=2))
    assert list(picture.rows())[1].endswith("1 of 5 iterations, 3 in flight, waiting 7.0 s")
    picture.take(event("iteration.failed", iteration=2))
    picture.take(event("iteration.skipped", iteration=0))
    assert list(picture.rows())[1].endswith("3 of 5 iterations, 1 failed, call 1, attempt 1")


def test_many_runs_are_cut() -> None:
    picture = Picture("a.yaml", Clock())
    for entry in range(ROWS + 3):
        picture.take(event("step.enter", entry=entry))
    rows = list(picture.rows())
    assert len(rows) == ROWS + 2
    assert rows[-1] == "... 3 more"


def test_what_stays_is_printed_above_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    live = display(stream, "a.yaml", quiet=False)
    assert isinstance(live, Live)
    with live:
        live.show(event("step.enter"))
        live.show(event("log", text="[red]data\x1b[0m[/red]"))
        live.show(event("run.success", result={"a": 1}))
    shown = stream.getvalue()
    assert "[red]data\\x1b[0m[/red]" in shown
    assert "done" in shown
    assert shown.rstrip().endswith("\x1b[2K")  # the picture itself is gone at the end


def test_a_stream_that_is_no_terminal_gets_lines() -> None:
    assert isinstance(display(io.StringIO(), "a.yaml", quiet=False), Progress)
    assert isinstance(display(io.StringIO(), "a.yaml", quiet=True), Silence)


def test_lines_of_iterations_name_their_index() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.show(event("call.start", iteration=3, call=1, attempt=2, request={"kind": "http"}))
        progress.show(event("loop.start", length=7))
        progress.show(event("rule.fired", rule=1))
    assert stream.getvalue() == (
        "s[3]                 call      http (call 1, attempt 2)\ns                    loop      7 iterations\n"
    )


@pytest.mark.parametrize(
    ("deadline", "seconds"),
    [
        ("90", 90.0),
        ("0.5", 0.5),
        ("2026-01-01T00:01:00Z", 60.0),
        ("2026-01-01T01:00:30+01:00", 30.0),
        ("2025-12-31T00:00:00+00:00", 0.0),
    ],
)
def test_a_deadline_is_seconds_or_a_time(deadline: str, seconds: float) -> None:
    assert seconds_left(deadline, NOW) == seconds


@pytest.mark.parametrize("deadline", ["soon", "-1", "nan", "inf", "2026-01-01T00:01:00", ""])
def test_anything_else_is_no_deadline(deadline: str) -> None:
    with pytest.raises(UsageError, match="--deadline takes seconds, or a time"):
        seconds_left(deadline, NOW)
