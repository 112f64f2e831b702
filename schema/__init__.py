"""JSON Schemas of what people write for noetl and of what noetl prints for other programs, and their loader.

The files are made by `scripts/generate.py` from the code that they describe; `noetl schema --check` tells stale ones.
A file is called `<name>-<version>.json`; the version grows when a consumer of the old shape could break.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

VERSIONS: Final = {
    "playbook": 1,
    "ir": 1,
    "event": 1,
    "diagnostics": 1,
    "case": 1,
    "outcomes": 1,
    "conform": 1,
    "profile": 1,
    "compile": 1,
    "diff": 1,
    "trace": 1,
}
"""The current version of each schema."""
_BASE: Final = "https://noetl.io/schema/"


def file_name(name: str) -> str:
    """The file of the current schema `name`; KeyError if there is none."""
    return f"{name}-{VERSIONS[name]}.json"


def identifier(name: str) -> str:
    """The `$id` of the current schema `name`, which is a name and not a place; KeyError if there is none."""
    return f"{_BASE}{file_name(name)}"


def text(name: str) -> str:
    """The current schema `name` as it is kept; KeyError if there is none."""
    return files(__name__).joinpath(file_name(name)).read_text(encoding="utf-8")


def load(name: str) -> dict[str, object]:
    """The current schema `name`, as JSON data of its own; KeyError if there is none."""
    loaded: dict[str, object] = json.loads(text(name))
    return loaded
