"""What a step costs besides its tool, with the log on, beside a step of a DBOS workflow on a like database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from dbos import DBOS, DBOSConfig

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.runtime.embedded import Source, execute
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.store import open_log
from noetl.runtime.system import SystemClock

from .measure import ratio

STEPS = 200
BOUND = 0.3


def chain(length: int) -> str:
    """Steps one after the other, each with a tool that is handed a number and gives the next one."""
    steps = [
        f"  - step: {'start' if i == 0 else f's{i}'}\n"
        f'    tool: {{kind: python, code: "result = n + 1", args: {{n: "{{{{ args.n | default(0) }}}}"}}}}\n'
        f"    case:\n      - when: \"{{{{ event.name == 'step.exit' }}}}\"\n"
        f'        then: [{{next: [{{step: s{i + 1}, args: {{n: "{{{{ result }}}}"}}}}]}}]\n'
        for i in range(length)
    ]
    head = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: chain}\nworkflow:\n"
    return head + "".join(steps) + f"  - step: s{length}\n"


class Adder:
    """The tool, without any cost of its own."""

    async def call(self, request: ToolCall) -> Outcome:
        """One more than it was given."""
        n = request.args["n"]
        assert isinstance(n, int)
        return Outcome(response=n + 1)

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Callable[[], None]]:
    text = chain(STEPS)
    workflow = compile_source(text, "chain.yaml").workflow
    assert workflow is not None
    log, numbers = open_log(str(tmp_path / "log.sqlite")), count()

    def run() -> None:
        info = ExecutionInfo(f"e{next(numbers)}", {}, records=False)
        source = Source("chain.yaml", text)

        async def outcome() -> dict[str, Json]:
            return (await execute(workflow, {}, info, Adder(), SystemClock(), journal=log, source=source)).outcome()

        assert asyncio.run(outcome()) == {"status": "completed", "output": STEPS}

    yield run
    log.close()


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Callable[[], None]]:
    config: DBOSConfig = {
        "name": "chain",
        "log_level": "WARNING",
        "system_database_url": f"sqlite:///{tmp_path / 'dbos.sqlite'}",
    }
    DBOS(config=config)

    @DBOS.step()
    def add(n: int) -> int:
        return n + 1

    @DBOS.workflow()
    def chained() -> int:
        n = 0
        for _ in range(STEPS):
            n = add(n)
        return n

    DBOS.launch()

    def run() -> None:
        assert chained() == STEPS

    yield run
    DBOS.destroy()


def seconds(call: Callable[[], None]) -> float:
    """Of the clock: what a step waits for the disk is a cost."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_step_with_the_log_on_beside_one_of_dbos(ours: Callable[[], None], theirs: Callable[[], None]) -> None:
    found = ratio(f"{STEPS} steps, log on, beside DBOS", lambda: seconds(ours), lambda: seconds(theirs), BOUND, runs=5)
    assert found <= BOUND
