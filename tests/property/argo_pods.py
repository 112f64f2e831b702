"""Pods of emitted manifests on the model of Argo's controller, in this process: tools answer by script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from noetl.compiler import ir
from noetl.compiler.ir import Json
from noetl.conformance.adapters.argo import documents_of, workflow_of
from noetl.conformance.adapters.argo_model.controller import PodEnd, Workflow
from noetl.conformance.adapters.argo_model.manifest import Template, read
from noetl.conformance.adapters.argo_outcome import UnitNode, outcome_of
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.events import silent
from noetl.runtime.packet import Token
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.starting import first_token
from noetl.targets.argo import contract, packets
from noetl.targets.argo.contract import Units, UnitTable
from noetl.targets.argo.emit import Emitted
from noetl.targets.argo.store import Large

from .driving import TIME

IDENTITY = "00000000-0000-0000-0000-000000000001"
INFO = ExecutionInfo(IDENTITY, {})
PHASES = {"completed": "Succeeded", "failed": "Failed"}
"""The phase of a Workflow for each status."""


class Pods:
    """Runs each unit to its end when its pod starts."""

    def __init__(
        self,
        workflow: ir.Workflow,
        tables: Mapping[str, UnitTable],
        run: Callable[[Execution, list[Issued]], Execution],
    ) -> None:
        self._workflow = workflow
        self._tables = tables
        self._run = run
        self._ended: dict[str, PodEnd] = {}

    def start(self, name: str, template: Template, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """The runner's arguments, with what Argo and the kubelet made of them."""
        assert argv[:3] == ["python", "-m", contract.RUNNER]
        assert env[contract.EXECUTION_ENV] == IDENTITY
        declared = {output.name for output in template.outputs}
        self._ended[name] = self._play(argv[3], list(argv[4:]))
        assert self._ended[name].outputs.keys() <= declared

    def ended(self) -> dict[str, PodEnd]:
        """All that were started since this was last asked."""
        found, self._ended = self._ended, {}
        return found

    def _play(self, unit: str, given: list[str]) -> PodEnd:
        table = self._tables[unit]
        if table.fails is not None:
            return PodEnd(contract.RUN_FAILED, {})
        large = Large(unit, IDENTITY, None)
        tokens: list[Token] = []
        if table.starts:
            assert given.pop(0) == "{}"
            tokens = [first_token(self._workflow, {}, INFO, TIME)]
        phases = given.pop().split(",") if table.above else []
        left = [packets.unpacked(text, large) for text in given]
        for one, edges in zip(left, table.edges, strict=True):
            tokens += [] if one is None else map(Token.from_json, packets.tokens(one, edges, large))
        failed = {step for one in left if one is not None for step in one["failed"]}
        failed |= {steps[0] for steps, phase in zip(table.above, phases, strict=True) if phase in ("Failed", "Error")}
        joins = any(self._workflow.step(step).join == "all" for step in table.steps)
        assert table.many or (tokens if joins else len(tokens) == 1), f"{len(tokens)} tokens for {unit}"
        execution = Execution(self._workflow, INFO, silent, part=frozenset(table.steps))
        return self._end(table, self._run(execution, execution.start_part(tokens, sorted(failed), TIME)), large)

    def _end(self, table: UnitTable, done: Execution, large: Large) -> PodEnd:
        failed = done.failed_steps()
        goes_on = not failed or table.soft
        edges = contract.leaving(self._workflow, table.steps)
        taken = [
            (next(n for n, other in enumerate(edges) if other is edge), token.to_json())
            for edge, token in (done.left if goes_on else ())
        ]
        outputs = {contract.CTX: packets.packet(taken, failed, large)}
        outputs[contract.REC] = packets.records([record.to_json() for record in done.records], None, large)
        if table.many:
            outputs |= {f"e{number}": contract.YES for number, _ in taken}
            outputs |= {contract.FAILED: contract.YES} if table.soft and failed else {}
        elif taken:
            outputs[contract.EDGE] = contract.words(edges)[taken[0][0]]
            assert {contract.words(edges)[number] for number, _ in taken} == {outputs[contract.EDGE]}
        return PodEnd(contract.OK if goes_on else contract.RUN_FAILED, outputs)


def played(
    emitted: Emitted,
    workflow: ir.Workflow,
    run: Callable[[Execution, list[Issued]], Execution],
) -> dict[str, Json]:
    """The outcome of the manifests on the model. Its phase fits the status."""
    document = workflow_of(documents_of(emitted.template), "{}", IDENTITY)
    argo = Workflow(read([document]), Pods(workflow, emitted.tables, run))
    argo.run()
    nodes = {node.display: UnitNode(node.phase, node.message, node.outputs or {}) for node in argo.nodes.values()}
    units = Units("0.1.0", "drawn.yaml", {}, emitted.tables)
    outcome = outcome_of(units, workflow, IDENTITY, nodes)
    assert argo.phase == PHASES[str(outcome["status"])], [(n.name, n.phase, n.message) for n in argo.nodes.values()]
    return outcome
