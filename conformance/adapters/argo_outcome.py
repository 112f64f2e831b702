"""The outcome of an execution from what the pods of its Workflow left (docs/argo.md, "The contract of a pod")."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from noetl.compiler import ir
from noetl.compiler.ir import Json
from noetl.errors import InternalError
from noetl.runtime.embedded import run_part
from noetl.runtime.outcome import summarise
from noetl.runtime.packet import Token
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.records import RunRecord
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock
from noetl.targets.argo import contract, packets
from noetl.targets.argo.contract import Units, UnitTable
from noetl.targets.argo.store import Large, Store

_BROKEN: Final = frozenset(("Failed", "Error"))


@dataclass(frozen=True, slots=True)
class UnitNode:
    """The node of a unit's task at the end."""

    phase: str
    message: str
    outputs: Mapping[str, str]


@dataclass(slots=True)
class _Told:
    """What there is of each unit."""

    records: list[RunRecord]
    error: Json = None
    """Of the first unit that has one."""
    lost: Json = None
    """Of the first unit whose pod was lost."""


def outcome_of(
    units: Units,
    workflow: ir.Workflow,
    execution_id: str,
    nodes: Mapping[str, UnitNode],
    store: Store | None = None,
) -> dict[str, Json]:
    """The object of `noetl run --json`, from the nodes by the names of their units. ValueGone if the store lost one."""
    large = Large("", execution_id, store)
    told = _Told([])
    for name, table in units.units.items():
        node = nodes.get(name)
        if node is None:
            continue
        if table.sources is not None:
            if node.phase == "Succeeded":
                told.records += _run(workflow, table, table.sources, nodes, large, execution_id)
        elif table.fails is None:
            _listen(told, table, node, large)
    error = told.error
    if error is None and not any(record.fails_execution for record in told.records):
        error = told.lost
    return summarise(told.records, error=error)


def _listen(told: _Told, table: UnitTable, node: UnitNode, large: Large) -> None:
    left = packets.unpacked(node.outputs.get(contract.REC, contract.NONE), large)
    mine: list[RunRecord] = []
    error: Json = None
    if left is not None:
        mine = [RunRecord.from_json(large.values.whole(record)) for record in left["records"]]
        error = left.get("error")
    told.records += mine
    told.error = error if told.error is None else told.error
    ended = error is not None or any(record.fails_execution for record in mine)
    if node.phase in _BROKEN and not ended and told.lost is None:
        told.lost = {"step": table.steps[0], "type": "PodLost", "message": node.message}


def _run(
    workflow: ir.Workflow,
    table: UnitTable,
    sources: Sequence[str],
    nodes: Mapping[str, UnitNode],
    large: Large,
    execution_id: str,
) -> list[RunRecord]:
    """The run of a unit without a pod, which no process has made: its step has no tool."""

    def arrived() -> Iterator[Json]:
        for source, edges in zip(sources, table.edges, strict=True):
            node = nodes.get(source)
            text = contract.NONE if node is None else node.outputs.get(contract.CTX, contract.NONE)
            left = packets.unpacked(text, large)
            if left is not None:
                yield from packets.tokens(left, edges, large)

    tokens = [Token.from_json(token) for token in arrived()]
    info = ExecutionInfo(execution_id, {})
    return list(asyncio.run(run_part(workflow, table.steps, tokens, (), info, _NoTools(), SystemClock())).records)


class _NoTools:
    """What a step without a tool never asks."""

    async def call(self, request: ToolCall) -> Outcome:
        """InternalError: a step with a tool has a pod."""
        raise InternalError(f'step "{request.step}" has a tool, and no pod')

    async def close(self) -> None:
        """Nothing is open."""
