"""The findings of the front end: their kinds, the collector, and the words that its messages share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from noetl.diagnostics import Diagnostic, Fix, Kind, Related, Severity, Span, kind

from .nodes import Map, Node, Scalar, Seq

UNKNOWN_KEY: Final = kind("NTL101", "unknown-key", Severity.ERROR, "a key that the language does not have")
MISSING_KEY: Final = kind("NTL102", "missing-key", Severity.ERROR, "a key that has to be there")
WRONG_TYPE: Final = kind("NTL103", "wrong-type", Severity.ERROR, "a value of another type")
WRONG_VALUE: Final = kind("NTL104", "wrong-value", Severity.ERROR, "a value that is not allowed here")
WRONG_API_VERSION: Final = kind("NTL105", "wrong-api-version", Severity.ERROR, "an apiVersion other than noetl.io/v2")
WRONG_KIND: Final = kind("NTL106", "wrong-kind", Severity.ERROR, "a document of another kind than Playbook")
TOLERATED_KEY: Final = kind("NTL107", "tolerated-key", Severity.WARNING, "a key that is read and has no effect")
UNKNOWN_TOOL_FIELD: Final = kind("NTL108", "unknown-tool-field", Severity.WARNING, "a field unknown to the tool")
V1_PLAYBOOK: Final = kind("NTL110", "v1-playbook", Severity.ERROR, "a playbook of noetl.io/v1")
V1_TYPE: Final = kind("NTL111", "v1-type", Severity.ERROR, '"type" where v2 has "tool: {kind: ...}"')
V1_STEP_WHEN: Final = kind("NTL112", "v1-step-when", Severity.ERROR, '"when" on a step, where v2 has "case"')
V1_NEXT: Final = kind("NTL113", "v1-next", Severity.ERROR, 'a conditional "next" or one with "with"')
V1_TOOL_STRING: Final = kind("NTL114", "v1-tool-string", Severity.ERROR, 'a step\'s "tool" as a string')
V1_SAVE: Final = kind("NTL115", "v1-save", Severity.ERROR, '"save" where v2 has "sink"')
V1_ITERATOR: Final = kind("NTL116", "v1-iterator", Severity.ERROR, 'an iterator tool where v2 has "loop"')
LOCAL_DIALECT: Final = kind("NTL120", "local-dialect", Severity.ERROR, "a playbook of the local shell dialect")
NORMALISED: Final = kind("NTL130", "normalised-spelling", Severity.NOTE, "a spelling that has a canonical form")
UNDECLARED_END: Final = kind("NTL131", "undeclared-end", Severity.NOTE, 'a transition to an "end" that is not declared')
CALL_STEP: Final = kind("NTL132", "call-step", Severity.ERROR, '"call" with a step, which is "next"')
TEXT_AROUND: Final = kind("NTL133", "text-around-expression", Severity.ERROR, "text around the braces of an expression")
MARKER: Final = kind("NTL134", "marker-with-loop-or-sink", Severity.ERROR, '"loop" or "sink" on a step without effect')
UNKNOWN_TOOL: Final = kind("NTL135", "unknown-tool-kind", Severity.ERROR, "a tool kind that does not exist")
CONFLICT: Final = kind("NTL136", "conflicting-keys", Severity.ERROR, "two keys that say the same thing")
INVALID_TEMPLATE: Final = kind("NTL301", "invalid-template", Severity.ERROR, "a template with an error in it")

MAX_FINDINGS: Final = 1000
"""Later findings of the same severity in one file are not recorded."""
_SHOWN: Final = 80
"""Characters of a quoted subject that a message shows."""


class Findings:
    """Collects the diagnostics of one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.items: list[Diagnostic] = []
        self._left = dict.fromkeys(Severity, MAX_FINDINGS)

    def add(
        self,
        found: Kind,
        message: str,
        span: Span,
        *,
        hint: str | None = None,
        fix: Fix | None = None,
        related: tuple[Related, ...] = (),
    ) -> None:
        """One more diagnostic of the kind `found` at `span`."""
        if self._left[found.severity] > 0:
            self._left[found.severity] -= 1
            self.items.append(Diagnostic(found, message, span, self.path, related, hint, fix))

    @property
    def crowded(self) -> bool:
        """Whether there are so many findings that hints, which take time, are no help any more."""
        return len(self.items) > MAX_FINDINGS // 5


def quoted(text: str) -> str:
    """`text` in double quotes, on one line and of bounded length, as messages name a subject."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: _SHOWN + 1])
    return f'"{text}"' if len(text) <= _SHOWN else f'"{text[:_SHOWN]}..."'


def listed(names: Iterable[str]) -> str:
    """Names, sorted, as messages list what is allowed: each on one line and of bounded length."""
    return ", ".join(quoted(name)[1:-1] for name in sorted(names))


def closest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that is written most like the word, if one is like it at all."""
    from difflib import get_close_matches  # only needed where something is wrong already

    names = sorted(allowed)
    near = get_close_matches(word, names, 1, 0.6) or [n for n in names if n.lower() == word.lower()]
    return near[0] if near else None


def close_to(word: str, allowed: Iterable[str]) -> str | None:
    """The hint `did you mean "x"?`, if an allowed name is close to the word."""
    near = closest(word, allowed)
    return f"did you mean {quoted(near)}?" if near else None


def described(node: Node) -> str:
    """The type of a value in words: `a mapping`, `a list`, `a string`, `null`, ..."""
    match node:
        case Map():
            return "a mapping"
        case Seq():
            return "a list"
        case Scalar(value=bool()):
            return "a boolean"
        case Scalar(value=str()):
            return "a string"
        case Scalar(value=None):
            return "null"
        case Scalar(value=int()):
            return "an integer"
    return "a number"


def is_null(node: Node) -> bool:
    """Whether the value is YAML's null, as after a key with nothing behind it."""
    return isinstance(node, Scalar) and node.value is None


def string_of(node: Node | None) -> str | None:
    """The text of a string scalar, else None."""
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None
