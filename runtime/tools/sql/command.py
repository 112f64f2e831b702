"""The SQL of a call: where its text comes from (TOO-5), and that its statements are one transaction (TOO-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..failure import CallFailed
from ..kind import Place
from ..script import source_text

_BEGIN: Final = frozenset({"BEGIN", "BEGIN TRANSACTION", "BEGIN WORK", "START TRANSACTION"})
_COMMIT: Final = frozenset({"COMMIT", "COMMIT TRANSACTION", "COMMIT WORK", "END", "END TRANSACTION", "END WORK"})
_CONTROL: Final = frozenset({"ABORT", "BEGIN", "COMMIT", "END", "ROLLBACK", "START"})


async def sql_texts(fields: Mapping[str, object], place: Place) -> list[str]:
    """The texts of a call; `command` may be a list of them. CallFailed where there is none to read."""
    command = fields.get("command")
    if isinstance(command, list) and all(fields.get(name) is None for name in ("script", "command_b64")):
        if not all(isinstance(text, str) for text in command):
            raise CallFailed("TypeError", '"command" is a text, or a list of texts')
        return [*command]
    return [await source_text(fields, "command", place)]


def transaction_marks(openings: Sequence[str]) -> frozenset[int]:
    """Which statements, given by their first words, only say that all of them are one transaction: a BEGIN that is the
    first and a COMMIT that is the last. CallFailed where one would make the call two transactions, or undo it."""
    marks = {0} if openings and openings[0] in _BEGIN else set()
    if openings and openings[-1] in _COMMIT:
        marks.add(len(openings) - 1)
    for number, words in enumerate(openings):
        word, _, rest = words.partition(" ")
        controls = word in _CONTROL and not (word == "ROLLBACK" and "TO" in rest.split())
        if number not in marks and (controls or words.startswith("PREPARE TRANSACTION")):
            message = f"{words}: all statements of a call are one transaction, which begins and ends with the call"
            raise CallFailed("SqlError", message, statement=number)
    return frozenset(marks)
