"""The program in a pod: it runs one unit of a playbook for the packets that are its arguments.

    python -m noetl.targets.argo.runner UNIT [IN0 IN1 ...]

What it is given and what it leaves is told in docs/argo.md, "The contract of a pod". Its standard output is the event
log of the runs, a line each; why it failed is on its standard error.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import noetl
from noetl.compiler.frontend import load
from noetl.errors import InternalError, UsageError
from noetl.runtime.embedded import run_part
from noetl.runtime.packet import Token
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.starting import StartFailed, first_token
from noetl.runtime.system import SystemClock
from noetl.targets.airflow.values import ValueGone

from . import contract, packets
from .contract import Units, UnitTable
from .slots import Slots, filled
from .store import Large, store_at

if TYPE_CHECKING:
    from noetl.compiler import ir
    from noetl.compiler.ir import Json
    from noetl.runtime.engine import Execution
    from noetl.runtime.events import Event
    from noetl.runtime.ports import Clock, ToolRunner

SHOWN: Final = 2000
"""Characters of an event's data in the log."""
_BROKEN: Final = frozenset(("Failed", "Error"))


@dataclass(slots=True)
class Ended:
    """How a pod ends: its exit code, and the texts of its outputs by name."""

    code: int
    outputs: dict[str, str]
    said: str = ""
    """Why, for a code other than 0."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the unit and write the outputs; the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    environ = os.environ
    stopped: list[int] = []
    try:
        ended = asyncio.run(_stoppable(given, environ, stopped))
    except asyncio.CancelledError:
        sys.stderr.write(f"stopped by {signal.Signals(stopped[0]).name}\n")
        return 128 + stopped[0]
    if ended.said:
        sys.stderr.write(f"{ended.said}\n")
    _write(Path(environ.get(contract.OUTPUTS_ENV) or contract.OUTPUTS), ended.outputs)
    return ended.code


async def _stoppable(arguments: Sequence[str], environ: Mapping[str, str], stopped: list[int]) -> Ended:
    """CancelledError when the pod is told to end: all calls are given up by then (RUN-8)."""
    running = asyncio.current_task()
    assert running is not None

    def stop(number: int) -> None:
        stopped.append(number)
        running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    return await _ended(arguments, environ)


async def _ended(arguments: Sequence[str], environ: Mapping[str, str]) -> Ended:
    """Every way to end, so that `rec` tells observers of each."""
    pod: Pod | None = None
    try:
        pod = Pod(arguments, environ)
        return await pod.run()
    except UsageError as wrong:
        return _refused(contract.MISUSED, pod, "Misused", wrong)
    except packets.TooLarge as wrong:
        return _refused(contract.TOO_LARGE, pod, "TooLarge", wrong)
    except ValueGone as wrong:
        return _refused(contract.VALUE_GONE, pod, "ValueGone", wrong)
    except Exception as bug:  # a bug of ours has a code of its own
        traceback.print_exc()
        return _refused(contract.BROKEN, pod, "InternalError", bug)


def _refused(code: int, pod: Pod | None, kind: str, why: Exception) -> Ended:
    error: Json = {"type": kind, "message": str(why)}
    if pod is not None:
        error = {"step": pod.table.steps[0], "type": kind, "message": str(why)}
    return Ended(code, {contract.REC: contract.crossing({"records": [], "error": error})}, str(why))


def _write(folder: Path, outputs: Mapping[str, str]) -> None:
    """Each file under another name first: a pod that is killed leaves no half of one."""
    for name, text in outputs.items():
        file = folder / contract.FILE.format(name)
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_text(text, encoding="ascii")
        fresh.replace(file)


class Pod:
    """What a pod is given. UsageError if it does not belong together."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        if not arguments:
            raise UsageError(f"usage: python -m {contract.RUNNER} UNIT [IN0 IN1 ...]")
        self.folder = Path(environ.get(contract.FOLDER_ENV) or contract.FOLDER)
        self.unit, *given = arguments
        self.units = _units(self.folder)
        if self.unit not in self.units.units:
            raise UsageError(f'there is no unit "{self.unit}"; units: {", ".join(sorted(self.units.units))}')
        self.table = self.units.units[self.unit]
        self.inputs = _inputs(self.unit, self.table, [_text(one) for one in given])
        names = [name.strip() for name in environ.get(contract.ALLOW_ENV, "").split(",")]
        identity = environ.get(contract.EXECUTION_ENV)
        if not identity:
            raise UsageError(f"{contract.EXECUTION_ENV} is not set")
        self.info = ExecutionInfo(identity, {name: environ[name] for name in names if name in environ})
        self.environ = environ
        self.large = Large(self.unit, identity, store_at(environ.get(contract.VALUES_ENV, "")))
        self.left = [_left(self.unit, number, one, self.large) for number, one in enumerate(self.inputs.packets)]

    async def run(self) -> Ended:
        """Run the steps of the unit, if it has any to run."""
        if self.table.fails is not None:
            failed = [str(step) for left in self.left if left is not None for step in left["failed"]]
            return Ended(contract.RUN_FAILED, {}, f"failed in {self.table.fails}: {', '.join(failed)}")
        workflow = self._workflow()
        try:
            tokens = [*self._first(workflow), *self._tokens()]
        except StartFailed as wrong:
            return self._failed_to_start(wrong.error)
        if len(tokens) != 1 and not self.table.many and (not tokens or self._alone(workflow)):
            raise InternalError(f"{len(tokens)} tokens reached unit {self.unit}")
        clock = SystemClock()
        runner = self._runner(clock)
        try:
            done = await run_part(
                workflow, self.table.steps, tokens, sorted(self._failed()), self.info, runner, clock, _show
            )
        finally:
            await runner.close()
        return self._done(workflow, done)

    def _workflow(self) -> ir.Workflow:
        return load(_read(self.folder / contract.PLAYBOOK).encode(), self.units.file, check=False)

    def _alone(self, workflow: ir.Workflow) -> bool:
        """Whether one token at most comes to the unit."""
        return all(workflow.step(name).join == "each" for name in self.table.steps)

    def _first(self, workflow: ir.Workflow) -> Iterator[Token]:
        if self.inputs.payload is not None:
            given = _payload(self.inputs.payload)
            if (schedule := self.units.schedule) is not None:
                given = _scheduled(given, schedule)
            yield first_token(workflow, given, self.info, SystemClock().now())

    def _tokens(self) -> Iterator[Token]:
        for left, edges in zip(self.left, self.table.edges, strict=True):
            if left is not None:
                yield from map(Token.from_json, packets.tokens(left, edges, self.large))

    def _failed(self) -> set[str]:
        """The steps above with failed runs (RUN-6)."""
        found = {str(step) for left in self.left if left is not None for step in left["failed"]}
        broken = zip(self.table.above, self.inputs.phases, strict=True)
        return found | {steps[0] for steps, phase in broken if phase in _BROKEN}

    def _failed_to_start(self, error: Json) -> Ended:
        outputs = {
            contract.CTX: packets.packet([], [self.table.steps[0]], self.large),
            contract.REC: packets.records([], error, self.large),
        }
        return Ended(contract.RUN_FAILED, outputs, f"the execution did not start: {_told(error)}")

    def _runner(self, clock: Clock) -> ToolRunner:
        """What makes the calls: paths are relative to the folder in which the container starts."""
        from noetl.runtime.credentials import EnvironmentCredentials
        from noetl.runtime.library import TextLibrary
        from noetl.runtime.replay import replaying
        from noetl.runtime.tools import ToolBox
        from noetl.runtime.tools.playbook import Playbooks

        credentials = EnvironmentCredentials(self.environ)

        def tools(place: Path) -> ToolRunner:
            return replaying(ToolBox(credentials, folder=place), self.environ)

        texts = {file: _read(self.folder / name) for file, name in self.units.playbooks.items()}
        return Playbooks(tools, TextLibrary(texts, Path.cwd()), clock, folder=Path.cwd(), env=self.info.env)

    def _done(self, workflow: ir.Workflow, done: Execution) -> Ended:
        """The outputs of runs that have ended."""
        failed = done.failed_steps()
        error = done.error
        goes_on = error is None and (not failed or self.table.soft)
        left = [(self._number(workflow, edge), token.to_json()) for edge, token in done.left] if goes_on else []
        outputs = self._edges(workflow, [number for number, _ in left], done if goes_on else None)
        if self.table.soft and failed:
            outputs[contract.FAILED] = contract.YES
        try:
            outputs[contract.REC] = packets.records([record.to_json() for record in done.records], error, self.large)
            outputs[contract.CTX] = packets.packet(left, failed, self.large)
        except packets.TooLarge as wrong:
            return self._too_large(done, wrong)
        self.large.leave()
        if goes_on:
            return Ended(contract.OK, outputs)
        return Ended(contract.RUN_FAILED, outputs, f"the execution failed with {_told(done.summary().get('error'))}")

    def _number(self, workflow: ir.Workflow, edge: ir.Edge) -> int:
        """An edge that leads out, by its place among all that do."""
        for number, other in enumerate(contract.leaving(workflow, self.table.steps)):
            if other is edge:
                return number
        raise InternalError(f"no edge of unit {self.unit} is {edge}")

    def _edges(self, workflow: ir.Workflow, taken: Iterable[int], done: Execution | None) -> dict[str, str]:
        """What the conditions of the units below test."""
        if self.table.many:
            return {f"e{number}": contract.YES for number in sorted({*taken})}
        word = contract.NONE if done is None or not done.records else contract.DEAD
        words = contract.words(contract.leaving(workflow, self.table.steps))
        return {contract.EDGE: next((words[number] for number in taken), word)}

    def _too_large(self, done: Execution, wrong: packets.TooLarge) -> Ended:
        """The records are left out only where it is they that are too large."""
        error: Json = {"step": self.table.steps[0], "type": "TooLarge", "message": str(wrong)}
        try:
            told = packets.records([record.to_json() for record in done.records], error, self.large)
        except packets.TooLarge:
            told = packets.records([], error, self.large)
        return Ended(contract.TOO_LARGE, {contract.REC: told}, str(wrong))


