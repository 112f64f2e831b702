"""Every schema of noetl, made anew from the code that it describes, as it is kept under `schema/`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from noetl import schema

from . import answers, playbook, printed, typed
from .tool_fields import Schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
VERSION: Final = "x-noetl-version"


@dataclass(frozen=True, slots=True)
class Source:
    """What a schema is called for people, and what makes it."""

    title: str
    make: Callable[[], Schema]


SOURCES: Final[dict[str, Source]] = {
    "playbook": Source("NoETL playbook", playbook.schema),
    "ir": Source("NoETL IR: what a playbook means, without any shorthand", typed.workflow),
    "event": Source("NoETL event: one entry of the log of an execution", printed.event),
    "diagnostics": Source("NoETL diagnostics: what noetl lint --format json prints", printed.diagnostics),
    "case": Source("NoETL conformance case", printed.case),
    "conform": Source("NoETL conform: what noetl conform and a program that runs cases say", printed.conform),
    "outcomes": Source("NoETL outcomes: what noetl run --mock answers instead of tools", printed.outcomes),
    "profile": Source("NoETL profile: how playbooks run on a target", printed.profile),
    "compile": Source("NoETL compile: what noetl compile --format json prints", answers.compiled),
    "diff": Source("NoETL diff: what noetl diff --format json prints", answers.differences),
    "trace": Source("NoETL trace: what noetl trace --format json prints for each task", answers.traced),
}
"""By name; the versions are in `noetl.schema`."""


def make(name: str) -> dict[str, object]:
    """The schema `name`; KeyError if there is none."""
    source = SOURCES[name]
    head: dict[str, object] = {
        "$schema": DIALECT,
        "$id": schema.identifier(name),
        "title": source.title,
        VERSION: schema.VERSIONS[name],
    }
    return {**head, **{key: part for key, part in source.make().items() if key != "title"}}


def text(name: str) -> str:
    """The schema as the file under `schema/` has it."""
    return json.dumps(make(name), indent=1, ensure_ascii=False) + "\n"
