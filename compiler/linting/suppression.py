"""Comments that suppress findings: `# noetl: ignore[NTL203, unknown-key]` and `# noetl: ignore-file[NTL601]`.

A comment behind something is about its line and the scalars over several lines that begin or end there; one on a line
of its own is about the next line that holds more than a comment. `ignore-file` is about the whole file, and without a
list about every kind. Suppressions that suppress nothing are findings themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from noetl.compiler.findings import listed, quoted
from noetl.diagnostics import Diagnostic, Edit, Fix, Kind, Severity, Span, kind

from .comments import Comment, Commented, scan
from .selection import near

UNUSED: Final = kind("NTL701", "unused-suppression", Severity.WARNING, "a comment that suppresses nothing")
UNKNOWN: Final = kind("NTL702", "unknown-suppression", Severity.WARNING, "a comment that suppresses no known kind")

_DIRECTIVE: Final = re.compile(r"#[ \t]*noetl:[ \t]*(ignore[-\w]*)[ \t]*(\[([^\]]*)\]?)?[ \t]*")
_WORD: Final = re.compile(r"[^,\s]+")
_HINT: Final = "write # noetl: ignore[NTL203], with codes or names of kinds"


@dataclass(slots=True)
class Suppression:
    """One comment that suppresses, and which of its entries did."""

    comment: Comment
    span: Span
    """From its `#` to the `]`."""
    entries: tuple[tuple[str, Span], ...]
    """The codes and names; empty where it is about every kind."""
    lines: tuple[int, int] | None
    """The lines it is about; None for all."""
    rest: str
    """What the comment says after it."""
    used: set[int] = field(default_factory=set)

    def take(self, found: Diagnostic) -> bool:
        """Whether it suppresses the finding, which is remembered."""
        if self.lines is not None and not self.lines[0] <= found.span.line <= self.lines[1]:
            return False
        if not self.entries:
            self.used.add(0)
            return True
        hits = {n for n, (word, _) in enumerate(self.entries) if word in (found.code, found.name)}
        self.used |= hits
        return bool(hits)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The findings of a text after its comments were read."""

    kept: tuple[Diagnostic, ...]
    """What is not suppressed, and what is wrong with the suppressions; in no order."""
    suppressed: int


def review(
    text: str,
    path: str,
    found: Sequence[Diagnostic],
    *,
    known: Callable[[], Mapping[str, Kind]],
    active: Callable[[Kind], bool],
) -> Reviewed:
    """Drop what comments suppress.

    `known` gives all kinds by code and by name; it is asked only where there are suppressions. Only those of `active`
    kinds, which were looked for, can be unused.
    """
    if "noetl:" not in text:
        return Reviewed(tuple(found), 0)
    commented = scan(text)
    suppressions: list[Suppression] = []
    troubles: list[Diagnostic] = []
    for comment in commented.comments:
        for match in _DIRECTIVE.finditer(comment.text):
            made = _read(comment, match, commented, path)
            if isinstance(made, Suppression):
                suppressions.append(made)
            else:
                troubles.append(made)
    if not suppressions:
        return Reviewed((*found, *troubles), 0)
    kinds = known()
    kept = [one for one in found if not _suppressed(one, suppressions)]
    for suppression in suppressions:
        troubles += _judge(suppression, path, commented, kinds, active)
    named = [suppression for suppression in suppressions if suppression.entries]
    left = [one for one in troubles if not _suppressed(one, named)]
    return Reviewed((*kept, *left), len(found) + len(troubles) - len(kept) - len(left))


def _suppressed(found: Diagnostic, suppressions: Sequence[Suppression]) -> bool:
    taken = [suppression.take(found) for suppression in suppressions]  # each of them is in use
    return any(taken)


