"""The SQL of the server, from the files in `sql/`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

_HEADING: Final = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def text(name: str) -> str:
    """The text of a file in `sql/`."""
    return files(__package__).joinpath("sql", name).read_text(encoding="utf-8")


@cache
def _queries() -> dict[str, bytes]:
    parts = _HEADING.split(text("queries.sql"))[1:]
    return {name: body.strip().encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def query(name: str) -> bytes:
    """The query with this heading in `queries.sql`."""
    return _queries()[name]


def migrations() -> list[tuple[int, str, str]]:
    """Number, name and text of every migration, in order."""
    found = []
    for file in files(__package__).joinpath("sql", "migrations").iterdir():
        number, _, name = file.name.removesuffix(".sql").partition("_")
        found.append((int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found)
