"""Hypothesis strategies for playbooks that are valid by construction.

Arguments say what is valid, never how likely. `playbooks` draws what the runtime runs: a drawn playbook is text that
lints without error; what its tools answer is drawn beside it as a `Script`, a pure function of the place of the
attempt, so that any runtime can be fed the same. Without arguments it draws what Airflow compiles, too.
`clean_documents` draws from the whole language what lint has nothing to warn of.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from .authoring import Document
from .scripts import Script, scripts
from .story import Policy, Story
from .tidying import tidied

__all__ = ["ANSWERED", "Document", "Playbook", "Script", "clean_documents", "playbooks", "scripts"]

ANSWERED: Final = ("python", "http", "event_log")
"""The tool kinds that a playbook calls which is drawn without arguments, and its script answers."""
CHILDREN: Final = ("lib/one", "lib/two")
"""The paths of drawn sub-playbooks; each may call those before it."""


@dataclass(frozen=True, slots=True)
class Playbook:
    """A drawn playbook: its document, its text, what its tools answer, and the playbooks that it may call."""

    document: Document
    script: Script
    children: dict[str, Document] = field(default_factory=dict)
    """Sub-playbooks by `metadata.path`; their tools are answered by the same script."""

    @property
    def text(self) -> str:
        """The document as YAML (in its JSON form)."""
        return _text(self.document)

    @property
    def library(self) -> dict[str, str]:
        """The texts of the sub-playbooks by path."""
        return {path: _text(document) for path, document in self.children.items()}


def _text(document: Document) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)


@st.composite
def playbooks(
    draw: st.DrawFn,
    max_steps: int = 7,
    *,
    loops: bool = False,
    cycles: bool = False,
    children: bool = False,
    sql: bool = False,
    wide: bool = False,
) -> Playbook:
    """Playbooks with choices, forks, joins, handled and unhandled errors, retries, paging, skips; all of them end.

    `loops`: loop steps of both modes, with rules of every event, and tokens released by iterations. `cycles`: rules
    that lead back. `children`: steps that call drawn sub-playbooks. `sql`: steps that call databases. `wide`: tools
    answer values of every type and kind.
    """
    called: dict[str, tuple[str, ...]] = {}
    documents: dict[str, Document] = {}
    for path in CHILDREN[: draw(st.integers(0, len(CHILDREN)))] if children else ():
        story = Story(draw, 4, Policy(loops=loops, sql=sql, children=dict(called)))
        documents[path] = story.document(path)
        called[path] = story.names
    document = Story(draw, max_steps, Policy(loops=loops, cycles=cycles, sql=sql, children=called)).document()
    return Playbook(document, draw(scripts(wide=wide)), documents)


@st.composite
def clean_documents(draw: st.DrawFn, max_steps: int = 6) -> Document:
    """Playbooks of the whole language in which lint finds no error and nothing to warn of; notes on spellings only."""
    return tidied(Story(draw, max_steps, Policy(runnable=False, clean=True)).document())
