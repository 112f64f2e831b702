"""What an emitted manifest and the program in its pods agree on. The page docs/argo.md tells it in words.

A pod runs one unit: a step, or the steps of a region. Its arguments are the unit's name and the packets of the units
above; its outputs are the edge taken, a packet for the units below, and the records of its runs. What does not change
from one execution to the next, above all the playbook's text, is in files that a ConfigMap holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, cast

from noetl.compiler import ir
from noetl.compiler.ir import Json

RUNNER: Final = "noetl.targets.argo.runner"
"""The module that a pod's container runs: `python -m RUNNER UNIT IN0 IN1 ...`."""

FOLDER: Final = "/etc/noetl"
"""Where the ConfigMap is mounted, unless `NOETL_FOLDER` says otherwise."""
PLAYBOOK: Final = "playbook.yaml"
"""The file with the playbook's text, as it was compiled."""
UNITS: Final = "units.json"
"""The file with the table of units."""

OUTPUTS: Final = "/tmp"
"""The folder of the output files, unless `NOETL_OUTPUTS` says otherwise."""
FILE: Final = "noetl-{}"
"""The name of an output's file there."""

EXECUTION_ENV: Final = "NOETL_EXECUTION_ID"
FOLDER_ENV: Final = "NOETL_FOLDER"
OUTPUTS_ENV: Final = "NOETL_OUTPUTS"
VALUES_ENV: Final = "NOETL_VALUES"
"""A folder that all pods share, or `s3://bucket/prefix`, for what is too large to cross Argo. Absent: there is none."""
ALLOW_ENV: Final = "NOETL_ALLOW_ENV"
"""The names that templates may read as `env.NAME`, with commas between them (TPL-6)."""

PAYLOAD: Final = "payload"
"""The parameter of the Workflow that holds the payload as JSON text (RUN-1)."""
UNIT: Final = "unit"
"""The input parameter with the unit's name; the others are `in0`, `in1` and so on."""

EDGE: Final = "edge"
CTX: Final = "ctx"
REC: Final = "rec"
FAILED: Final = "failed"
"""The outputs of a pod: the word of the `next` taken; the packet; the records; of a region of many tokens `yes` if a
run in it failed."""

NONE: Final = "none"
"""The default of every output, and what stands for what is not there: no `next` was taken, no packet was left."""
DEAD: Final = "dead"
"""The word of `edge` where the run took no `next` though it did not fail: a dead path."""
YES: Final = "yes"

OK: Final = 0
RUN_FAILED: Final = 1
"""A run failed and no rule handled it, or the execution could not start. `ctx` and `rec` are written before."""
MISUSED: Final = 2
"""The arguments or the files are not those of this noetl."""
BROKEN: Final = 3
"""A bug in noetl."""
TOO_LARGE: Final = 4
"""A text is too large to cross Argo, and no store for large values was given."""
VALUE_GONE: Final = 5
"""A value that is referred to is not in the store."""

VALUE_LIMIT: Final = 32 * 1024
"""Characters of JSON from which on a value is kept by reference, where there is a store."""
TEXT_LIMIT: Final = 96 * 1024
"""Most bytes of an output: an argument of 128 KiB does not reach a program any more."""


