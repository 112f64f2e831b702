"""The conformance case, format 1: one YAML file per case (docs/case_format.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noetl.errors import UsageError

Pair = Annotated[list[int], Field(min_length=2, max_length=2)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ExpectedError(_Closed):
    """What the error of a failed execution has."""

    step: str | None = None
    type: str | None = None
    contains: str | None = None


class ExpectedIteration(_Closed):
    """One iteration of a loop run."""

    index: int
    status: str | None = None
    result: JsonValue = None
    attempts: list[int] | None = None


class ExpectedRun(_Closed):
    """One run; only the fields given are compared."""

    step: str
    status: Literal["success", "failed", "skipped"] | None = None
    key: list[Pair] | None = None
    args: JsonValue = None
    args_include: dict[str, JsonValue] | None = None
    result: JsonValue = None
    result_includes: dict[str, JsonValue] | None = None
    calls: int | None = None
    attempts: list[int] | None = None
    iterations: list[ExpectedIteration] | None = None


class Refused(_Closed):
    """The diagnostic that refuses a playbook."""

    name: str | None = None
    code: str | None = None
    at: str | None = None


class Expect(_Closed):
    """What must be observed."""

    status: Literal["completed", "failed", "cancelled"] | None = None
    output: JsonValue = None
    error: ExpectedError | None = None
    runs: list[ExpectedRun] | None = None
    requests: dict[str, list[dict[str, JsonValue]]] | None = None
    order: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    overlap: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    gaps: list[Annotated[list[JsonValue], Field(min_length=3, max_length=3)]] = []
    never: list[str] = []
    events: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None
    refused: Refused | None = None


class Case(_Closed):
    """One case."""

    format: Literal[1]
    id: str
    clauses: Annotated[list[str], Field(min_length=1)]
    title: str
    playbook: str | None = None
    playbooks: dict[str, str] | None = None
    main: str | None = None
    payload: dict[str, JsonValue] = {}
    files: dict[str, str] = {}
    env: dict[str, str] = {}
    credentials: dict[str, dict[str, JsonValue]] = {}
    probe: dict[str, list[dict[str, JsonValue]]] = {}
    catches: str | None = None
    targets: dict[str, list[str]] | None = None
    expect: Expect

    def text(self) -> str:
        """The main playbook's text; UsageError where the case has none."""
        if self.playbook is not None:
            return self.playbook
        if self.playbooks is not None and self.main in self.playbooks:
            return self.playbooks[self.main]
        raise UsageError(f'case "{self.id}" has neither "playbook" nor "playbooks" with "main"')


def load_case(path: Path) -> Case:
    """The case in a file; UsageError that names the file and each problem."""
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return Case.model_validate(json.loads(json.dumps(data)))
    except (OSError, YAMLError, TypeError, ValueError) as error:
        if isinstance(error, ValidationError):
            found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UsageError(f"{path}: {found}") from error
        raise UsageError(f"{path}: {error}") from error


def cases_in(folder: Path) -> Iterator[tuple[Path, Case]]:
    """Every case below a folder, by path."""
    for path in sorted(folder.rglob("*.yaml")):
        yield path, load_case(path)
