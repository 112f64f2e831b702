"""How a run ends before its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from noetl.compiler.ir import Json
from noetl.compiler.values import NotSerializable, TemplateFailed


class Failed(Exception):
    """The run (the iteration) fails; no further event of it (STP-5)."""

    def __init__(self, kind: str, message: str, *, dead: bool = False, **more: Json) -> None:
        super().__init__(message)
        self.error: dict[str, Json] = {"type": kind, "message": message, **more}
        self.dead = dead
        """Whether only the branch ends (FAI-1)."""

    @classmethod
    def of(cls, error: Json) -> Failed:
        """The failure of a call that no rule handled."""
        made = cls("", "")
        made.error = error if isinstance(error, dict) else {}
        return made


class LimitHit(Exception):
    """The execution fails as a whole (RUN-7)."""


@contextmanager
def templates() -> Iterator[None]:
    """A template that raises, or gives what is no JSON, fails the run (TPL-4, VAL-1)."""
    try:
        yield
    except TemplateFailed as error:
        raise Failed("TemplateError", str(error)) from None
    except NotSerializable as error:
        raise Failed("NotSerializable", str(error)) from None
