"""JSON Schemas of what noetl prints for other programs, and their loader.

A file is called `<name>-<version>.json`; the version grows when a consumer of the old shape could break.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

VERSIONS: Final = {"diagnostics": 1}
"""The current version of each schema."""


def load(name: str) -> dict[str, object]:
    """The current schema `name`, as JSON data of its own; KeyError if there is none."""
    text = files(__name__).joinpath(f"{name}-{VERSIONS[name]}.json").read_text(encoding="utf-8")
    loaded: dict[str, object] = json.loads(text)
    return loaded
