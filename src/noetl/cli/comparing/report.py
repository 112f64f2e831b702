"""Differences of meaning for people and for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Final

from noetl.compiler.differences import Difference
from noetl.compiler.ir import Json
from noetl.diagnostics import Span, printable

from .on_target import TargetChanges

WIDTH: Final = 100
"""Characters of a value, after which it is cut."""
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal obeys."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two playbooks."""

    path: str
    fingerprint: str


def text(before: Side, after: Side, found: Sequence[Difference], target: TargetChanges | None) -> str:
    """Everything for people: a block for each step or section that differs."""
    lines = list(_head(before, after, found))
    block = ""
    for one in found:
        subject, place = _place(one)
        if subject != block:
            lines += ["", subject]
            block = subject
        lines += _difference(one, place, before.path, after.path)
    if target is not None:
        lines += ["", *target.lines()]
    return "\n".join(lines)


def as_object(before: Side, after: Side, found: Sequence[Difference], target: TargetChanges | None) -> dict[str, Json]:
    """Everything for programs."""
    sides: dict[str, Json] = {
        name: {"path": side.path, "hash": side.fingerprint} for name, side in (("before", before), ("after", after))
    }
    differences: list[Json] = [_object(one) for one in found]
    told: dict[str, Json] = {"same": not found, **sides, "differences": differences}
    return told if target is None else {**told, "target": target.to_json()}


def _head(before: Side, after: Side, found: Sequence[Difference]) -> Iterator[str]:
    one, two = printable(before.path), printable(after.path)
    if not found:
        yield f"{one} and {two} mean the same"
        yield f"hash {before.fingerprint}"
        return
    yield f"{one} -> {two}: {len(found)} difference{'' if len(found) == 1 else 's'}"
    yield f"hash {before.fingerprint} -> {after.fingerprint}"


def _place(one: Difference) -> tuple[str, str]:
    """The step or section of a difference, and the place in it."""
    section, *rest = one.where
    if section in ("workflow", "workbook") and rest:
        name, *rest = rest
        section = f'{"step" if section == "workflow" else "workbook task"} "{_shown(name)}"'
    place = "".join(f"[{part}]" if part.isdecimal() else f".{_shown(part)}" for part in rest)
    return section, place.removeprefix(".")


def _difference(one: Difference, place: str, before: str, after: str) -> Iterator[str]:
    subject = f" {place}" if place else ""
    at = _at(one, before, after)
    match one.what:
        case "renamed":
            yield f'  renamed to "{_shown(str(one.after))}"{at}'
        case "moved":
            yield f"  moved{subject} to [{one.after}]{at}"
        case "reordered":
            yield f"  reordered{subject}{at}"
            yield f"    - {', '.join(_names(one.before))}"
            yield f"    + {', '.join(_names(one.after))}"
        case "changed":
            yield f"  changed{subject}{at}"
            yield from _change(one.before, one.after)
        case "added":
            yield f"  added{subject}{at}" + (f": {_value(one.after)}" if place else "")
        case "removed":
            yield f"  removed{subject}{at}" + (f": {_value(one.before)}" if place else "")


def _change(before: Json, after: Json) -> Iterator[str]:
    if isinstance(before, str) and isinstance(after, str) and ("\n" in before or "\n" in after):
        lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
        yield from (f"    {_shown(line)}" for line in lines if not line.startswith(("---", "+++", "@@")))
        return
    yield f"    - {_value(before)}"
    yield f"    + {_value(after)}"


def _at(one: Difference, before: str, after: str) -> str:
    places = []
    if one.before_span is not None and one.what != "added":
        places.append(f"{printable(before)}:{one.before_span}")
    if one.after_span is not None and one.what != "removed":
        places.append(f"{printable(after)}:{one.after_span}")
    return f" ({' -> '.join(places)})" if places else ""


def _value(value: Json) -> str:
    shown = value if isinstance(value, str) and "{{" in value else json.dumps(value, ensure_ascii=False)
    shown = _shown(shown.replace("\n", "\\n"))
    return shown if len(shown) <= WIDTH else f"{shown[: WIDTH - 3]}..."


def _names(value: Json) -> list[str]:
    return [_shown(str(name)) for name in value] if isinstance(value, list) else []


def _shown(text_: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text_)


def _object(one: Difference) -> dict[str, Json]:
    told: dict[str, Json] = {"what": one.what, "where": [*one.where], "before": one.before, "after": one.after}
    for name, span in (("before_place", one.before_span), ("after_place", one.after_span)):
        if span is not None:
            told[name] = _span(span)
    return told


def _span(span: Span) -> dict[str, Json]:
    return {"line": span.line, "column": span.column, "end_line": span.end_line, "end_column": span.end_column}
