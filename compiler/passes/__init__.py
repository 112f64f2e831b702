"""Passes: what can be known of a workflow without running it.

A pass is one function in the module of its name. It takes the workflow and the facts of the passes before it, changes
neither, and gives the facts with its own part filled in. None recurses along the steps, and each takes time that grows
like the playbook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from noetl.compiler import ir

from .components import components
from .errors import errors
from .exits import exits
from .facts import Facts
from .firings import firings
from .graph import graph
from .multiplicity import multiplicity
from .names import names
from .outcomes import outcomes
from .reachability import reachability
from .routes import routes
from .sites import sites

Pass: TypeAlias = Callable[[ir.Workflow, Facts], Facts]

PASSES: Final[tuple[Pass, ...]] = (
    *(graph, reachability, components, exits, multiplicity, errors, firings, routes),
    *(sites, names, outcomes),
)
"""In order: each may use what those before it found."""


def analyse(workflow: ir.Workflow) -> Facts:
    """The facts of a workflow, by all passes."""
    facts = Facts()
    for one in PASSES:
        facts = one(workflow, facts)
    return facts
