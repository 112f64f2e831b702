"""A report as one HTML file that needs nothing else: the clauses, all that is not green, what was not run and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from ..conform import VERDICTS, Verdict
from ..law import area, clauses
from ..results import Record, Results

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: .4rem; font-size: 13px; }
.passed { color: #16803c; } .failed, .stale, .broken { color: #c4232f; font-weight: 600; }
.declared, .known { color: #9a6700; } .none, .not-run { color: #888; }
summary { cursor: pointer; } nav a { margin-right: 1rem; }
"""
_WORST: Final[tuple[Verdict, ...]] = ("broken", "failed", "stale", "known", "declared", "passed", "not run")
"""Of several verdicts on a clause, the first of these is shown."""


def page(results: Results, coverage: Sequence[str]) -> str:
    """The whole file."""
    return "\n".join(_lines(results, coverage)) + "\n"


def _lines(results: Results, coverage: Sequence[str]) -> Iterator[str]:
    header = results.header
    title = f"noetl conform: {header.place()}"
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    style = "failed" if not results.ok() else "passed" if results.judged() else "none"
    yield f'<h1>{escape(header.place())} <span class="{style}" id="word">{results.word()}</span></h1>'
    versions = ", ".join(f"{name} {version}" for name, version in header.versions.items())
    yield f"<p>{escape(versions)}. Level {header.level}, seed {header.seed}, began {escape(header.began)}.<br>"
    yield f"Suite <code>{header.suite}</code>, law <code>{header.law}</code>.</p>"
    counts = results.counts()
    yield '<table id="counts"><tr>' + "".join(f"<th>{verdict}</th>" for verdict in VERDICTS) + "</tr><tr>"
    yield (
        "".join(f'<td class="{_class(v)}" id="count-{_class(v)}">{counts[v]}</td>' for v in VERDICTS) + "</tr></table>"
    )
    if results.notes:
        yield '<h2>Claims that do not hold</h2><ul class="failed">'
        yield from (f"<li>{escape(note)}</li>" for note in results.notes)
        yield "</ul>"
    yield from _details(results)
    if results.left:
        yield '<h2 class="not-run" id="not-asked">Not asked</h2><ul>'
        yield from (f"<li>{escape(line)}</li>" for line in results.left)
        yield "</ul>"
    yield from _matrix(results)
    if coverage:
        yield '<h2 id="coverage">Coverage</h2><ul>'
        yield from (f"<li>{escape(line)}</li>" for line in coverage)
        yield "</ul>"
    yield "</body></html>"


def _details(results: Results) -> Iterator[str]:
    """Everything that is not green, worst first; what was not run comes grouped by its reason."""
    for verdict in _WORST:
        found = [one for one in results.records if one.verdict == verdict]
        if not found or verdict == "passed":
            continue
        if verdict == "not run":
            yield from _not_run(found)
            continue
        yield f'<h2 class="{_class(verdict)}">{verdict.capitalize()}: {len(found)}</h2>'
        for one in found:
            code = f" ({escape(one.deviation)})" if one.deviation else ""
            mark = " open" if verdict in ("failed", "stale", "broken") and len(found) <= 20 else ""
            yield f'<details id="{escape(one.id, quote=True)}"{mark}><summary>{escape(one.id)}{code}: '
            yield f"{escape(one.title)}</summary>"
            yield f"<pre>{escape(chr(10).join(one.told))}</pre></details>"


def _not_run(found: Sequence[Record]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for one in found:
        reasons.setdefault(one.said, []).append(one.id)
    yield f'<h2 class="not-run" id="not-run">Not run: {len(found)}</h2>'
    for reason, ids in reasons.items():
        yield f"<details><summary>{escape(reason)}: {len(ids)}</summary><p>{escape(', '.join(ids))}</p></details>"


def _matrix(results: Results) -> Iterator[str]:
    """Every clause of the law, also one that no case of this run is about."""
    by_clause: dict[str, list[Record]] = {clause: [] for clause in clauses()}
    for one in results.records:
        for clause in one.clauses:
            by_clause.setdefault(clause, []).append(one)
    yield '<h2 id="matrix">Clauses</h2><table><thead><tr><th>clause</th><th>text</th>'
    yield f"<th>{escape(results.header.target)}</th><th>cases</th></tr></thead><tbody>"
    last = ""
    for clause, records in by_clause.items():
        if area(clause) != last:
            last = area(clause)
            yield f'<tr><th colspan="4">{last}</th></tr>'
        worst = _worst(records)
        yield f'<tr><td id="{clause}">{clause}</td><td>{escape(clauses().get(clause, "")[:200])}</td>'
        passed = sum(one.verdict == "passed" for one in records)
        yield f'<td class="{_class(worst)}">{worst}</td><td class="n">{passed}/{len(records)}</td></tr>'
    yield "</tbody></table>"


def _worst(records: Iterable[Record]) -> str:
    found = {one.verdict for one in records}
    return next((verdict for verdict in _WORST if verdict in found), "none")


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")