@dataclass(frozen=True, slots=True)
class UnitTable:
    """What a pod is told about its unit: the entry of `units` in `units.json`."""

    steps: tuple[str, ...]
    lines: tuple[int, int]
    """The first and the last line of the steps in the playbook."""
    edges: tuple[tuple[int, ...], ...] = ()
    """For each packet among the inputs, the edges of its source by number (see `leaving`) that lead here. Packets of
    regions that are only asked for failed runs have none."""
    above: tuple[tuple[str, ...], ...] = ()
    """The steps of each unit whose phase the last input tells, a word each with commas between: what is Failed or Error
    had a failed run (RUN-6). Empty: there is no such input."""
    starts: bool = False
    """The unit of `start`: its first input is the payload, and packets come after it."""
    many: bool = False
    """A region of many tokens: any number of its edges may be taken, each an output `e0`, `e1` ... of its own."""
    soft: bool = False
    """It ends green though a run in it failed, as tokens may have left; `failed` is `yes` then."""
    fails: str | None = None
    """No steps run: it fails as the named unit recorded, whose packet is the only input."""
    sources: tuple[str, ...] | None = None
    """Of a unit without a pod, the units that the packets of `edges` are outputs of; None where a pod runs it."""

    def to_json(self) -> dict[str, Json]:
        """The entry; what is empty or false is left out."""
        found: dict[str, Json] = {"steps": [*self.steps], "lines": [*self.lines]}
        if self.edges:
            found["edges"] = [[*edges] for edges in self.edges]
        if self.above:
            found["above"] = [[*steps] for steps in self.above]
        found |= {name: True for name in ("starts", "many", "soft") if getattr(self, name)}
        if self.fails is not None:
            found["fails"] = self.fails
        if self.sources is not None:
            found["sources"] = [*self.sources]
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> UnitTable:
        """The table written by `to_json`; KeyError or TypeError if it is another shape."""
        sources, fails = data.get("sources"), data.get("fails")
        first, last = cast("list[int]", data["lines"])
        return cls(
            steps=tuple(cast("list[str]", data["steps"])),
            lines=(first, last),
            edges=tuple(tuple(edges) for edges in cast("list[list[int]]", data.get("edges", []))),
            above=tuple(tuple(steps) for steps in cast("list[list[str]]", data.get("above", []))),
            starts=data.get("starts") is True,
            many=data.get("many") is True,
            soft=data.get("soft") is True,
            fails=None if fails is None else str(fails),
            sources=None if sources is None else tuple(cast("list[str]", sources)),
        )


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The schedule of a playbook: the payload of its executions has their slot as `end` of the entry `into`."""

    cron: str
    """Five fields."""
    timezone: str
    into: str


@dataclass(frozen=True, slots=True)
class Units:
    """`units.json`."""

    noetl: str
    """The version that emitted it; the same minor version runs it."""
    file: str
    """What the playbook's file was called, without folders."""
    playbooks: Mapping[str, str]
    """For the file of each sub-playbook (TOO-4), the file that holds its text."""
    units: Mapping[str, UnitTable]
    schedule: Scheduled | None = None

    def to_json(self) -> dict[str, Json]:
        """The whole file."""
        units: dict[str, Json] = {name: table.to_json() for name, table in self.units.items()}
        found: dict[str, Json] = {"noetl": self.noetl, "file": self.file, "playbooks": dict(self.playbooks)}
        if self.schedule is not None:
            found["schedule"] = dict(asdict(self.schedule))
        return {**found, "units": units}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Units:
        """The file's content; KeyError, TypeError or ValueError if it is another shape."""
        units = cast("Mapping[str, Mapping[str, Json]]", data["units"])
        playbooks = cast("Mapping[str, str]", data["playbooks"])
        tables = {name: UnitTable.from_json(table) for name, table in units.items()}
        given = cast("Mapping[str, str] | None", data.get("schedule"))
        schedule = None if given is None else Scheduled(given["cron"], given["timezone"], given["into"])
        return cls(str(data["noetl"]), str(data["file"]), dict(playbooks), tables, schedule)


def leaving(workflow: ir.Workflow, steps: Sequence[str]) -> list[ir.Edge]:
    """The edges that lead out of a unit, by number: those of its steps, in order, that lead to no step of a region.

    A step alone that leads to itself is a region, too.
    """
    found = [edge for name in steps for edge in workflow.step(name).edges()]
    return [edge for edge in found if edge.target not in steps]


def words(edges: Iterable[ir.Edge]) -> list[str]:
    """For each edge that leaves a unit the word of its `next`: the number of the first edge of that `next`.

    The edges of one `next` are taken together (NXT-1), so they share the word.
    """
    first: dict[tuple[str, int | None], str] = {}
    return [first.setdefault((edge.source, edge.rule), f"e{number}") for number, edge in enumerate(edges)]


def credential_env(name: str) -> str:
    """The environment variable that holds a credential (TOO-6).

    >>> credential_env("my-api.v2")
    'NOETL_CREDENTIAL_MY_API_V2'
    """
    return "NOETL_CREDENTIAL_" + re.sub("[^A-Z0-9]", "_", name.upper())


def crossing(value: Json) -> str:
    """JSON text that Argo and the kubelet leave as it is: no `{{`, no `$`, one line, ASCII.

    >>> crossing({"a": "{{workflow.name}} $(HOME)"})
    '{"a":"{\\\\u007bworkflow.name}} \\\\u0024(HOME)"}'
    """
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("{{", "{\\u007b").replace("$", "\\u0024")
