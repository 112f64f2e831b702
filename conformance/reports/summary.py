"""A report as Markdown, short enough for the summary of a CI run."""

from __future__ import annotations

from collections.abc import Iterator

from ..conform import VERDICTS
from ..results import Results
from ..telling import again, line_of


def summary(results: Results, coverage: list[str]) -> str:
    """Counts, everything that is not green, what was not run and why, and the coverage."""
    return "\n".join(_lines(results, coverage)) + "\n"


def _lines(results: Results, coverage: list[str]) -> Iterator[str]:
    header, counts = results.header, results.counts()
    yield f"# {header.place()}: {'conformant as far as asked' if results.ok() else 'not conformant'}"
    yield ""
    yield f"Suite `{header.suite}`, law `{header.law}`, level {header.level}, seed {header.seed}"
    yield f"({', '.join(f'{name} {version}' for name, version in header.versions.items())})."
    yield ""
    yield f"| {' | '.join(VERDICTS)} |"
    yield f"|{'---|' * len(VERDICTS)}"
    yield f"| {' | '.join(str(counts[verdict]) for verdict in VERDICTS)} |"
    if results.notes:
        yield from ("", "## Claims that do not hold", "")
        yield from (f"- {note}" for note in results.notes)
    for verdict in VERDICTS[1:]:
        found = [one for one in results.records if one.verdict == verdict]
        if not found:
            continue
        yield from ("", f"## {verdict.capitalize()}", "")
        for one in found:
            code = f" ({one.deviation})" if one.deviation else ""
            yield f"- `{one.case.id}`{code}: {line_of(one.said[0]) if one.said else one.case.title}"
            if verdict in ("failed", "stale"):
                yield f"  `{again(one, header.target, tier=header.tier)}`"
    if coverage:
        yield from ("", "## Coverage", "")
        yield from (f"- {line}" for line in coverage)
