"""What can be wrong with a playbook as YAML: the kinds, and libyaml's errors in plain words (NTL0xx)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from noetl.diagnostics import Diagnostic, Related, Severity, Span, kind

from .positions import Lines

INVALID_YAML: Final = kind("NTL001", "invalid-yaml", Severity.ERROR, "text that is not valid YAML")
FILE_TOO_LARGE: Final = kind("NTL002", "file-too-large", Severity.ERROR, "a file with too many bytes or values")
TOO_DEEP: Final = kind("NTL003", "too-deep", Severity.ERROR, "lists and maps that are nested too deeply")
ALIAS_EXPANSION: Final = kind(
    "NTL004", "alias-expansion", Severity.ERROR, "an alias that expands to too much or itself"
)
INVALID_ENCODING: Final = kind("NTL005", "invalid-encoding", Severity.ERROR, "a file that is not text in UTF-8")
SECOND_DOCUMENT: Final = kind("NTL006", "second-document", Severity.ERROR, "a second YAML document in one file")
DUPLICATE_KEY: Final = kind(
    "NTL007", "duplicate-key", Severity.WARNING, "a key that a map has twice; the last one counts"
)
YAML11_TRAP: Final = kind("NTL008", "yaml11-trap", Severity.WARNING, "a plain scalar that YAML 1.1 reads otherwise")
EMPTY_FILE: Final = kind("NTL009", "empty-file", Severity.ERROR, "a file with nothing but comments and blank lines")
UNREADABLE_FILE: Final = kind("NTL010", "unreadable-file", Severity.ERROR, "a file that cannot be read")
INVALID_SCALAR: Final = kind(
    "NTL011", "invalid-scalar", Severity.ERROR, "a scalar without JSON value, or unlike its tag"
)
UNSUPPORTED_TAG: Final = kind("NTL012", "unsupported-tag", Severity.ERROR, "a tag outside of YAML's core schema")
COMPLEX_KEY: Final = kind("NTL013", "complex-key", Severity.ERROR, "a list or a map as the key of a map")
MERGE_KEY: Final = kind("NTL014", "merge-key", Severity.ERROR, "a merge key, which YAML 1.2 does not have")
UNQUOTED_TEMPLATE: Final = kind("NTL015", "unquoted-template", Severity.ERROR, "a template that lacks its quotes")

SUBJECT_LENGTH: Final = 40
"""How many characters of the playbook a message repeats."""

_CANNOT_STAND: Final = '"{char}" cannot stand here'
_NEVER_CLOSED: Final = "the quote that opens here is never closed"
_BACKSLASH: Final = r"inside double quotes a backslash is written \\; inside single quotes it stands for itself"
_ALIGN: Final = "entries of one map, and of one list, start in the same column"


@dataclass(frozen=True, slots=True)
class _Known:
    """Words for one of libyaml's errors; {char} in them is the character at the place, {subject} the text there."""

    message: str
    hint: str | None
    context: bool = False
    """Whether the place is where the broken thing starts, not where libyaml noticed."""
    whole: bool = False
    """Whether the span takes in the subject, not just one character."""


