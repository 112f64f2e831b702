"""Which kinds of findings are shown: by code, by name or by family."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from noetl.diagnostics import FAMILIES, Kind

DEFAULT: Final = "default"
"""The selector of every kind that is on by default."""
ALL: Final = "all"
"""The selector of every kind."""
_CODE: Final = re.compile(r"NTL[0-9]*", re.IGNORECASE)
_PREFIX: Final = re.compile(r"NTL[0-9]{1,3}")


def matches(selector: str, kind: Kind) -> bool:
    """Whether a code, the beginning of one (`NTL2`), a name or a family means the kind."""
    if selector in (DEFAULT, ALL):
        return kind.default or selector == ALL
    if _PREFIX.fullmatch(selector):
        return kind.code.startswith(selector)
    return selector in (kind.name, family(kind.code))


def near(word: str, known: Collection[str]) -> str | None:
    """The hint at the code or name that may be meant. Codes that look alike are about different things: none is."""
    from noetl.compiler.findings import close_to, quoted  # only where something is wrong

    if _CODE.fullmatch(word):
        return f"did you mean {quoted(word.upper())}?" if word.upper() in known else None
    return close_to(word, known)


def family(code: str) -> str:
    """The family of a code; empty for a code of no family."""
    digit = int(code[3:4] or 9)
    return FAMILIES[digit] if digit < len(FAMILIES) else ""


class Selection(NamedTuple):
    """What is selected and not ignored; with an empty `select` everything that is on by default."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    """Selectors that come on top of `select`."""

    def shows(self, kind: Kind) -> bool:
        """Whether findings of the kind are shown."""
        chosen = (*(self.select or (DEFAULT,)), *self.extra)
        return any(matches(s, kind) for s in chosen) and not any(matches(s, kind) for s in self.ignore)

    def without(self, ignored: Iterable[str]) -> Selection:
        """The same with more selectors ignored."""
        return Selection(self.select, (*self.ignore, *ignored), self.extra)

    @property
    def everything(self) -> bool:
        """Whether kinds that are off by default may be asked for."""
        return any(s != DEFAULT for s in (*self.select, *self.extra))
