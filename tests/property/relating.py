"""What relations between playbooks are made of: executions with one script, and documents to change."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.authoring import Document
from noetl.conformance.judge import differences
from noetl.conformance.strategies import Playbook
from noetl.runtime.engine import Execution
from noetl.runtime.events import Listener, silent
from noetl.runtime.library import TextLibrary
from noetl.runtime.ports import Outcome
from noetl.runtime.scope import ExecutionInfo
from noetl.targets.airflow.layout import lay_out
from noetl.targets.plan import plan
from noetl.targets.verify import verify

from .driving import TIME, Answers, Tools, driven, with_children

INFO: Final = ExecutionInfo("drawn", {})
Summary: TypeAlias = "dict[str, Json]"


# -- executions ------------------------------------------------------------------------------------------------------


class Placed:
    """Answers of a script for places that are called otherwise there."""

    def __init__(self, script: Answers, original: Callable[[str], str]) -> None:
        self._script = script
        self._original = original

    def outcome(self, place: str) -> Outcome:
        """That of the place of the original."""
        return self._script.outcome(self._original(place))


def same(place: str) -> str:
    """A place that is called as in the original."""
    return place


def outcome(
    playbook: Playbook,
    text: str,
    original: Callable[[str], str] = same,
    *,
    library: Mapping[str, str] | None = None,
    listener: Listener = silent,
    info: ExecutionInfo = INFO,
) -> Summary:
    """What the engine makes of a text with the script of a playbook; its plan is verified where it was rewritten."""
    workflow = compile_source(text, "drawn.yaml").workflow
    assert workflow is not None
    if text != playbook.text:
        made = plan(workflow)
        verify(made, workflow)
        lay_out(workflow, made)
    found = TextLibrary(playbook.library if library is None else library)
    execution = Execution(workflow, info, listener)
    answer = with_children(Tools(Placed(playbook.script, original)), found)
    return driven(execution, execution.start({}, TIME), answer).summary()


def rewritten(playbook: Playbook, change: Callable[[Document], bool]) -> list[str] | None:
    """In what the outcome differs after a change that leaves names and places as they are; False: it made none."""
    document = copy.deepcopy(playbook.document)
    if not change(document):
        return None
    return differences(outcome(playbook, written(document)), outcome(playbook, playbook.text))


def written(document: Document) -> str:
    """The document as text."""
    return json.dumps(document, ensure_ascii=False)


def workflow_of(document: Document) -> ir.Workflow:
    """The document as it is run."""
    found = compile_source(written(document), "drawn.yaml").workflow
    assert found is not None
    return found


def failed_rendering(summary: Summary) -> bool:
    """Whether there is a text of an error that quotes the source of a template."""
    return "TemplateError" in json.dumps(summary)


# -- documents -------------------------------------------------------------------------------------------------------


def maps(value: Json) -> list[Document]:
    """The maps of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def steps(document: Document) -> list[Document]:
    """The steps of a playbook."""
    return maps(document["workflow"])


def rules(document: Document) -> Iterator[Document]:
    """The rules of all steps."""
    for step in steps(document):
        yield from maps(step.get("case"))


def entries(step: Document) -> list[Document]:
    """The structural `next` of a step as a list of maps (DOC-7)."""
    following = step.get("next", [])
    listed = following if isinstance(following, list) else [following]
    return [dict(entry) if isinstance(entry, dict) else {"step": entry} for entry in listed]


def changed_texts(value: Json, change: Callable[[str, str], str], key: str = "") -> Json:
    """The value with every text but python code changed; `change` gets the text and the key that it is under."""
    if isinstance(value, str):
        return value if key in ("code", "code_b64") else change(value, key)
    if isinstance(value, dict):
        return {name: changed_texts(inner, change, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [changed_texts(item, change, key if key == "next" else "") for item in value]
    return value


def with_texts(document: Document, change: Callable[[str, str], str]) -> bool:
    """Change every text of the workflow; whether one is another."""
    made = changed_texts(document["workflow"], change)
    differs = made != document["workflow"]
    document["workflow"] = made
    return differs
