"""`results.jsonl`: what was asked, seen and judged, one object a line, so that anyone can judge it again.

The first line is the header, the last one the footer; a file without its footer is no report. Verdicts depend on the
observations that are kept here and on the cases of the suite, whose digest is in the header.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast

from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic, Kind, Severity, Span
from noetl.errors import UsageError

from .case import Case
from .conform import CASES, VERDICTS, Claims, Judged, Verdict, judged
from .deviations import deviations_of
from .header import Header
from .observation import Observation
from .probe import Seen
from .suite import Placed, fingerprint
from .telling import again, failure, line_of, lowering_rule

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a case that was judged, for the reports: not what was observed, which can be large."""

    id: str
    title: str
    clauses: tuple[str, ...]
    verdict: Verdict
    said: str
    """The first of what was unmet, what broke, or why it was not run; on one line."""
    told: tuple[str, ...]
    """All that people are told of it, if it is neither green nor left out."""
    again: str
    """The command that runs only this case."""
    deviation: str | None
    seconds: float

    @classmethod
    def of(cls, one: Judged, header: Header) -> Record:
        """Of a case that was judged with what the header says."""
        place = None if of_suite(one.path) else str(one.path)
        case = one.case
        return cls(
            case.id,
            case.title,
            tuple(case.clauses),
            one.verdict,
            line_of(one.said[0]) if one.said else "",
            () if one.verdict in ("passed", "not run") else tuple(failure(one, header, place)),
            again(case.id, header, place),
            one.deviation,
            one.seconds,
        )


@dataclass(frozen=True, slots=True)
class Results:
    """A whole report."""

    header: Header
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()
    """What is wrong beside the cases, such as a row of the target's table that no case bears out; makes it red."""
    left: tuple[str, ...] = ()
    """What was not asked at all, and why, such as the cases that a level leaves out, or another tier."""

    def counts(self) -> dict[Verdict, int]:
        """How many cases came to each verdict."""
        found = Counter(one.verdict for one in self.records)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def ok(self) -> bool:
        """Whether the target conforms, as far as it was asked."""
        counts = self.counts()
        return not (counts["failed"] or counts["stale"] or counts["broken"] or self.notes)

    def judged(self) -> bool:
        """Whether any case came to a verdict on the target."""
        return any(one.verdict not in ("not run", "broken") for one in self.records)

    def word(self) -> str:
        """What it comes to, in words."""
        if not self.ok():
            return "not conformant"
        return "conformant as far as asked" if self.judged() else "nothing was judged"


class Writer:
    """Writes a report while cases are judged, so that no observation is kept for it.

    Until its footer is there it has another name: a file of this name is whole. A context manager; UsageError if it
    cannot be written.
    """

    def __init__(self, file: Path, header: Header) -> None:
        self._file = file
        self._header = header
        self._part = file.with_name(f"{file.name}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._part.open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f'cannot write the report into "{file.parent}": {error.strerror}') from error
        self._write({"record": "header", "format": FORMAT, **asdict(header)})

    def add(self, one: Judged) -> None:
        """Write what a case came to."""
        self._write(_record(one, self._header.target))

    def finish(self, results: Results) -> None:
        """Write the footer: the file is whole."""
        left, notes = list(results.left), list(results.notes)
        self._write({"record": "footer", "counts": results.counts(), "notes": notes, "left": left})
        self._stream.close()
        self._part.replace(self._file)

    def _write(self, line: Mapping[str, object]) -> None:
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def of_suite(path: Path) -> bool:
    """Whether a case is one of the suite's own."""
    return path.is_relative_to(CASES)


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was read."""

    file: Path
    header: Header
    records: Sequence[dict[str, Json]]
    footer: Mapping[str, Json]

    @property
    def carried(self) -> bool:
        """Whether it has all its cases itself."""
        return all(isinstance(record.get("case"), dict) for record in self.records)


def read_results(file: Path) -> Report:
    """What a report says; UsageError if it is none, or is not whole."""
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
        header = Header(**{name: value for name, value in head.items() if name in known})
    except TypeError as error:
        raise UsageError(f'"{file}" is no report: {error}') from error
    return Report(file, header, lines[1:-1], lines[-1])


def verified(report: Report, suite: Mapping[str, Placed], digest: str, *, own: bool) -> list[str]:
    """A line for each record whose verdict its observation does not bear out; UsageError for another suite's report.

    With `own` the cases are those of whoever asks. Else a case that is not of the suite, such as a drawn one, is judged
    by what the report says of it.
    """
    header, records = report.header, report.records
    if header.suite != digest and (own or not report.carried):
        raise UsageError(f'"{report.file}" is about suite {header.suite}; this one is {digest}')
    claims = Claims(frozenset(header.refuses), deviations_of(header.deviations))
    wrong: list[str] = []
    for record in records:
        try:
            wrong += _borne_out(record, suite, claims)
        except (KeyError, TypeError, ValueError) as error:
            wrong.append(
                f"{record.get('id')}: its record cannot be read: {type(error).__name__}: {line_of(str(error))}"
            )
    found = Counter(str(record.get("verdict")) for record in records)
    if report.footer.get("counts") != {verdict: found[verdict] for verdict in VERDICTS}:
        wrong.append("the footer counts other records than there are")
    return wrong


def _borne_out(record: Mapping[str, Json], suite: Mapping[str, Placed], claims: Claims) -> list[str]:
    kept = record.get("case")
    name = str(record.get("id"))
    if name in suite:
        path, case = suite[name]
        if record.get("fingerprint") != fingerprint(case):
            return [f"{name}: it is about another case of this id"]
    elif isinstance(kept, dict):
        path, case = Path(name), Case.model_validate(kept)
    else:
        return [f"{name}: the suite has no such case"]
    said, seen = record["verdict"], record["seen"]
    if not isinstance(seen, dict):
        return [] if said in ("not run", "broken") else [f"{name}: {said}, without an observation"]
    found = judged(case, path, observation(seen), claims)
    if found.verdict == said:
        return []
    return [f"{name}: the report says {said}, its observation {found.verdict}: {'; '.join(found.said[:1])}"]


def older(file: Path, suite: str) -> dict[str, str]:
    """The verdicts of an older report by case; UsageError if it is about another suite."""
    report = read_results(file)
    if report.header.suite != suite:
        raise UsageError(f'"{file}" is about suite {report.header.suite}, this run about {suite}: no comparison')
    return {str(record.get("id")): str(record.get("verdict")) for record in report.records}


def changes(before: Mapping[str, str], new: Results) -> list[str]:
    """A line for each case whose verdict is another one than it was."""
    now = {one.id: str(one.verdict) for one in new.records}
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
    if not of_suite(one.path):
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
