"""The front end: from the text of a playbook to its IR, with every problem that it has."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noetl.diagnostics import Diagnostic, Severity, in_order
from noetl.errors import PlaybookError

from . import ir, source
from .document import Document
from .document.normalise import normalise
from .document.validation import validate
from .findings import Findings
from .lower import lower

if TYPE_CHECKING:
    from .passes.facts import Facts


@dataclass(frozen=True, slots=True)
class Compilation:
    """A playbook as far as it could be read. `workflow` is None where nothing sensible is left to lower."""

    path: str
    text: str
    document: Document | None
    workflow: ir.Workflow | None
    facts: Facts | None
    """What the passes found; None without a workflow, and where nothing was checked."""
    diagnostics: tuple[Diagnostic, ...]
    """Sorted by place (`in_order`)."""

    @property
    def ok(self) -> bool:
        """Whether no diagnostic is an error."""
        return all(found.severity is not Severity.ERROR for found in self.diagnostics)


def compile_source(data: bytes | str, path: str, *, check: bool = True, everything: bool = False) -> Compilation:
    """Read, check and lower one playbook; never raises on its text. `path` is what diagnostics call it.

    Without `check` only its structure is looked at, as where it was checked before. `everything` adds the checks that
    are off by default.
    """
    with without_collection():
        return _compile(source.parse(data, path), path, check, everything)


def compile_parsed(parsed: source.Parsed, path: str) -> Compilation:
    """As `compile_source`, with the checks that are on by default, of a text that was parsed before."""
    with without_collection():
        return _compile(parsed, path, True, False)


def _compile(parsed: source.Parsed, path: str, check: bool, everything: bool) -> Compilation:
    if parsed.root is None:
        return Compilation(path, parsed.text, None, None, None, tuple(in_order(parsed.diagnostics)))
    findings = Findings(path)
    canonical = normalise(parsed.root, parsed.text, findings)
    if canonical is None:
        # The document is refused as a whole; more about its text would only hide why.
        return Compilation(path, parsed.text, None, None, None, tuple(in_order(findings.items)))
    document = validate(canonical, findings)
    workflow = lower(document, parsed.text, findings) if document else None
    found = [*parsed.diagnostics, *findings.items]
    facts: Facts | None = None
    if check and document and workflow:
        from . import checks, passes  # a place that does not check starts faster without
        from .checked import Checked

        facts = passes.analyse(workflow)
        refused = any(d.severity is Severity.ERROR for d in found)
        checked = Checked(path, parsed.text, parsed.root, document, workflow, facts, refused)
        found += checks.run(checked, everything=everything)
    return Compilation(path, parsed.text, document, workflow, facts, tuple(in_order(found)))


@contextmanager
def without_collection() -> Iterator[None]:
    """Nearly all that a compilation makes stays, so collecting garbage meanwhile only makes long playbooks slower."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def load(data: bytes | str, path: str, *, check: bool = True) -> ir.Workflow:
    """The workflow of a playbook without errors; raises `PlaybookError` with all diagnostics of any other."""
    compiled = compile_source(data, path, check=check)
    if compiled.workflow is None or not compiled.ok:
        raise PlaybookError(compiled.diagnostics)
    return compiled.workflow
