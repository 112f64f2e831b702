"""What the suite and a program that runs cases say to each other: one JSON object a line, over standard streams.

The suite sends `start`, then a `run` for each case, then `stop`, and reads one answer to each of the first two. What a
program has to say beside that belongs on its standard error. `schema/conform` is made from here.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

VERSION: Final = 1


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Start(_Closed):
    """The first command."""

    command: Literal["start"] = "start"
    version: Literal[1] = VERSION


class Asked(_Closed):
    """What there is to run."""

    id: str
    folder: str
    """A folder of its own, in which the files already are."""
    main: str
    """The playbook, by its path in the folder."""
    files: dict[str, str]
    """Every file of the folder with its text, for a program that cannot read there."""
    payload: dict[str, JsonValue]
    """The request's payload (RUN-1); `probe` in it is the address that the tools of the case call."""
    env: dict[str, str]
    """The environment names that templates may read (TPL-6)."""
    credentials: dict[str, JsonValue]
    """The credential store (TOO-6)."""
    outcomes: list[JsonValue] | None = None
    """Where given, what calls answer instead of tools: nothing is called.

    They are those of `schema/outcomes`; each says its whole place (TOO-10), so that it fits one attempt."""
    cancel: str | None = None
    """`label#n`: cancel the execution when this request has arrived at the probe (RUN-8)."""


class Run(_Closed):
    """The command to run one case."""

    command: Literal["run"] = "run"
    seq: int
    case: Asked


class Stop(_Closed):
    """The last command: the program ends."""

    command: Literal["stop"] = "stop"


class Refusal(_Closed):
    """A row of the target's table that refuses a feature."""

    feature: str
    code: str
    """The code of the diagnostics with which it refuses."""
    kind: Literal["never", "upstream", "todo"]
    reason: str


class Started(_Closed):
    """The answer to `start`."""

    version: Literal[1]
    name: Annotated[str, Field(min_length=1)]
    versions: dict[str, str] = {}
    """What runs there."""
    refuses: list[Refusal] = []
    """What it says it cannot do; each is checked."""
    sequential: bool = False
    """Whether it runs one call at a time."""


class Found(_Closed):
    """A diagnostic that refuses the playbook. Lines and columns count from 1."""

    code: str
    name: str = ""
    message: str = ""
    line: int = 1
    column: int = 1


class Ran(_Closed):
    """The answer to `run`: exactly one of `summary`, `refused` and `problem`."""

    seq: int
    summary: dict[str, JsonValue] | None = None
    """The object of `noetl run --json`."""
    refused: list[Found] | None = None
    """Why there was no run."""
    problem: str | None = None
    """What went wrong on the side of the program."""


Message: TypeAlias = Start | Run | Stop | Started | Ran
