"""The last line of every file that `noetl compile` writes: it tells noetl its own files, and whether one was edited.

It is a comment in every language that targets emit.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final, Literal, TypeAlias

_LINE: Final = re.compile(rb"\n# noetl compile wrote what is above: sha256 ([0-9a-f]{64})\n\Z")
_LENGTH: Final = 120
"""More bytes than the line has."""
Author: TypeAlias = Literal["noetl", "edited", "other"]
"""Who wrote a file: noetl, noetl and then somebody else, somebody else."""


def sealed(text: str) -> str:
    """The text with its last line; the same text gets the same one."""
    text = text if text.endswith("\n") else f"{text}\n"
    return f"{text}\n# noetl compile wrote what is above: sha256 {_digest(text.encode())}\n"


def author(path: Path) -> Author:
    """Who wrote a file; OSError if it cannot be read."""
    with path.open("rb") as file:
        file.seek(0, 2)
        size = file.tell()
        file.seek(max(0, size - _LENGTH))
        if _LINE.search(file.read()) is None:
            return "other"
        file.seek(0)
        data = file.read()
    found = _LINE.search(data)
    return "noetl" if found is not None and found[1].decode() == _digest(data[: found.start()]) else "edited"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