@dataclass(frozen=True, slots=True)
class Inputs:
    """The arguments after the unit, by what they are."""

    payload: str | None
    packets: Sequence[str]
    phases: Sequence[str]


def _inputs(unit: str, table: UnitTable, given: Sequence[str]) -> Inputs:
    wanted = table.starts + len(table.edges) + bool(table.above)
    if len(given) != wanted:
        raise UsageError(f'unit "{unit}" takes {wanted} inputs, not {len(given)}')
    rest = [*given]
    payload = rest.pop(0) if table.starts else None
    phases = rest.pop().split(",") if table.above else []
    if len(phases) != len(table.above):
        raise UsageError(f'unit "{unit}" is told of {len(table.above)} phases, not {len(phases)}')
    return Inputs(payload, rest, phases)


def _units(folder: Path) -> Units:
    """`units.json`, if it was made by this noetl."""
    try:
        found = Units.from_json(json.loads(_read(folder / contract.UNITS)))
    except (ValueError, KeyError, TypeError) as wrong:
        raise UsageError(f'"{folder / contract.UNITS}" is no table of units: {wrong}') from None
    if noetl.__version__.split(".")[:2] != found.noetl.split(".")[:2]:
        raise UsageError(
            f"these manifests were made by noetl {found.noetl}, and noetl {noetl.__version__} is in this image: "
            f"compile the playbook with noetl {noetl.__version__}, or name an image with noetl {found.noetl}"
        )
    return found


