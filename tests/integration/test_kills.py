"""Killed at random moments and resumed, an execution comes to the outcome of an undisturbed one."""

from __future__ import annotations

import json
import os
import random  # noqa: TID251  # the moments of this test, from a fixed seed
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from psycopg.conninfo import conninfo_to_dict

from noetl.compiler.ir import Json
from noetl.conformance.judge import differences
from noetl.conformance.probe import Probe, Seen
from noetl.runtime.commands import Invoke
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.events import Event
from noetl.runtime.rebuilding import workflow_of
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.store import open_log
from noetl.runtime.store.log import Log
from noetl.runtime.store.rows import LoggedEvent

KILLS = int(os.environ.get("NOETL_KILLS", "30"))
"""How many processes are killed; 300 before a release."""
A_RUN = 4
"""Kills of one execution at most, so that it comes to its end."""

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: killed}\nworkflow:\n"
PLAYBOOK = """
  - step: start
    tool: {kind: http, url: "{{ workload.probe }}/start", idempotency_key: true}
    next: [{step: left}, {step: right}, {step: round, args: {n: 0}}, {step: below}]
  - step: left
    loop: {in: [0, 1, 2, 3, 4, 5, 6, 7], iterator: i, mode: parallel, max_in_flight: 3}
    tool: {kind: http, url: "{{ workload.probe }}/left/{{ i }}", idempotency_key: true}
    case:
      - when: "{{ event.name == 'call.done' and i % 3 == 0 }}"
        then:
          - collect: {from: "i", into: third, mode: append}
          - next: [{step: fan, args: {i: "{{ i }}"}}]
  - step: fan
    tool: {kind: http, url: "{{ workload.probe }}/fan/{{ args.i }}", idempotency_key: true}
    next: end
  - step: right
    tool: {kind: http, url: "{{ workload.probe }}/flaky", idempotency_key: true}
    case:
      - when: "{{ error.status == 503 }}"
        then: [{retry: {max_attempts: 4, initial_delay: 0.01}}]
      - when: "{{ event.name == 'call.done' and event.call < 3 }}"
        then:
          - collect: {from: response.data.n, into: pages, mode: append}
          - call: {params: {p: "{{ event.call }}"}}
    sink: {tool: {kind: http, method: POST, url: "{{ workload.probe }}/sink", idempotency_key: true}}
    next: end
  - step: round
    tool: {kind: http, url: "{{ workload.probe }}/round/{{ args.n }}", idempotency_key: true}
    case:
      - when: "{{ event.name == 'step.exit' and args.n < 5 }}"
        then:
          - set: {ctx: {rounds: "{{ args.n + 1 }}"}}
          - next: [{step: round, args: {n: "{{ args.n + 1 }}"}}]
    next: end
  - step: below
    tool: {kind: playbook, path: child, args: {probe: "{{ workload.probe }}"}}
    next: end
  - step: end
    case:
      - when: true
        then:
          - result:
              third: "{{ ctx.third }}"
              pages: "{{ ctx.pages }}"
              rounds: "{{ ctx.rounds }}"
              below: "{{ below }}"
"""
CHILD = """
  - step: start
    loop: {in: [0, 1, 2], iterator: i}
    tool: {kind: http, url: "{{ workload.probe }}/child/{{ i }}", idempotency_key: true}
    next: last
  - step: last
    tool: {kind: http, url: "{{ workload.probe }}/last", idempotency_key: true}
    case: [{when: true, then: [{result: {from: response.data.n}}]}]
"""


