"""What a pod leaves and finds, as texts that Argo carries: packets with tokens by edge, and the records of runs.

Tokens that carry the same history share it. What is too large is in the store, and what is too large for that is told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from noetl.compiler.ir import Json
from noetl.errors import NoetlError
from noetl.targets.airflow.values import ValueGone

from .contract import NONE, TEXT_LIMIT, VALUES_ENV, crossing
from .store import Large

Left: TypeAlias = "dict[str, Any]"
"""`{tokens, packets, failed}`."""
_DIGITS: Final = 40


class TooLarge(NoetlError):
    """A text does not cross Argo, and there is no store for large values."""


def packet(tokens: Iterable[tuple[int, Json]], failed: Iterable[str], large: Large) -> str:
    """The text of a packet, from the tokens by the numbers of their edges. TooLarge if it does not cross."""
    places: dict[str, int] = {}
    packets: list[Json] = []
    edges: dict[str, list[Json]] = {}
    for edge, token in tokens:
        assert isinstance(token, dict)
        history = token["packet"]
        place = places.setdefault(json.dumps(history), len(places))
        packets += [history] if place == len(packets) else []
        rest = {name: large.values.short(part) for name, part in token.items() if name != "packet"}
        edges.setdefault(str(edge), []).append({**rest, "packet": place})
    poison: list[Json] = [*failed]
    left: dict[str, Json] = {
        "tokens": {edge: [*found] for edge, found in edges.items()},
        "packets": [large.values.short(history) for history in packets],
        "failed": poison,
    }
    return _carried("the packet", left, {"failed": poison}, large)


def records(found: Sequence[Json], error: Json, large: Large) -> str:
    """The text of the records of a pod's runs. TooLarge if it does not cross."""
    left: dict[str, Json] = {"records": [large.values.short(record) for record in found]}
    if error is not None:
        left["error"] = error
    return _carried("what is told of the runs", left, {}, large)


def _carried(what: str, left: dict[str, Json], beside: dict[str, Json], large: Large) -> str:
    """The text itself, or a reference to it."""
    text = crossing(left)
    if len(text) <= TEXT_LIMIT:
        return text
    if not large.kept:
        raise TooLarge(
            f"{what} has {len(text)} characters, and Argo carries {TEXT_LIMIT} at most: "
            f"give the pods a store for large values ({VALUES_ENV})"
        )
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    large.put(digest, text)
    return crossing({"ref": digest, **beside})


def unpacked(text: str, large: Large) -> Left | None:
    """What a text holds, with references to values in it; None where nothing was left.

    ValueError if it is no JSON object; ValueGone if the store has lost it.
    """
    if text == NONE:
        return None
    left: Left = json.loads(text)
    if not isinstance(left, dict):
        raise ValueError("not an object")
    if "ref" not in left:
        return left
    whole = large.get(str(left["ref"]))
    if whole is None:
        raise ValueGone(f'a text that another pod left is gone from the store: "{left["ref"]}"')
    return {**json.loads(whole), **{name: part for name, part in left.items() if name != "ref"}}


def tokens(left: Left, edges: Iterable[int], large: Large) -> list[Json]:
    """The tokens on those of the edges that were taken; on the edges of a region there may be several."""
    taken: Mapping[str, Any] = left["tokens"]
    found = [token for edge in edges for token in taken.get(str(edge), ())]
    whole = large.values.whole
    packets = {token["packet"]: whole(left["packets"][token["packet"]]) for token in found}
    return [{name: packets[part] if name == "packet" else whole(part) for name, part in t.items()} for t in found]