_TAB: Final = _Known("a tab stands where YAML wants spaces", 'indent with spaces, and put one after "-" and ":"')
_UNCLOSED: Final = _Known('"{char}" is never closed', None)
_CLOSED_LATE: Final = _Known(
    "the quote that opens here is closed on a later line, with more text after it",
    "add the closing {char} in its place",
)
_KEYLESS: Final = _Known(
    '"{subject}" has no ":" that ends a key', 'write "key: value", with a space after the colon', True, True
)
_NO_VALUE: Final = _Known(
    '":" cannot stand here', 'quote a value that holds ": "; start the keys of one map in the same column'
)
_NOT_CLOSED: Final = _Known(_NEVER_CLOSED, "add the closing {char}", context=True)
_OPEN: Final = _Known('"{subject}" does not go on the open list or map', 'put "," between the entries, and close it')
_MISPLACED: Final = _Known('"{subject}" does not fit the entries above', _ALIGN, whole=True)
_KNOWN: Final[dict[str, _Known]] = {
    "could not find expected ':'": _KEYLESS,
    "mapping values are not allowed in this context": _NO_VALUE,
    "block sequence entries are not allowed in this context": _Known(
        _CANNOT_STAND, 'start a list on a line of its own; quote a value that starts with "- "'
    ),
    "mapping keys are not allowed in this context": _Known(_CANNOT_STAND, 'quote a value that starts with "? "'),
    "found character that cannot start any token": _Known('a value cannot start with "{char}"', "quote the value"),
    "found unexpected end of stream": _NOT_CLOSED,
    "found unexpected document indicator": _NOT_CLOSED,
    "found unknown escape character": _Known("this escape is unknown", _BACKSLASH),
    "did not find expected hexdecimal number": _Known("this escape lacks digits", _BACKSLASH),
    "found invalid Unicode character escape code": _Known(
        "this escape is no character", r"write the character itself, or \U and its eight digits"
    ),
    "found unexpected ':'": _Known(_CANNOT_STAND, 'inside [ ] and {{ }} put a space after ":", or quote the value'),
    "did not find expected alphabetic or numeric character": _Known(
        '"{subject}" starts like an anchor or an alias', 'quote a value that starts with "*" or "&"', True, True
    ),
    "did not find expected comment or line break": _Known(
        '"{subject}" follows the sign of a block scalar', "start the text on the next line, indented", whole=True
    ),
    "found an indentation indicator equal to 0": _Known("the indentation of a block scalar is 1 to 9", None),
    "did not find expected key": _MISPLACED,
    "did not find expected '-' indicator": _MISPLACED,
    "did not find expected ',' or ']'": _OPEN,
    "did not find expected ',' or '}'": _OPEN,
    "did not find expected node content": _Known('"{char}" stands where a value is expected', "quote it if it is text"),
}
_FALLBACK: Final = _Known("YAML cannot be read from here", None)
_TAG: Final = _Known('"{subject}" starts like a tag', 'quote a value that starts with "!"', context=True, whole=True)

