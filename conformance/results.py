"""`results.jsonl`: what was asked, seen and judged, one object a line, so that anyone can judge it again.

The first line is the header, the last one the footer; a file without its footer is no report. Verdicts depend on the
observations that are kept here and on the cases of the suite, whose digest is in the header.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic, Kind, Severity, Span
from noetl.errors import UsageError

from .case import Case
from .conform import VERDICTS, Claims, Judged, Verdict, judged
from .observation import Observation
from .probe import Seen
from .suite import Placed, fingerprint
from .telling import lowering_rule

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What was judged, with what. Two reports can be compared where `suite` is the same."""

    target: str
    suite: str
    """The digest of all cases of the suite."""
    law: str
    """The digest of the semantics."""
    seed: int
    level: str
    versions: Mapping[str, str] = field(default_factory=dict)
    refuses: Sequence[str] = ()
    """The codes with which the target's table refuses."""
    began: str = ""
    """ISO 8601 in UTC."""
    tier: str | None = None
    """The tier of the target, if it has several."""

    def place(self) -> str:
        """The target with its tier."""
        return self.target if self.tier is None else f"{self.target} ({self.tier})"


@dataclass(frozen=True, slots=True)
class Results:
    """A whole report."""

    header: Header
    records: tuple[Judged, ...]
    notes: tuple[str, ...] = ()
    """What is wrong beside the cases, such as a row of the target's table that no case bears out; makes it red."""

    def counts(self) -> dict[Verdict, int]:
        """How many cases came to each verdict."""
        found = Counter(one.verdict for one in self.records)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def ok(self) -> bool:
        """Whether the target conforms, as far as it was asked."""
        counts = self.counts()
        return not (counts["failed"] or counts["stale"] or counts["broken"] or self.notes)


def write_results(file: Path, results: Results) -> None:
    """Write the report; its footer comes last."""
    header = {"record": "header", "format": FORMAT, **asdict(results.header)}
    footer = {"record": "footer", "counts": results.counts(), "notes": list(results.notes)}
    with file.open("w", encoding="utf-8") as stream:
        for line in (header, *(_record(one, results.header.target) for one in results.records), footer):
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_results(file: Path) -> tuple[Header, list[dict[str, Json]]]:
    """The header and the records of a report; UsageError if it is none, or is not whole."""
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise UsageError(f'"{file}" is no report: {error}') from error
    if not lines or not all(isinstance(line, dict) for line in lines) or lines[0].get("record") != "header":
        raise UsageError(f'"{file}" is no report: it does not begin with a header')
    if lines[-1].get("record") != "footer":
        raise UsageError(f'"{file}" is not whole: it has no footer')
    head = lines[0]
    if head.get("format") != FORMAT:
        raise UsageError(f'"{file}" has format {head.get("format")}; this noetl reads {FORMAT}')
    known = Header.__dataclass_fields__
    try:
        return Header(**{name: value for name, value in head.items() if name in known}), lines[1:-1]
    except TypeError as error:
        raise UsageError(f'"{file}" is no report: {error}') from error


def verified(file: Path, suite: Mapping[str, Placed], digest: str, claims: Claims) -> list[str]:
    """A line for each record whose verdict its observation does not bear out; UsageError for another suite's report.

    A case that is no case of the suite, such as a drawn one, is judged by what the report says of it.
    """
    header, records = read_results(file)
    if header.suite != digest:
        raise UsageError(f'"{file}" is about suite {header.suite}; this one is {digest}')
    wrong: list[str] = []
    for record in records:
        kept = record.get("case")
        name = str(record.get("id"))
        if name in suite:
            path, case = suite[name]
            if record.get("fingerprint") != fingerprint(case):
                wrong.append(f"{name}: it is about another case of this id")
                continue
        elif isinstance(kept, dict):
            path, case = Path(name), Case.model_validate(kept)
        else:
            wrong.append(f"{name}: the suite has no such case")
            continue
        wrong += _again(record, case, path, claims)
    return wrong