def _read(comment: Comment, match: re.Match[str], commented: Commented, path: str) -> Suppression | Diagnostic:
    """The suppression that a directive is, or what is wrong with it."""
    start = comment.column + match.start()
    written = match[0].rstrip()
    span = Span(comment.line, start, comment.line, start + len(written))
    verb, inner = match[1], match[3]
    if verb not in ("ignore", "ignore-file"):
        message = f"{quoted(verb)} suppresses nothing; a comment may say: ignore, ignore-file"
        return Diagnostic(UNKNOWN, message, span, path, hint=_HINT)
    if match[2] is not None and not match[2].endswith("]"):
        return Diagnostic(UNKNOWN, 'the list of the comment has no "]"', span, path, hint=_HINT)
    words = list(_WORD.finditer(inner or ""))
    if not words and (verb == "ignore" or inner is not None):
        return Diagnostic(UNKNOWN, "the comment does not say what it ignores", span, path, hint=_HINT)
    base = comment.column + match.start(3)
    entries = tuple((w[0], Span(comment.line, base + w.start(), comment.line, base + w.end())) for w in words)
    rest = comment.text[match.end() :].strip()
    return Suppression(comment, span, entries, _lines(verb, comment, commented), rest)


def _lines(verb: str, comment: Comment, commented: Commented) -> tuple[int, int] | None:
    if verb == "ignore-file":
        return None
    line = commented.after(comment.line) if comment.alone else comment.line
    return (0, 0) if line is None else commented.belonging(line)


def _judge(
    suppression: Suppression,
    path: str,
    commented: Commented,
    kinds: Mapping[str, Kind],
    active: Callable[[Kind], bool],
) -> Iterator[Diagnostic]:
    """What is wrong with the entries of a suppression."""
    unused: list[int] = []
    for n, (word, span) in enumerate(suppression.entries):
        meant = kinds.get(word)
        if meant is None:
            hint = near(word, kinds) or _HINT
            yield Diagnostic(UNKNOWN, f"{quoted(word)} is no code or name of a kind", span, path, hint=hint)
        elif n not in suppression.used and active(meant) and meant.code not in (UNUSED.code, UNKNOWN.code):
            unused.append(n)
    if not suppression.entries and not suppression.used:
        message = "nothing in the file for the comment to suppress"
        yield Diagnostic(UNUSED, message, suppression.span, path, fix=_without(suppression, [], commented))
    elif unused:
        names = listed({suppression.entries[n][0] for n in unused})
        where = "in the file" if suppression.lines is None else "here"
        message = f"nothing {where} for the comment to suppress: {names}"
        fix = _without(suppression, unused, commented)
        yield Diagnostic(UNUSED, message, suppression.entries[unused[0]][1], path, fix=fix)


def _without(suppression: Suppression, unused: Sequence[int], commented: Commented) -> Fix:
    """The comment without the entries, or the text without the comment."""
    entries, span, comment = suppression.entries, suppression.span, suppression.comment
    left = [word for n, (word, _) in enumerate(entries) if n not in unused] if unused else []
    if left:
        inner = Span(span.line, entries[0][1].column, span.line, entries[-1][1].end_column)
        return Fix("take them out of the comment", (Edit(inner, ", ".join(left)),))
    title = "delete the comment"
    line = commented.lines[span.line - 1]
    end = len(line) + 1
    before = comment.text[: span.column - comment.column]
    if suppression.rest or before.strip():
        text = (
            f"# {suppression.rest}" if suppression.rest and not suppression.rest.startswith("#") else suppression.rest
        )
        column = span.column if text else comment.column + len(before.rstrip())
        return Fix(title, (Edit(Span(span.line, column, span.line, end), text),))
    if not comment.alone:
        column = len(line[: comment.column - 1].rstrip(" \t")) + 1
        return Fix(title, (Edit(Span(span.line, column, span.line, end), ""),))
    if span.line < len(commented.lines):
        return Fix(title, (Edit(Span(span.line, 1, span.line + 1, 1), ""),))
    first = Span(span.line - 1, len(commented.lines[span.line - 2]) + 1, span.line, end) if span.line > 1 else span
    return Fix(title, (Edit(first, ""),))