def _text(argument: str) -> str:
    """An argument, or what is in the file that stands for a long one."""
    return _read(Path(argument[1:])) if argument.startswith("@") else argument


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except OSError as wrong:
        raise UsageError(f'"{file}" cannot be read: {wrong.strerror}') from None


def _left(unit: str, number: int, text: str, large: Large) -> packets.Left | None:
    try:
        return packets.unpacked(text, large)
    except ValueError as wrong:
        raise UsageError(f'packet {number} of unit "{unit}" is none: {wrong}') from None


def _payload(text: str) -> Mapping[str, Json]:
    """The payload; StartFailed, which says why, if the text holds none (RUN-1)."""
    try:
        found: Json = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise StartFailed({"type": "NotSerializable", "message": f"the payload is not JSON: {wrong}"}) from None
    if not isinstance(found, dict):
        message = f"the payload is a JSON object, not {type(found).__name__}"
        raise StartFailed({"type": "NotSerializable", "message": message})
    return found


def _scheduled(payload: Mapping[str, Json], schedule: contract.Scheduled) -> Mapping[str, Json]:
    """The payload with the whole interval, where a slot has started the execution."""
    try:
        return filled(payload, Slots(schedule.cron, schedule.timezone), schedule.into)
    except ValueError as wrong:
        message = f'the interval in "{schedule.into}" of the payload is none: {wrong}'
        raise StartFailed({"type": "NotSerializable", "message": message}) from None


def _show(event: Event) -> None:
    """The event log of the runs is the pod's log."""
    shown = json.dumps(event.data)
    step = "" if event.step is None else f" {event.step}"
    sys.stdout.write(f"{event.name}{step} {shown if len(shown) <= SHOWN else f'{shown[:SHOWN]}...'}\n")
    sys.stdout.flush()


def _told(error: Json) -> str:
    return f"{error.get('type')}: {error.get('message')}" if isinstance(error, dict) else str(error)


if __name__ == "__main__":
    sys.exit(main())
