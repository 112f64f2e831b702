"""What a step's task leaves for others, as one JSON text: the record of its run, and the tokens on the edges it took.

Airflow changes what it stores: maps lose their order, large integers their value, some keys and characters fail the
task. A text comes back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from noetl.compiler.ir import Json

Left: TypeAlias = "dict[str, Any]"
"""`{record, edges, packets}`, or `{start}` with the error of a workload that could not be rendered."""


def pack(record: Json, tokens: Iterable[tuple[str, Json]]) -> str:
    """The text for a finished run with its tokens by edge; tokens that carry the same packet share it."""
    packets: list[Json] = []
    edges: dict[str, Json] = {}
    for edge, token in tokens:
        assert isinstance(token, dict)
        if token["packet"] not in packets:
            packets.append(token["packet"])
        edges[edge] = {**token, "packet": packets.index(token["packet"])}
    return json.dumps({"record": record, "edges": edges, "packets": packets})


def pack_refused_start(error: Json) -> str:
    """The text for an execution that did not start."""
    return json.dumps({"start": error})


def unpack(text: str | None) -> Left | None:
    """What a task left; None if it left nothing."""
    if text is None:
        return None
    left: Left = json.loads(text)
    return left


def tokens(left: Left, edges: Iterable[str]) -> list[Json]:
    """The tokens on those of the edges that were taken."""
    found: Mapping[str, Any] = left.get("edges", {})
    return [{**found[edge], "packet": left["packets"][found[edge]["packet"]]} for edge in edges if edge in found]
