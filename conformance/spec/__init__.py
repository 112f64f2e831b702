"""A second opinion: what a playbook means, straight from its document in the words of docs/semantics.md.

It shares the reader, the expressions and the tools with the rest, and no thought of the engine: no IR, no passes, no
packets. It is synchronous and slow, keeps whole lists of ancestors, and is imported by tests and the suite only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from noetl.compiler import source
from noetl.compiler.document import Document
from noetl.compiler.document.normalise import normalise
from noetl.compiler.document.validation import validate
from noetl.compiler.findings import Findings
from noetl.compiler.ir import Json
from noetl.diagnostics import Severity
from noetl.errors import PlaybookError
from noetl.runtime.ports import Outcome, ToolCall

from .execution import Execution, Limits, Playbook, Time

__all__ = ["FixedTime", "Limits", "Time", "interpret", "read"]
START: Final = "2026-01-01T00:00:00.000000+00:00"


@dataclass(frozen=True, slots=True)
class FixedTime:
    """A time that stands still."""

    text: str = START

    def now(self) -> str:
        """The same, always."""
        return self.text

    def wait(self, seconds: float) -> None:
        """Takes no time."""


def interpret(
    playbooks: Mapping[str, Document | str],
    main: str,
    payload: Mapping[str, object],
    answer: Callable[[ToolCall], Outcome],
    *,
    execution_id: str,
    env: Mapping[str, str],
    time: Time | None = None,
    limits: Limits | None = None,
) -> dict[str, Json]:
    """Run the playbook under the key `main` to its end: the object of `noetl run --json`.

    `answer` makes every attempt of a call and every sink, except of kind `playbook`, which is run here. PlaybookError
    where a playbook that is text has errors in its structure.
    """
    read_in = {name: Playbook(read(given) if isinstance(given, str) else given) for name, given in playbooks.items()}
    parts = (answer, execution_id, env, time or FixedTime(), limits or Limits())
    return Execution(read_in, read_in[main], *parts).go(payload)


def read(text: str, path: str = "playbook.yaml") -> Document:
    """The document of a playbook; PlaybookError with its diagnostics if its structure has errors."""
    parsed = source.parse(text, path)
    findings = Findings(path)
    canonical = None if parsed.root is None else normalise(parsed.root, parsed.text, findings)
    document = None if canonical is None else validate(canonical, findings)
    found = [*parsed.diagnostics, *findings.items]
    if document is None or any(item.severity is Severity.ERROR for item in found):
        raise PlaybookError(found)
    return document
