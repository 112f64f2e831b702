"""From a file to YAML nodes that know where they stand (DOC-12): read, decode, parse.

Nothing here raises on bad input: whatever is wrong with the file becomes a diagnostic.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO

from noetl.compiler.nodes import Node, Scalar
from noetl.diagnostics import START_OF_FILE, Diagnostic, in_order

from . import yaml_errors as errors
from .compose import Composer, SignRefused, Stop
from .positions import Lines

MAX_BYTES: Final = 5 * 1024 * 1024
"""The size of the largest file that is looked at."""
STDIN: Final = "<stdin>"
"""What diagnostics call standard input."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """The bytes of a file, at most `MAX_BYTES + 1`. `data` is None if it cannot be read; `diagnostics` say why."""

    path: str
    data: bytes | None
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file as text and nodes. `text` has no byte order mark; `root` is None where the nodes cannot be made.

    A node that an alias refers to is in the tree once for its anchor and once for each alias, as the same object.
    """

    text: str
    root: Node | None
    diagnostics: list[Diagnostic]


def read(path: str) -> SourceText:
    """Read the file `path`, or standard input for `-`."""
    try:
        if path == "-":
            stdin: TextIO | None = sys.stdin  # None where the process was started without one
            if stdin is None:
                raise OSError("there is no standard input")
            return SourceText(STDIN, stdin.buffer.read(MAX_BYTES + 1))
        with open(path, "rb") as file:
            return SourceText(path, file.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:  # ValueError: a path that holds NUL, a closed stream
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        found = Diagnostic(errors.UNREADABLE_FILE, f'"{path}" cannot be read: {reason}', START_OF_FILE, path)
        return SourceText(path, None, (found,))


def parse(data: bytes | str, path: str, *, composer: Callable[..., Composer] = Composer) -> Parsed:
    """Parse one YAML document of at most `MAX_BYTES` bytes; `path` is what diagnostics call the file.

    `composer` makes the composer, for whoever wants to know more than the nodes; the last one made is the one used.
    """
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES} bytes"
        return Parsed("", None, [Diagnostic(errors.FILE_TOO_LARGE, message, START_OF_FILE, path)])
    text, problem = _decode(data, path) if isinstance(data, bytes) else (data.removeprefix("\ufeff"), None)
    lines = Lines(text)
    problem = problem or _bad_character(lines, path)
    if problem is not None:
        return Parsed(text, None, [problem])
    fed, diagnostics = _directives(lines, path)
    root, found = _compose(lines, fed, path, composer)
    return Parsed(text, root, in_order(diagnostics + found))


def _compose(lines: Lines, fed: str, path: str, made: Callable[..., Composer]) -> tuple[Node | None, list[Diagnostic]]:
    disguised = _Disguise(fed)
    if not fed.isascii():
        disguised.hide(_BREAKS_OF_YAML_11)
    composer = made(lines, disguised.text, disguised.shown, path, refuse_signs=True)
    try:
        try:
            composer.compose()
        except SignRefused:
            disguised.hide(_INNER_SIGN)
            composer = made(lines, disguised.text, disguised.shown, path)
            composer.compose()
    except Stop:
        return None, composer.diagnostics
    root = composer.root
    if root is None or (isinstance(root, Scalar) and root.style == "plain" and not root.text):
        if not composer.diagnostics:
            message = "the file holds no playbook, only comments and blank lines"
            composer.diagnostics.append(Diagnostic(errors.EMPTY_FILE, message, START_OF_FILE, path))
        return None, composer.diagnostics
    return root, composer.diagnostics


# --- what libyaml cannot be given ---------------------------------------------------------------------------------

_NOT_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_BREAKS_OF_YAML_11: Final = re.compile("[\x85\u2028\u2029]")
_INNER_SIGN: Final = re.compile(r"(?<=[^\s\"'\[\]{},\\:]):+(?=[^\s,\[\]{}:])|(?<=[^\s\"'\[\]{},\\?])\?+")
_PROLOGUE: Final = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+|(?:^|(?<=[\r\n]))%[^\r\n]*+)*+")
_DIRECTIVE: Final = re.compile(r"(?:^|(?<=[\r\n]))%([^\r\n]*)")


