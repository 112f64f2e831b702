"""One way to write a playbook: the order of keys, spellings (DOC-11), layout. Comments stay, the meaning stays.

`format_source` gives the text; `tree`, `reading` and `printing` are also what `migrate` rearranges playbooks with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from noetl.compiler import source
from noetl.compiler.document.v1 import refused_whole
from noetl.compiler.findings import Findings
from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Diagnostic, Severity, in_order
from noetl.errors import InternalError

from .meaning import content
from .ordering import arrange
from .printing import print_sheet
from .reading import lines_of, read
from .spelling import respell, same

_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text in its one form; None where it is refused, and `diagnostics` say why. `before` is what was read."""

    path: str
    before: str
    text: str | None
    diagnostics: tuple[Diagnostic, ...] = ()


def format_source(data: bytes | str, path: str) -> Formatted:
    """Format one playbook; never raises on its text. Errors of YAML and documents of another kind are refused.

    Lines end as the first line of the file does; a byte order mark goes. What it gives is a fixed point.
    """
    parsed = source.parse(data, path)
    found = list(parsed.diagnostics)
    if parsed.root is not None:
        findings = Findings(path)
        refused_whole(parsed.root, findings)
        found += findings.items
    errors = tuple(in_order(d for d in found if d.severity is Severity.ERROR))
    if errors or parsed.root is None:
        return Formatted(path, parsed.text, None, errors)
    text = format_text(lines_of(parsed.text), path)
    return Formatted(path, parsed.text, with_breaks(text, parsed.text))


def format_text(text: str, path: str) -> str:
    """Format a playbook that YAML can read and that is no document of another kind; line breaks are line feeds.

    Raises `InternalError` if the result would mean something else.
    """
    before = compile_source(text, path, check=False)
    made = laid_out(text, path)
    while True:
        after = before if made == text else compile_source(made, path, check=False)
        respelled = respell(made, after)
        if respelled == made:
            break
        made = laid_out(respelled, path)  # a spelling that had no fix in the old order may have one in the new
    if not same(before, after):
        raise InternalError("formatting changed the meaning of the playbook")
    return made


def laid_out(text: str, path: str) -> str:
    """The same values in order and layout; raises `InternalError` if they would not be the same."""
    sheet, before = read(text, path)
    if sheet is None or before.root is None:
        raise InternalError("formatting lost the map at the root of the file")
    arrange(sheet)
    made = print_sheet(sheet)
    after = source.parse(made, path)
    if after.root is None or content(after.root) != content(before.root):
        raise InternalError("formatting changed a value of the file")
    return made


def with_breaks(text: str, like: str) -> str:
    """`text` with CR LF at the ends of its lines where the first line of `like` ends so."""
    first = _BREAK.search(like)
    return text.replace("\n", "\r\n") if first is not None and first[0] == "\r\n" else text
