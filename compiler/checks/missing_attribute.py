"""NTL213: a part that is never there: of `event`, of a response or error whose shape is known, of a loop's total."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from noetl.compiler.checked import Checked, of_step
from noetl.compiler.expr.scan import Path, Read
from noetl.compiler.findings import close_to, listed, quoted
from noetl.compiler.passes.facts import OutcomeRead, Site
from noetl.compiler.shapes import ERRORS, KINDS, LOOP, ROOTS, Lacking, lacking
from noetl.diagnostics import Diagnostic, Severity, Span, kind

KIND = kind("NTL213", "missing-attribute", Severity.WARNING, "a part of a value that is never there")
_SUBJECTS: Final = {"loop": "the result of loop", "error": "the error of"}


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the value with the part. A read that asks, with `is defined` or a default, is none of these."""
    if not playbook.sound:
        return
    for site in playbook.facts.sites:
        for read in site.reads:
            if read.name in ROOTS and not _asked(site, read):
                found = lacking(ROOTS[read.name], read.path, forgiving=False)
                if found is not None:
                    yield _diagnostic(playbook, site, read, read.path, found, quoted(read.name))
    for outcome in playbook.facts.outcomes:
        if not outcome.path or _asked(outcome.site, outcome.read):
            continue
        of = of_step(outcome.step)
        if outcome.shape == "none":
            message = f"{of} makes no call, so that its result is null"
            shown, place = _shown(outcome.site, outcome.read)
            yield playbook.found(KIND, f"{quoted(shown)} is never there: {message}", place)
            continue
        subject = f"{_SUBJECTS.get(outcome.shape, 'the response of')} {of}"
        found = _missing(outcome)
        if found is not None:
            yield _diagnostic(playbook, outcome.site, outcome.read, outcome.path, found, subject)


def _missing(outcome: OutcomeRead) -> Lacking | None:
    if outcome.shape == "loop":
        return lacking(LOOP, outcome.path, forgiving=True)
    if outcome.tool is None:
        return None
    failed = outcome.shape == "error"
    shape = (ERRORS if failed else KINDS).get(outcome.tool.kind)
    return None if shape is None else lacking(shape, outcome.path, forgiving=not failed)


def _asked(site: Site, read: Read) -> bool:
    """Whether the site asks if the part is there."""
    asked = [other for other in site.reads if other.guard is not None and other.name == read.name]
    return any(read.path[: len(other.path)] == other.path and other.path for other in asked)


def _diagnostic(playbook: Checked, site: Site, read: Read, path: Path, found: Lacking, subject: str) -> Diagnostic:
    shown, place = _shown(site, read)
    part = str(path[found.depth])
    if found.depth:
        subject = f"{quoted('.'.join(map(str, path[: found.depth])))} of {subject}"
    if found.keys is None:
        return playbook.found(KIND, f"{quoted(shown)} is never there: {subject} has no parts", place)
    message = f"{quoted(shown)} is never there: {subject} has no {quoted(part)}; it has: {listed(found.keys)}"
    return playbook.found(KIND, message, place, hint=close_to(part, found.keys))


def _shown(site: Site, read: Read) -> tuple[str, Span]:
    """The read as it is written, with its place; only the name where the path is not written with dots."""
    dotted = ".".join(map(str, (read.name, *read.path)))
    length = len(dotted) if site.value.source.startswith(dotted, read.offset) else len(read.name)
    return dotted, site.value.place(read.offset, read.offset + length)
