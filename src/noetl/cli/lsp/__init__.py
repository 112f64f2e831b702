"""`noetl lsp`: the language server for editors."""

from __future__ import annotations

import gc
import logging
import os
from typing import Final

from noetl.errors import UsageError

OBJECTS: Final = 500_000
"""So many objects more than before are made before garbage is looked for. A version of a document that another one
replaces is freed without that, and looking for it after each keystroke would take a fifth of the answer's time."""


class OneLine(logging.Formatter):
    """What the protocol's library has to say about a message that it cannot read, without the way that it went."""

    def format(self, record: logging.LogRecord) -> str:
        """The first line, and the error."""
        error = record.exc_info[1] if record.exc_info else None
        words = record.getMessage().partition("\n")[0]
        return f"noetl: {words}" if error is None else f"noetl: {words}: {type(error).__name__}: {error}"


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
    gc.set_threshold(OBJECTS)
    log = logging.StreamHandler()
    log.setFormatter(OneLine())
    logging.getLogger("pygls").addHandler(log)
    # Copies: the server closes what it is given, and the streams of the process are flushed after the command.
    with open(os.dup(0), "rb") as requests, open(os.dup(1), "wb") as answers:
        make().start_io(requests, answers)
