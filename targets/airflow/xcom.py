"""What a step's task leaves for others, as one JSON text: the records of its runs, and the tokens on the edges taken.

Airflow changes what it stores: maps lose their order, large integers their value, some keys and characters fail the
task. A text comes back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from noetl.compiler.ir import Json

    from .values import Values

Left: TypeAlias = "dict[str, Any]"
"""`{records, failed, edges, packets}`, or `{error}` of an execution that failed outside of its runs."""


def pack(records: Sequence[Json], failed: Iterable[str], tokens: Iterable[tuple[str, Json]], values: Values) -> str:
    """The text for finished runs with their tokens by edge; tokens that carry the same packet share it.

    `failed` are the steps, here and above, whose failed runs poison joins below (RUN-6). What the text refers to is in
    `values.fresh`, which the task leaves first.
    """
    places: dict[str, int] = {}
    packets: list[Json] = []
    edges: dict[str, list[Json]] = {}
    for edge, token in tokens:
        assert isinstance(token, dict)
        packet = token["packet"]
        place = places.setdefault(json.dumps(packet), len(places))
        packets += [packet] if place == len(packets) else []
        rest = {name: values.short(part) for name, part in token.items() if name != "packet"}
        edges.setdefault(edge, []).append({**rest, "packet": place})
    left = {
        "records": [values.short(record) for record in records],
        "failed": [*failed],
        "edges": edges,
        "packets": [values.short(packet) for packet in packets],
    }
    return json.dumps(left)


def pack_error(error: Json) -> str:
    """The text for an execution that failed outside of its runs: it did not start, or a limit was hit."""
    return json.dumps({"error": error})


def unpack(text: str | None) -> Left | None:
    """What a task left; None if it left nothing."""
    if text is None:
        return None
    left: Left = json.loads(text)
    return left


def tokens(left: Left, edges: Iterable[str], values: Values) -> list[Json]:
    """The tokens on those of the edges that were taken; on the edges of a region there may be several."""
    taken: Mapping[str, Any] = left.get("edges", {})
    found = [token for edge in edges for token in taken.get(edge, ())]
    packets = {token["packet"]: values.whole(left["packets"][token["packet"]]) for token in found}
    return [
        {name: packets[part] if name == "packet" else values.whole(part) for name, part in t.items()} for t in found
    ]


def records(left: Left, values: Values) -> list[Json]:
    """The records of a task's runs."""
    return [values.whole(record) for record in left["records"]]
