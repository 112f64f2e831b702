"""Writes what bogus targets score on the distilled cases into docs/conformance.md.

    python scripts/bogus.py [--check]

With --check nothing is written: the exit code is 1 where the table is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from noetl.conformance.adapters.runtime import observe
from noetl.conformance.bogus import table
from noetl.conformance.conform import CASES
from noetl.conformance.suite import TIMES, chosen, distilled

PAGE: Final = Path(__file__).parent.parent / "docs" / "conformance.md"
HEAD: Final = "| target | what it does | passes of "
"""How the table begins, which ends before the next empty line."""


def with_table(page: str, lines: Sequence[str]) -> str:
    """The page with these lines in place of its table."""
    before, _, rest = page.partition(HEAD)
    _, _, after = rest.partition("\n\n")
    return "\n".join([before + lines[0], *lines[1:], "", after])


def main(arguments: Sequence[str]) -> int:
    """Write the table, or only say whether it is stale."""
    wanted = distilled(TIMES)
    observed = [(case, observe(case)) for _, case in chosen(CASES) if case.id in wanted]
    page = PAGE.read_text(encoding="utf-8")
    made = with_table(page, table(observed))
    if made == page:
        return 0
    print(f"{PAGE.name}: the scores of the bogus targets {'are stale' if '--check' in arguments else 'are written'}")
    if "--check" in arguments:
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