_BLANKS: Final = 50
"""How many blank lines a hint looks back over."""
_COLON: Final = re.compile(r":(?=\s|$)")
_TEMPLATE_STARTS: Final = re.compile(r"[ \t]*(?:-[ \t]+)*(?:[^\s\"'#][^\"'#]*:[ \t]+)?(\{[{%])")
_TEMPLATE_ENDS: Final = re.compile(r".*[}%]\}")
_BLOCK_OPENS: Final = re.compile(r"(?:^|[ \t])[|>][-+0-9]*[ \t]*(?:#.*)?$")


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of libyaml; `at` and `since` (where the thing began) are offsets in the text."""

    problem: str
    context: str
    at: int
    since: int | None
    bracket: int | None
    """Where the innermost list or map in brackets starts that is open."""
    quote: int | None
    """Where a quoted scalar starts that ends right before `at`."""


def syntax_error(fault: Fault, lines: Lines, path: str) -> Diagnostic:
    """The error in plain words, at the place that the author has to change (NTL001, NTL012, NTL015)."""
    text = lines.text
    for offset in (fault.at, fault.since):
        template = _template_start(lines, offset) if offset is not None else None
        if template is not None:
            return unquoted_template(lines, template, None, path)
    known, begin = _choose(fault, lines)
    _, end_of_line = lines.bounds(begin)
    rest = text[begin:end_of_line].rstrip()
    words = {"char": _printable(text[begin]), "subject": shortened(rest)}
    hint = _special_hint(fault, lines, begin) or known.hint
    handle = fault.problem == "found undefined tag handle"
    return Diagnostic(
        UNSUPPORTED_TAG if handle else INVALID_YAML,
        known.message.format(**words),
        lines.span(begin, begin + (max(len(rest), 1) if known.whole else 1)),
        path,
        related=_opened(fault, known, lines, begin),
        hint=hint.format(**words) if hint == known.hint and hint else hint,
    )


def shortened(text: str) -> str:
    """One printable line of at most `SUBJECT_LENGTH` characters to quote in a message."""
    line = _printable(" ".join(text.split()))
    return line if len(line) <= SUBJECT_LENGTH else line[: SUBJECT_LENGTH - 3] + "..."


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def quoted(text: str) -> str:
    """`text`, which has no line break, as a quoted YAML scalar."""
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"


def unquoted_template(lines: Lines, start: int, end: int | None, path: str) -> Diagnostic:
    """A value that starts with a template, which YAML takes for a map; `end` is None where YAML cannot tell it."""
    hint = "put the whole value in quotes"
    if end is None:
        _, end_of_line = lines.bounds(start)
        found = _TEMPLATE_ENDS.match(lines.text, start, end_of_line)
        end = found.end() if found else start + len(lines.text[start:end_of_line].rstrip())
    elif end - start <= SUBJECT_LENGTH:
        hint = f"write {quoted(shortened(lines.text[start:end]))}"
    message = f'"{shortened(lines.text[start:end])}" is not quoted: YAML takes "{{" for the start of a map'
    return Diagnostic(UNQUOTED_TEMPLATE, message, lines.span(start, end), path, hint=hint)


def _choose(fault: Fault, lines: Lines) -> tuple[_Known, int]:
    """The words for the error, and the offset of its place."""
    text = lines.text
    last = max(0, len(text.rstrip()) - 1)
    known = _KNOWN.get(fault.problem, _FALLBACK)
    if text[fault.at : fault.at + 1] == "\t" or "tab character" in fault.problem:
        known = _TAB
    elif fault.context.endswith(" a tag") or fault.problem == "found undefined tag handle":
        known = _TAG
    elif fault.bracket is not None and fault.at > last:
        return _UNCLOSED, fault.bracket
    elif known is _NO_VALUE:
        keyless = _line_without_colon(lines, fault.at)
        if keyless is not None:
            return _KEYLESS, keyless
    elif known is _MISPLACED and fault.quote is not None and "\n" in text[fault.quote : fault.at]:
        return _CLOSED_LATE, fault.quote
    begin = fault.since if (known.context or fault.at > last) and fault.since is not None else fault.at
    return known, min(begin, last)


def _line_without_colon(lines: Lines, offset: int) -> int | None:
    """Where the line above starts, if it looks like a key without colon and the line of `offset` like one with it."""
    number, _ = lines.place(offset)
    if number == 1 or _COLON.search(lines.text[lines.starts[number - 1] : offset]):
        return None
    start, end = lines.bounds(lines.starts[number - 2])
    line = lines.text[start:end]
    if not line.strip() or _COLON.search(line) or line.lstrip()[0] in "#-":
        return None
    return start + len(line) - len(line.lstrip())


def _template_start(lines: Lines, offset: int) -> int | None:
    """Where a template starts a value on the line of `offset`, before it."""
    start, end = lines.bounds(offset)
    found = _TEMPLATE_STARTS.match(lines.text, start, end)
    return found.start(1) if found and found.start(1) <= offset else None


def _special_hint(fault: Fault, lines: Lines, begin: int) -> str | None:
    """A hint from what stands around the place, for mistakes that libyaml notices only by their effects."""
    start, end = lines.bounds(begin)
    line = lines.text[start:end]
    if "\xa0" in line:
        return "the line holds a no-break space (U+00A0); use plain spaces"
    if "{{" in line:
        return 'quote the whole value if it holds a template "{{ }}"'
    if fault.problem != "did not find expected key":
        return None
    if fault.quote is not None and fault.quote != begin:
        return 'quote the whole value; a quote inside \'...\' is written twice, inside "..." as \\"'
    if _under_wide_blanks(lines, begin):
        return "blank lines at the start of a block scalar have more spaces than its text; remove these spaces"
    return None


def _under_wide_blanks(lines: Lines, offset: int) -> bool:
    """Whether above are the sign of a block scalar and blank lines only, one of them with more spaces than this one."""
    line_number, column = lines.place(offset)
    wide = False
    for above in range(line_number - 1, max(0, line_number - _BLANKS), -1):
        start, end = lines.bounds(lines.starts[above - 1])
        line = lines.text[start:end]
        if line.strip():
            return wide and _BLOCK_OPENS.search(line) is not None
        wide = wide or len(line) >= column
    return False


def _opened(fault: Fault, known: _Known, lines: Lines, begin: int) -> tuple[Related, ...]:
    """Where the list or map started that the place does not fit."""
    if known not in (_MISPLACED, _OPEN) or fault.since is None or fault.since == begin:
        return ()
    line, column = lines.place(fault.since)
    return (Related("the list or map starts here", Span(line, column, line, column + 1)),)
