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

Left: TypeAlias = "dict[str, Any]"
"""`{records, failed, edges, packets}`, or `{error}` of an execution that failed outside of its runs."""


def pack(records: Sequence[Json], failed: Iterable[str], tokens: Iterable[tuple[str, Json]]) -> str:
    """The text for finished runs with their tokens by edge; tokens that carry the same packet share it.

    `failed` are the steps, here and above, whose failed runs poison joins below (RUN-6).
    """
    packets: dict[str, int] = {}
    edges: dict[str, list[Json]] = {}
    for edge, token in tokens:
        assert isinstance(token, dict)
        place = packets.setdefault(json.dumps(token["packet"]), len(packets))
        edges.setdefault(edge, []).append({**token, "packet": place})
    left = {"records": [*records], "failed": [*failed], "edges": edges}
    return f'{json.dumps(left)[:-1]}, "packets": [{", ".join(packets)}]}}'


def pack_error(error: Json) -> str:
    """The text for an execution that failed outside of its runs: it did not start, or a limit was hit."""
    return json.dumps({"error": error})


def unpack(text: str | None) -> Left | None:
    """What a task left; None if it left nothing."""
    if text is None:
        return None
    left: Left = json.loads(text)
    return left


def tokens(left: Left, edges: Iterable[str]) -> list[Json]:
    """The tokens on those of the edges that were taken; on the edges of a region there may be several."""
    found: Mapping[str, Any] = left.get("edges", {})
    return [{**token, "packet": left["packets"][token["packet"]]} for edge in edges for token in found.get(edge, ())]
