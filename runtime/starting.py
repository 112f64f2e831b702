"""How an execution starts: its workload (RUN-1) and its first token (RUN-2)."""

from __future__ import annotations

from collections.abc import Mapping

from noetl.compiler.expr import NOW
from noetl.compiler.ir import START, Json, Workflow
from noetl.compiler.values import MISSING, NotSerializable, to_json
from noetl.errors import ExecutionError

from .keys import Key
from .packet import Packet, Token
from .rendering import RenderFailed, render_map
from .scope import ExecutionInfo, Scope


class StartFailed(ExecutionError):
    """The workload could not be rendered, so no run was started; `error` is the error of the execution."""

    def __init__(self, error: Json) -> None:
        self.error = error
        super().__init__(str(error))


class _WorkloadScope(Scope):
    """In scope of the workload: the payload's keys, `payload`, and what belongs to the execution (RUN-1)."""

    __slots__ = ()

    def lookup(self, name: str) -> object:
        if name == "payload":
            return self.args
        if name in (NOW, "execution_id", "job", "env"):
            return super().lookup(name)
        return self.args.get(name, MISSING)


def merged(base: Json, over: Json) -> Json:
    """Maps merge deeply, anything else is replaced (RUN-1)."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{k: merged(base[k], v) if k in base else v for k, v in over.items()}}
    return over


def workload(workflow: Workflow, payload: Mapping[str, Json], info: ExecutionInfo, time: str) -> Json:
    """The playbook's workload, rendered once at `time` and overlaid by the payload, which is data (RUN-1).

    StartFailed if a template raises or the payload holds what is no JSON value (VAL-1).
    """
    try:
        given = to_json(dict(payload))
    except NotSerializable as failure:
        raise StartFailed({"type": "NotSerializable", "message": f"the payload: {failure}"}) from failure
    if not isinstance(given, dict):
        raise StartFailed({"type": "NotSerializable", "message": "the payload is a map"})
    scope = _WorkloadScope(info, None, None, Packet(None), time, args=given)
    try:
        rendered = render_map(workflow.workload, scope)
    except RenderFailed as failure:
        raise StartFailed(failure.error) from failure
    return merged(dict(rendered), given)


def first_token(workflow: Workflow, payload: Mapping[str, Json], info: ExecutionInfo, time: str) -> Token:
    """The token at `start`, with empty args (RUN-2). StartFailed if the workload cannot be rendered."""
    return Token(Key.root(), START, {}, None, Packet(workload(workflow, payload, info, time)))