class Forks:
    """The warm process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forks.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str) -> int:
        """The id of the process that runs the command."""
        self._write(json.dumps(arguments) + "\n")
        return self._read()

    def wait(self) -> int:
        """The exit code, once it has ended. A signal may be sent until then."""
        self._write("\n")
        return self._read()

    def close(self) -> None:
        self._process.communicate()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@pytest.fixture
def forks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forks]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "killed.yaml").write_text(HEAD + PLAYBOOK, encoding="utf-8")
    (tmp_path / "child.yaml").write_text(HEAD + CHILD, encoding="utf-8")
    made = Forks()
    yield made
    made.close()


@pytest.fixture
def probe() -> Iterator[Probe]:
    """Answers by what is asked, never by how often it was asked before: an attempt that is made again is the same."""

    def answer(seen: Seen) -> dict[str, object]:
        attempt = int(seen.headers["idempotency-key"].rpartition(":")[2]) if seen.label == "flaky" else 0
        status = 503 if attempt in (1, 2) else 200
        return {"status": status, "json": {"n": len(seen.path), "query": dict(seen.query)}, "delay": 0.004}

    labels = [*(f"left/{i}" for i in range(8)), *(f"fan/{i}" for i in range(8)), *(f"round/{i}" for i in range(6))]
    labels += ["start", "flaky", "sink", *(f"child/{i}" for i in range(3)), "last"]
    with Probe(dict.fromkeys(labels, answer)) as made:
        yield made


@dataclass
class Kept:
    """What a log holds of an execution and its sub-playbooks."""

    answered: set[str] = field(default_factory=set)
    """The idempotency keys of requests whose reply was kept."""
    events: Counter[tuple[str, str | None, str | None, int | None, bool]] = field(default_factory=Counter)
    """By name, step, key, iteration, and whether it is of a sub-playbook."""
    summary: dict[str, Json] = field(default_factory=dict)
    ended: bool = False


def kept_of(log: Log, root: str) -> Kept:
    """The execution made again; every event that was kept must come out again, in its place."""
    found = Kept()
    open_ids = [root]
    while open_ids:
        execution_id = open_ids.pop()
        open_ids += [e.execution_id for e in log.entries() if (e.parent or "").startswith(f"{execution_id}:")]
        kept, made = log.kept(execution_id), Made(execution_id)
        execution = Execution(workflow_of(kept.start), ExecutionInfo(execution_id, kept.start.env), made.listen)
        made.note(execution.start(kept.start.payload, kept.start.time))
        for replied in kept.replies:
            made.note(execution.apply(replied.number, replied.reply))
        found.answered |= {made.asked[r.number] for r in kept.replies if r.number in made.asked}
        events = list(log.events(execution_id))
        assert events == made.events[: len(events)]
        found.events.update((e.name, e.step, e.key, e.iteration, execution_id != root) for e in events)
        if execution_id == root:
            found.summary = execution.summary()
            found.ended = log.find(root).status is not None
    return found


class Made:
    """What an execution that is made again does."""

    def __init__(self, execution_id: str) -> None:
        self._execution_id = execution_id
        self.events: list[LoggedEvent] = []
        self.asked: dict[int, str] = {}
        """The idempotency keys of requests, by the number of the command."""

    def listen(self, event: Event) -> None:
        self.events.append(LoggedEvent.of(self._execution_id, len(self.events) + 1, event))

    def note(self, issued: list[Issued]) -> None:
        for one in issued:
            if isinstance(one.command, Invoke):
                self.asked[one.number] = one.command.request.idempotency_key


@dataclass
class Place:
    """Where executions run: forks of a warm process, a server, one log."""

    forks: Forks
    probe: Probe
    log: str

    def kept(self, execution_id: str) -> Kept | None:
        """What the log holds; None before the execution is in it."""
        log = open_log(self.log)
        try:
            return kept_of(log, execution_id) if log.holds(execution_id) else None
        finally:
            log.close()

    def start(self, execution_id: str, known: bool) -> int:
        """Run or resume it; the id of the process."""
        options = ["--quiet", "--log", self.log]
        if known:
            return self.forks.start("resume", "--execution", execution_id, *options)
        given = ["--execution-id", execution_id, "--set", f"probe={self.probe.url}"]
        return self.forks.start("run", "killed.yaml", *options, *given)

    def undisturbed(self, execution_id: str) -> tuple[Kept, float]:
        """What comes of it, and how many seconds it takes."""
        begun = time.monotonic()
        self.start(execution_id, known=False)
        assert self.forks.wait() == 0
        seconds = time.monotonic() - begun
        kept = self.kept(execution_id)
        assert kept is not None
        return kept, seconds

    def killed(self, execution_id: str, moments: Iterator[float], most: int) -> tuple[Kept, int]:
        """What comes of it though it is killed at these moments, and how often it was."""
        self.probe.forget()
        kills = 0
        kept: Kept | None = None
        while True:
            answered: set[str] = kept.answered if kept is not None else set()
            before = len(self.probe.requests)
            process = self.start(execution_id, kept is not None)
            if kills < most:
                time.sleep(next(moments))
                os.kill(process, signal.SIGKILL)
            code = self.forks.wait()
            asked_again = answered & {key_of(request) for request in self.probe.requests[before:]}
            assert not asked_again  # what was answered is not asked again
            kept = self.kept(execution_id)
            kills += code == -signal.SIGKILL
            if kept is not None and kept.ended:
                break
            assert code == -signal.SIGKILL
        assert kept is not None
        asked = Counter(map(key_of, self.probe.requests))
        assert set(asked) <= kept.answered  # what was asked and not answered was asked again, with the same key
        assert max(asked.values()) <= kills + 1
        return kept, kills


def key_of(request: Seen) -> str:
    return request.headers["idempotency-key"]


@pytest.mark.parametrize(("database", "kills_wanted"), [("sqlite", KILLS), ("postgres", KILLS // 5)])
def test_killed_and_resumed_it_comes_to_the_undisturbed_outcome(
    forks: Forks, probe: Probe, tmp_path: Path, request: pytest.FixtureRequest, database: str, kills_wanted: int
) -> None:
    log = str(tmp_path / "log.sqlite")
    if database == "postgres":
        parts = conninfo_to_dict(request.getfixturevalue("postgres"))
        log = f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"
    place = Place(forks, probe, log)
    usual, _ = place.undisturbed("first")
    assert usual.summary["status"] == "completed"
    _, seconds = place.undisturbed("warm")
    chance = random.Random(5)
    kills = executions = 0
    at_any_time = iter(lambda: chance.uniform(0, seconds), None)
    while kills < kills_wanted:
        kept, more = place.killed(f"killed-{executions}", at_any_time, min(A_RUN, kills_wanted - kills))
        assert differences(kept.summary, usual.summary) == []
        assert kept.events == usual.events
        kills += more
        executions += 1
