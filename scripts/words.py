"""The gate on words and signs that the project's writing rules refuse, over every tracked text file.

    python scripts/words.py [PATH...]

Prints one line per find and ends with exit code 1 if there is any. The refused words are put together here from
parts, so that this file holds none of them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STEMS = ("compre" + "hensiv", "ens" + "ur")
JSON_OPTION = STEMS[1] + "e_ascii"
"""A keyword argument of the standard library's `json`: a name that is not ours to choose."""
WORDS = re.compile(rf"(?<![a-z])(?!{JSON_OPTION}\b)(?:{'|'.join(STEMS)})[a-z]*", re.IGNORECASE)
"""The stems at the start of a word, in any inflection."""

PICTURES = re.compile(
    "["
    "\u2600-\u27bf"  # weather, faces, hands, check marks, crosses
    "\u231a\u231b\u2b50\u2b55"  # watch, hourglass, star, circle
    "\ufe0f"  # what makes a picture of the character before it
    "\U0001f170-\U0001f1ff"  # squared letters, flags
    "\U0001f300-\U0001faff"  # pictographs, faces, transport and their supplements
    "]"
)
"""Characters that are drawn as little pictures; arrows, box drawing and mathematics are not among them."""


def finds(text: str) -> Iterator[tuple[int, int, str]]:
    """Line and column (from 1) of each refused word or sign in `text`, with a name to show for it."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in WORDS.finditer(line):
            yield number, match.start() + 1, f'the word "{match.group()}"'
        for match in PICTURES.finditer(line):
            yield number, match.start() + 1, f"the sign U+{ord(match.group()):04X}"


def tracked() -> list[Path]:
    """The files that git knows or would add; links are left out, their targets are files of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def main(arguments: list[str]) -> int:
    """Check the files named, or all; 0 when they are clean."""
    paths = [Path(argument).resolve() for argument in arguments] or tracked()
    found = 0
    for path in paths:
        data = path.read_bytes()
        if b"\0" in data:
            continue
        shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        for line, column, what in finds(data.decode("utf-8", errors="replace")):
            found += 1
            print(f"{shown}:{line}:{column}: {what} is not used in this project")
    print(f"{len(paths)} files read, {found} finds")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
