"""A report as Markdown, short enough for the summary of a CI run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..conform import VERDICTS
from ..results import Results


def summary(results: Results, coverage: list[str]) -> str:
    """Counts, everything that is not green, what was not run and why, and the coverage."""
    return "\n".join(_lines(results, coverage)) + "\n"


def _lines(results: Results, coverage: list[str]) -> Iterator[str]:
    header, counts = results.header, results.counts()
    yield f"# {header.place()}: {results.word()}"
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
        if verdict == "not run":
            yield from (f"- {count} cases: {reason}" for reason, count in Counter(one.said for one in found).items())
            continue
        for one in found:
            code = f" ({one.deviation})" if one.deviation else ""
            yield f"- `{one.id}`{code}: {one.said or one.title}"
            if verdict in ("failed", "stale"):
                yield f"  `{one.again}`"
    if results.left:
        yield from ("", "## Not asked", "")
        yield from (f"- {line}" for line in results.left)
    if coverage:
        yield from ("", "## Coverage", "")
        yield from (f"- {line}" for line in coverage)