def _again(record: Mapping[str, Json], case: Case, path: Path, claims: Claims) -> Iterable[str]:
    said, kept = record.get("verdict"), record.get("seen")
    if not isinstance(kept, dict):
        if said not in ("not run", "broken"):
            yield f"{case.id}: {said}, without an observation"
        return
    found = judged(case, path, observation(kept), claims)
    if found.verdict != said:
        yield f"{case.id}: the report says {said}, its observation {found.verdict}: {'; '.join(found.said[:1])}"


def changes(old: Path, new: Results) -> list[str]:
    """A line for each case whose verdict is another one than in an older report; UsageError for another suite's."""
    header, records = read_results(old)
    if header.suite != new.header.suite:
        raise UsageError(f'"{old}" is about suite {header.suite}, this run about {new.header.suite}: no comparison')
    before = {str(record.get("id")): str(record.get("verdict")) for record in records}
    now = {one.case.id: str(one.verdict) for one in new.records}
    return [
        f"{name}: {before.get(name, 'absent')} -> {now.get(name, 'absent')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


# -- records ---------------------------------------------------------------------------------------------------------


def _record(one: Judged, target: str) -> dict[str, Json]:
    told: dict[str, Json] = {
        "record": "case",
        "id": one.case.id,
        "fingerprint": fingerprint(one.case),
        "clauses": list(one.case.clauses),
        "verdict": one.verdict,
        "said": list(one.said),
        "deviation": one.deviation,
        "lowering": lowering_rule(one, target) if one.verdict == "failed" else None,
        "seconds": round(one.seconds, 3),
        "seen": None if one.seen is None else told_of(one.seen),
    }
    if not one.path.exists() or one.case.id.startswith("drawn-"):
        told["case"] = one.case.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return told


def told_of(seen: Observation) -> dict[str, Json]:
    """An observation as JSON."""
    return {
        "summary": None if seen.summary is None else dict(seen.summary),
        "diagnostics": [_diagnostic(d) for d in seen.diagnostics if d.severity is Severity.ERROR],
        "requests": [request.shown() for request in seen.requests],
        "events": None if seen.events is None else [list(event) for event in seen.events],
        "sequential": seen.sequential,
        "problem": seen.problem,
    }


def observation(told: Mapping[str, Json]) -> Observation:
    """The observation written by `told_of`."""
    summary, problem, events = told["summary"], told["problem"], told["events"]
    return Observation(
        summary if isinstance(summary, dict) else None,
        [_read_diagnostic(d) for d in _maps(told["diagnostics"])],
        [_read_request(r) for r in _maps(told["requests"])],
        None if events is None else [cast("tuple[str, str | None]", tuple(e)) for e in cast("list[list[str]]", events)],
        told["sequential"] is True,
        problem if isinstance(problem, str) else None,
    )


def _maps(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _diagnostic(found: Diagnostic) -> dict[str, Json]:
    span: list[Json] = [found.span.line, found.span.column, found.span.end_line, found.span.end_column]
    return {"code": found.code, "name": found.name, "message": found.message, "span": span}


def _read_diagnostic(told: Mapping[str, Json]) -> Diagnostic:
    kind = Kind(str(told["code"]), str(told["name"]), Severity.ERROR, "")
    return Diagnostic(kind, str(told["message"]), Span(*cast("list[int]", told["span"])))


def _read_request(told: Mapping[str, Json]) -> Seen:
    answered = told["answered"]
    return Seen(
        str(told["label"]),
        cast(int, told["n"]),
        str(told["method"]),
        str(told["path"]),
        cast("dict[str, str | list[str]]", told["query"]),
        cast("dict[str, str]", told["headers"]),
        str(told["body"]).encode(),
        cast(float, told["received"]),
        None if answered is None else cast(float, answered),
    )
