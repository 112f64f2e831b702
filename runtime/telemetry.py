"""The events of a log as OpenTelemetry spans: the execution, its runs, their iterations, and every attempt of a call.

Ids are made from the execution's id and the keys, so that spans which are sent again are the same spans. What has not
ended is not sent. A sub-playbook's execution is a part of the trace of the call that ran it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from noetl.compiler.ir import Json
from noetl.errors import ExecutionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    from .store.log import Entry, Log
    from .store.rows import LoggedEvent

BATCH: Final = 500
_NOTED: Final = frozenset({"retry", "log", "skip", "stdout", "stderr", "sink.done"})
"""Events that are told within the span in which they happen."""
_Attributes: TypeAlias = "dict[str, str | int]"


def export(log: Log, entry: Entry, events: Iterable[LoggedEvent], address: str) -> int:
    """Send the spans of an execution to an OTLP/HTTP collector as they end; their number.

    UsageError without the extra `otlp`; ExecutionError if the collector does not take them.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        raise UsageError('spans need the extra "otlp": install noetl[otlp]') from None
    exporter = OTLPSpanExporter(endpoint=address)
    spans = Spans(entry, _root(log, entry)).of(events)
    sent = 0
    with ExitStack() as stack:
        stack.callback(exporter.shutdown)
        while batch := list(islice(spans, BATCH)):
            if exporter.export(batch) is not SpanExportResult.SUCCESS:
                raise ExecutionError(f'"{address}" did not take the spans')
            sent += len(batch)
    return sent


def _root(log: Log, entry: Entry) -> str:
    """The execution that the user started."""
    while entry.parent is not None:
        entry = log.find(_execution_of(entry.parent))
    return entry.execution_id


class _Open:
    """A span that has begun."""

    def __init__(self, name: str, key: str, parent: str | None, start: str, attributes: _Attributes) -> None:
        self.name = name
        self.key = key
        self.parent = parent
        self.start = start
        self.attributes = attributes
        self.events: list[LoggedEvent] = []


class Spans:
    """Makes the spans of one execution."""

    def __init__(self, entry: Entry, root: str) -> None:
        self._entry = entry
        self._trace = _digest(root, 16)
        self._open: dict[str, _Open] = {}
        self._calls: dict[str, str] = {}
        """The attempt that is under way, by the span around it."""

    def of(self, events: Iterable[LoggedEvent]) -> Iterator[ReadableSpan]:
        """The spans, each when it ends."""
        for event in events:
            yield from self._take(event)

    def _take(self, event: LoggedEvent) -> Iterator[ReadableSpan]:
        here = self._around(event)
        match event.name:
            case "workflow.start":
                name = self._entry.path.rpartition("/")[2]
                self._begin(event, here, name, self._entry.parent, {})
            case "step.enter":
                self._begin(event, here, str(event.step), self._entry.execution_id, {"noetl.key": str(event.key)})
            case "iteration.start":
                around = f"{self._entry.execution_id}:{event.key}"
                attributes: _Attributes = {"noetl.key": str(event.key), "noetl.iteration": event.iteration or 0}
                self._begin(event, here, f"{event.step}[{event.iteration}]", around, attributes)
            case "call.start":
                self._call(event, here)
            case "call.done" | "call.error":
                yield from self._ended(event, self._calls.pop(here, None))
            case name if name in _NOTED:
                if (opened := self._open.get(here)) is not None:
                    opened.events.append(event)
            case name if name == "workflow.end" or name.startswith(("run.", "iteration.")):
                yield from self._ended(event, here)

    def _around(self, event: LoggedEvent) -> str:
        """The key of the span in which an event happens: an idempotency key as far as it goes."""
        parts = [self._entry.execution_id, event.key, event.iteration]
        return ":".join(str(part) for part in parts if part is not None)

    def _begin(self, event: LoggedEvent, key: str, name: str, parent: str | None, attributes: _Attributes) -> None:
        shared: _Attributes = {"noetl.execution": self._entry.execution_id}
        if event.step is not None:
            shared["noetl.step"] = event.step
        self._open[key] = _Open(name, key, parent, event.time, {**shared, **attributes})

    def _call(self, event: LoggedEvent, around: str) -> None:
        data = _data(event)
        call, attempt, request = data.get("call"), data.get("attempt"), data.get("request")
        kind = request.get("kind") if isinstance(request, dict) else None
        key = f"{self._entry.execution_id}:{event.key}:{event.iteration or 0}:{call}:{attempt}"
        attributes: _Attributes = {"noetl.kind": str(kind), "noetl.call": str(call), "noetl.attempt": str(attempt)}
        self._begin(event, key, f"{event.step} {kind}", around, attributes)
        self._calls[around] = key

    def _ended(self, event: LoggedEvent, key: str | None) -> Iterator[ReadableSpan]:
        opened = None if key is None else self._open.pop(key, None)
        if opened is not None:
            yield self._span(opened, event)

    def _span(self, opened: _Open, event: LoggedEvent) -> ReadableSpan:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import Event as Noted
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        data = _data(event)
        error, status = data.get("error"), data.get("status")
        failed = error is not None or status == "failed"
        message = str(error.get("message")) if isinstance(error, dict) else None
        kind = SpanKind.CLIENT if "noetl.call" in opened.attributes else SpanKind.INTERNAL
        attributes = dict(opened.attributes)
        attributes["noetl.status"] = str(status) if status is not None else event.name.rpartition(".")[2]
        return ReadableSpan(
            name=opened.name,
            context=self._context(opened.key),
            parent=None if opened.parent is None else self._context(opened.parent),
            resource=Resource({"service.name": "noetl"}),
            attributes=attributes,
            events=[Noted(one.name, {"noetl.data": one.data}, _nanoseconds(one.time)) for one in opened.events],
            kind=kind,
            status=Status(StatusCode.ERROR, message) if failed else Status(StatusCode.UNSET),
            start_time=_nanoseconds(opened.start),
            end_time=_nanoseconds(event.time),
        )

    def _context(self, key: str) -> SpanContext:
        from opentelemetry.trace import SpanContext, TraceFlags

        return SpanContext(self._trace, _digest(key, 8), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _execution_of(idempotency_key: str) -> str:
    return idempotency_key.partition(":")[0]


def _digest(text: str, size: int) -> int:
    """An id that is not zero, which none may be."""
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest()) or 1


def _data(event: LoggedEvent) -> dict[str, Json]:
    data: dict[str, Json] = json.loads(event.data)
    return data


def _nanoseconds(time: str) -> int:
    moment = datetime.fromisoformat(time)
    return int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1000
