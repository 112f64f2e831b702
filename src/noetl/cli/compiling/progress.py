"""How far a compilation of many playbooks is: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from noetl.diagnostics import printable

MANY: Final = 20
"""Fewer playbooks than this are done before a bar could be read."""


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Within it, what is given is called with each playbook that is begun. The bar goes away at the end."""
    if total < MANY or not sys.stderr.isatty() or os.environ.get("TERM") in (None, "", "dumb"):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task("", total=total)
        yield lambda path: bar.update(shown, advance=1, description=printable(path))
