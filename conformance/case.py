"""The conformance case, format 1: one YAML file per case (docs/case_format.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noetl.errors import UsageError
from noetl.runtime.mock import MockedOutcome

from . import case_problems
from .probe import Reply

PROBE: Final = "$PROBE"
"""What stands for the probe's address in the texts of `credentials` and `files`."""
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


class ExpectedRequest(_Closed):
    """One request to the probe; only the parts given are compared."""

    method: str | None = None
    query: dict[str, str | list[str]] | None = None
    json_: JsonValue = Field(default=None, alias="json")
    form: dict[str, str | list[str]] | None = None
    text: str | None = None
    headers: dict[str, str | None] | None = None


class AnyOrder(_Closed):
    """The first entry of requests that may come in any order."""

    set: Literal[True]


Request = Annotated[str, Field(pattern=r".#[1-9][0-9]*$")]
"""The n-th request to a label: `label#n`."""
Two = Annotated[list[Request], Field(min_length=2, max_length=2)]


def _gap(entry: object) -> object:
    if isinstance(entry, list) and len(entry) == 3:
        return {"first": entry[0], "second": entry[1], "seconds": entry[2]}
    raise ValueError("a gap is two requests and the seconds between them")


class Gap(_Closed):
    """At least so many seconds between an answer and the next request; written as a list of the three."""

    first: Request
    second: Request
    seconds: float

    _from_list = model_validator(mode="before")(_gap)


class Expect(_Closed):
    """What must be observed."""

    status: Literal["completed", "failed", "cancelled"] | None = None
    output: JsonValue = None
    error: ExpectedError | None = None
    runs: list[ExpectedRun] | None = None
    requests: dict[str, list[ExpectedRequest | AnyOrder]] | None = None
    order: list[Two] = []
    overlap: list[Two] = []
    gaps: list[Gap] = []
    never: list[str] = []
    events: list[Annotated[list[str | None], Field(min_length=2, max_length=2)]] | None = None
    refused: Refused | None = None

    @model_validator(mode="after")
    def _alone(self) -> Expect:
        if self.refused is not None and self.model_fields_set != {"refused"}:
            raise ValueError('"refused" stands instead of all other expectations')
        return self


class Case(_Closed):
    """One case."""

    format: Literal[1]
    id: str
    clauses: Annotated[list[str], Field(min_length=1)]
    title: str
    playbook: str | None = None
    playbooks: dict[str, str] | None = None
    main: str | None = None
    file: str | None = None
    payload: dict[str, JsonValue] = {}
    files: dict[str, str] = {}
    env: dict[str, str] = {}
    credentials: dict[str, str | dict[str, JsonValue]] = {}
    probe: dict[str, list[dict[str, JsonValue]]] = {}
    outcomes: list[MockedOutcome] | None = None
    cancel: Request | None = None
    catches: str | None = None
    targets: dict[str, list[str]] | None = None
    expect: Expect

    _origin: Path | None = PrivateAttr(None)

    @property
    def origin(self) -> Path | None:
        """The file of the playbook, if it has one of its own."""
        return self._origin

    @field_validator("probe")
    @classmethod
    def _replies(cls, probe: dict[str, list[dict[str, JsonValue]]]) -> dict[str, list[dict[str, JsonValue]]]:
        for label, entries in probe.items():
            if not entries:
                raise ValueError(f'the script of label "{label}" is empty')
            for entry in entries:
                Reply.of(entry)
        return probe

    @model_validator(mode="after")
    def _one_playbook(self) -> Case:
        if sum(given is not None for given in (self.playbook, self.playbooks, self.file)) != 1:
            raise ValueError('a case has either "playbook" or "playbooks" with "main", or "file"')
        if self.playbooks is not None and self.main not in self.playbooks:
            raise ValueError('"main" is one of the paths of "playbooks"')
        return self

    @property
    def path(self) -> str:
        """The main playbook's path in the folder of the case."""
        return "playbook.yaml" if self.main is None else self.main

    def text(self) -> str:
        """The main playbook's text."""
        return self.playbook if self.playbook is not None else (self.playbooks or {})[self.path]

    def beside(self, probe: str) -> dict[str, str]:
        """Every file of the case's folder by path: the playbooks and what lies beside them."""
        files = {path: text.replace(PROBE, probe) for path, text in self.files.items()}
        return {**files, **(self.playbooks or {self.path: self.text()})}

    def credentials_at(self, probe: str) -> dict[str, JsonValue]:
        """The credential store of the run."""
        return {name: _at(entry, probe) for name, entry in self.credentials.items()}

    def asked_of(self, target: str, tier: str | None = None) -> bool:
        """Whether the case makes sense on a target (on one of its tiers)."""
        if self.targets is None or target not in self.targets:
            return True
        tiers = self.targets[target]
        return bool(tiers) if tier is None else tier in tiers


def _at(value: JsonValue, probe: str) -> JsonValue:
    if isinstance(value, str):
        return value.replace(PROBE, probe)
    if isinstance(value, list):
        return [_at(item, probe) for item in value]
    if isinstance(value, dict):
        return {name: _at(item, probe) for name, item in value.items()}
    return value


def load_case(path: Path) -> Case:
    """The case in a file, with the playbooks that `file` names; UsageError that says what is wrong where."""
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        case = Case.model_validate(json.loads(json.dumps(YAML(typ="safe").load(text))))
        return case if case.file is None else _with_file(case, path.parent / case.file)
    except ValidationError as error:
        raise UsageError(f"{path}: {case_problems.told(error, text, Case)}") from error
    except YAMLError as error:
        raise UsageError(f"{path}: {case_problems.told_of_yaml(error)}") from error
    except OSError as error:
        raise UsageError(f'{path}: cannot read "{error.filename}": {error.strerror}') from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error


def case_of_file(name: str, file: Path) -> Case:
    """A case of a playbook that expects nothing yet; UsageError if the file cannot be read."""
    told = {
        "format": 1,
        "id": name,
        "clauses": ["CAU-4"],
        "title": f"outcomes of {file}",
        "file": str(file),
        "expect": {},
    }
    try:
        return _with_file(Case.model_validate(told), file)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}") from error


def _with_file(case: Case, file: Path) -> Case:
    found = case.model_copy(update=_beside(file))
    found.__pydantic_fields_set__.discard("file")
    found._origin = file
    return found


def _beside(file: Path) -> dict[str, object]:
    """What a case has of a playbook in a file of its own: all playbooks of its folder, since it may call them."""
    texts = {file.name: file.read_text(encoding="utf-8")}
    for other in sorted({*file.parent.rglob("*.yaml"), *file.parent.rglob("*.yml")} - {file}):
        text = other.read_text(encoding="utf-8", errors="replace")
        if _PLAYBOOK.search(text):
            texts[str(other.relative_to(file.parent))] = text
    return {"file": None, "playbooks": texts, "main": file.name}


_PLAYBOOK: Final = re.compile(r"^kind: *['\"]?Playbook\b", re.MULTILINE)


def cases_in(folder: Path) -> Iterator[tuple[Path, Case]]:
    """Every case below a folder, by path; UsageError for the first file that holds none."""
    for path in sorted(folder.rglob("*.yaml")):
        yield path, load_case(path)
