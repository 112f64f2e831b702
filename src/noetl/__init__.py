"""noetl: compile, run and check NoETL v2 playbooks.

The public names are loaded when they are first used, so that `import noetl` costs next to nothing.

    >>> import noetl
    >>> found = noetl.compile_source(b"apiVersion: noetl.io/v1", "old.yaml").diagnostics
    >>> found[0].severity
    <Severity.ERROR: 'error'>
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from noetl.compiler.frontend import Compilation, compile_source, load
    from noetl.diagnostics import Diagnostic, Severity, Span
    from noetl.errors import (
        ExecutionError,
        InternalError,
        NoetlError,
        PlaybookError,
        UnsupportedByTarget,
        UsageError,
    )

__version__ = "0.1.0"

_HOMES: Final = {
    "Compilation": "noetl.compiler.frontend",
    "compile_source": "noetl.compiler.frontend",
    "load": "noetl.compiler.frontend",
    "Diagnostic": "noetl.diagnostics",
    "Severity": "noetl.diagnostics",
    "Span": "noetl.diagnostics",
    "ExecutionError": "noetl.errors",
    "InternalError": "noetl.errors",
    "NoetlError": "noetl.errors",
    "PlaybookError": "noetl.errors",
    "UnsupportedByTarget": "noetl.errors",
    "UsageError": "noetl.errors",
}
"""Where each public name is defined."""

__all__ = [
    "Compilation",
    "Diagnostic",
    "ExecutionError",
    "InternalError",
    "NoetlError",
    "PlaybookError",
    "Severity",
    "Span",
    "UnsupportedByTarget",
    "UsageError",
    "__version__",
    "compile_source",
    "load",
]


if not TYPE_CHECKING:  # checkers shall refuse unknown names, so they see the imports above only

    def __getattr__(name: str) -> object:
        """Load a public name from its module at first use (PEP 562)."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f'module "noetl" has no attribute "{name}"')
        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
