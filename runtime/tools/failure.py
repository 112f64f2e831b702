"""A failed call, as the tools raise it."""

from __future__ import annotations

from noetl.compiler.ir import Json


class CallFailed(Exception):
    """The attempt failed; `error` is what rules see. Never crosses the border of the tool runner."""

    def __init__(self, kind: str, message: str, **more: Json) -> None:
        self.error: dict[str, Json] = {"type": kind, "message": clean(message), **more}
        super().__init__(message)


def clean(text: str) -> str:
    """`text` with what JSON cannot carry (VAL-1: NUL, lone surrogates) written as escapes: words about a failure."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
