"""`noetl lsp`: the language server for editors."""

from __future__ import annotations

import os

from noetl.errors import UsageError


def command() -> None:
    """Serve an editor over standard input and output (Language Server Protocol).

    Findings as you type, quick fixes, hover, completion, definitions, references and the outline of playbooks. Needs
    the extra `lsp`; docs/editors.md says how editors are told about it.

    \b
    Examples:
      noetl lsp
    """
    try:
        from .server import make
    except ModuleNotFoundError as error:
        if error.name not in ("pygls", "lsprotocol"):
            raise
        raise UsageError('the language server needs the extra "lsp": pip install "noetl[lsp]"') from error
    # Copies: the server closes what it is given, and the streams of the process are flushed after the command.
    with open(os.dup(0), "rb") as requests, open(os.dup(1), "wb") as answers:
        make().start_io(requests, answers)
