"""Checks: what is wrong with a playbook beyond its structure.

A check is one module of this folder. It has a `KIND` and a function `check`, which yields what it finds; it prints
nothing and changes nothing. A module that is added here is found without being listed anywhere. Each check has a page
`docs/checks/<code>-<name>.md` and a fixture `tests/golden/checks/<code>-<name>.yaml`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Protocol, cast

from noetl.diagnostics import Diagnostic, Kind

if TYPE_CHECKING:
    from noetl.compiler.checked import Checked

MAX_FOUND = 1000
"""What one check finds beyond this in a file is not reported."""


class Check(Protocol):
    """A module of this folder."""

    KIND: Kind

    def check(self, playbook: Checked) -> Iterator[Diagnostic]:
        """Everything of the kind, in any order."""
        ...


@cache
def registry() -> tuple[Check, ...]:
    """All checks, by code."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return tuple(sorted((cast(Check, module) for module in modules), key=lambda check: check.KIND.code))


def run(playbook: Checked, *, everything: bool = False) -> Iterator[Diagnostic]:
    """The findings of all checks; with `everything` also of those that are off by default."""
    for check in registry():
        if everything or check.KIND.default:
            yield from islice(check.check(playbook), MAX_FOUND)