class _Disguise:
    """A text in which characters are replaced one for one by stand-ins that it does not hold."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.shown: dict[int, str] = {}
        """What each stand-in stands for."""

    def hide(self, pattern: re.Pattern[str]) -> None:
        """Replace each character that `pattern` matches."""
        for char in sorted(set("".join(pattern.findall(self.text)))):
            code = self._unused()
            self.shown[code] = char
        stand_ins = str.maketrans({char: chr(code) for code, char in self.shown.items()})
        self.text = pattern.sub(lambda found: found[0].translate(stand_ins), self.text)

    def _unused(self) -> int:
        """A code point for private use that stands nowhere in the text, neither itself nor as an escape."""
        low = self.text.lower()
        free = (c for c in range(0xE000, 0xF900) if c not in self.shown and chr(c) not in low and f"{c:x}" not in low)
        return next(free)


def _decode(data: bytes, path: str) -> tuple[str, Diagnostic | None]:
    """The text without byte order mark, and a diagnostic at the first byte that is not UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        message = "the file is UTF-16 or UTF-32"
        return "", Diagnostic(errors.INVALID_ENCODING, message, START_OF_FILE, path, hint="save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "replace")
        offset = len(data[: error.start].decode("utf-8"))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        span = Lines(text).span(offset, offset + 1)
        return text, Diagnostic(errors.INVALID_ENCODING, message, span, path, hint="save the file as UTF-8")


def _bad_character(lines: Lines, path: str) -> Diagnostic | None:
    """The first character that YAML does not allow, escaped or not at all."""
    found = _NOT_TEXT.search(lines.text)
    if found is None:
        return None
    span = lines.span(found.start(), found.end())
    char = found[0]
    if "\ud800" <= char <= "\udfff":
        message = f"U+{ord(char):04X} is half of a surrogate pair, not a character"
        return Diagnostic(errors.INVALID_ENCODING, message, span, path, hint="save the file as UTF-8")
    if char == "\ufeff":
        return Diagnostic(errors.INVALID_YAML, "a byte order mark stands inside the file", span, path, hint="delete it")
    message = f"control character U+{ord(char):04X} is not allowed"
    hint = "delete it, or write it as an escape inside double quotes" if char != "\0" else "delete it"
    return Diagnostic(errors.INVALID_YAML, message, span, path, hint=hint)


def _directives(lines: Lines, path: str) -> tuple[str, list[Diagnostic]]:
    """The text with the directives before the document made comments, and what is wrong with them.

    libyaml knows YAML 1.1 only, and is quadratic in the number of `%TAG` lines.
    """
    text = lines.text
    prologue = _PROLOGUE.match(text)
    end = prologue.end() if prologue else 0
    found: list[Diagnostic] = []
    for line in _DIRECTIVE.finditer(text, 0, end):
        if len(found) < 10 and line[1].split()[:2] != ["YAML", "1.2"]:
            found.append(_directive(line[1], lines, line.start(), path))
    return (_DIRECTIVE.sub(r"#\1", text[:end]) + text[end:] if "%" in text[:end] else text), found


def _directive(line: str, lines: Lines, start: int, path: str) -> Diagnostic:
    name = line.split()[0] if line.split() else ""
    shown = errors.shortened("%" + line)
    span = lines.span(start, start + 1 + len(line.rstrip()))
    if name == "YAML":
        return Diagnostic(errors.YAML11_TRAP, f'"{shown}" is ignored; a playbook is YAML 1.2', span, path)
    kind = errors.UNSUPPORTED_TAG if name == "TAG" else errors.INVALID_YAML
    return Diagnostic(kind, f'directive "{shown}" is not allowed in a playbook', span, path, hint="delete the line")
