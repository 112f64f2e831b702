"""What a case gives to a target that compiles playbooks: sources, an environment, and outcomes that are replayed."""

from __future__ import annotations

import json
from pathlib import Path

from noetl.compiler import ir
from noetl.compiler.ir import Json
from noetl.runtime.credentials import variable
from noetl.runtime.library import FolderLibrary
from noetl.targets.base import Source
from noetl.targets.children import shipped

from ..case import Case
from .runtime import recorded


def source_of(case: Case, workflow: ir.Workflow, text: str, folder: Path, probe: str) -> Source:
    """The playbook with those that it calls: all there are where it names them by a template."""
    for name, beside in case.beside(probe).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(beside, encoding="utf-8")
    library = FolderLibrary([folder])
    found = shipped(workflow, case.path, library.find)
    texts = library.texts() if found.templated else found.texts
    return Source(case.path, text, workflow, texts, all_playbooks=True)


def kept_outcomes(case: Case, file: Path) -> Path:
    """The outcomes of a case by `ToolCall.where`, in a file for `NOETL_REPLAY`."""
    outcomes, kinds = recorded(case)
    told: dict[str, Json] = {"kinds": list(kinds), "outcomes": dict(outcomes)}
    file.write_text(json.dumps(told), encoding="utf-8")
    return file


def environment(case: Case, probe: str) -> dict[str, str]:
    """Of the place where tools run: the credentials, what templates may read, and the names of that."""
    # A bare secret is its own text there.
    found = {
        variable(name): entry if isinstance(entry, str) else json.dumps(entry)
        for name, entry in case.credentials_at(probe).items()
    }
    return {**found, **case.env, "NOETL_ALLOW_ENV": ",".join(case.env)}
