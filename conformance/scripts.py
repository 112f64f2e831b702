"""What tools answer in drawn playbooks: outcomes that are a pure function of the place of the attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32

from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.runtime.ports import Outcome

_TEXTS: Final[list[Json]] = ["", "x", "1", "false", "{{ workload.n }}", "{% if", "été \U0001f600"]
_SCALARS: Final[list[Json]] = [7, 0, -1, 0.5, 1.0, 2**70, -(2**63), True, False, None]
_NESTED: Final[list[Json]] = [[], {}, [1, [2, {"k": None}]], {"items": [1], "v": {"v": "{{ v }}"}, "a b": 0, "é": []}]
VALUES: Final = (*_SCALARS, *_TEXTS, *_NESTED)
"""Values of every JSON type; templates in them are data."""


@dataclass(frozen=True, slots=True)
class Script:
    """What tools answer, by place (run key, iteration, call and attempt)."""

    seed: int
    failing: int
    """Of every eight attempts, how many fail."""
    wide: bool = False
    """Whether responses are of every type and kind (VAL-2), and not only maps with `v, items, more, text`."""

    def outcome(self, place: str) -> Outcome:
        """The same outcome for the same place, always."""
        drawn = crc32(f"{self.seed}:{place}".encode())
        if drawn % 8 < self.failing:
            return self._failure(drawn, place)
        size = drawn // 8 % 4
        items: Json = [drawn % 100 + i for i in range(size)]
        usual: dict[str, Json] = {
            "v": drawn // 64 % 10,
            "items": items,
            "more": drawn // 1024 % 3 == 0,
            "text": "{{ v }}",
        }
        return self._success(drawn // 4096, usual) if self.wide else Outcome(response=usual)

    def _success(self, drawn: int, usual: dict[str, Json]) -> Outcome:
        value = VALUES[drawn // 8 % len(VALUES)]
        match drawn % 8:
            case 0:
                return Outcome(response={**usual, "v": value})
            case 1:
                return Outcome(response={**usual, "extra": {"deep": [value]}})
            case 2:
                return Outcome(response=value)
            case 3:
                return Outcome(response=_envelope(200, {**usual, "status": "new", "v": value}), view="http")
            case 4:
                return Outcome(response=_envelope(204, value), view="http")
            case 5:
                rows: list[Json] = [{"v": usual["v"], "text": "{{ v }}"}, {"v": value, "text": None}]
                return Outcome(response=_rows(rows[: drawn // 256 % 3]), view="sql")
        return Outcome(response=usual)

    def _failure(self, drawn: int, place: str) -> Outcome:
        status = 500 + drawn % 4
        error: dict[str, Json] = {"type": "Broken", "message": f"attempt {place}", "status": status}
        if self.wide and drawn // 64 % 2:
            error["body"] = {"v": VALUES[drawn // 128 % len(VALUES)]}
            return Outcome(error=error, view="http", answered=_envelope(status, error["body"]))
        return Outcome(error=error)


def _envelope(code: int, data: Json) -> Json:
    """The response of an http tool (TOO-1)."""
    told: dict[str, Json] = {"status_code": code, "url": "http://api.invalid/x", "elapsed": 0.25}
    return {"status": code, **told, "headers": {"x-a": "b"}, "data": data, "body": data, "metadata": told}


def _rows(rows: list[Json]) -> Json:
    """The response of an SQL tool (TOO-2)."""
    found: dict[str, Json] = {"rows": rows, "row_count": len(rows), "columns": ["v", "text"]}
    return {"command_0": dict(found), **found}


def scripts(*, wide: bool = False) -> st.SearchStrategy[Script]:
    """Scripts of tool outcomes."""
    return st.builds(Script, st.integers(0, 2**16), st.sampled_from((0, 0, 1, 2, 4)), st.just(wide))
