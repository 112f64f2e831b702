"""What has to hold for rewriting any text: formatting, migration, pictures; and playbooks of v1, right or not."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final

from hypothesis import strategies as st

from noetl.compiler.formatting import format_source
from noetl.compiler.frontend import compile_source
from noetl.compiler.graphs import FORMATS, draw
from noetl.compiler.ir import Json
from noetl.compiler.migrate import migrate_source
from noetl.diagnostics import Severity

from .broken import check_diagnostics
from .yaml_writer import write

FILE: Final = "fuzz.yaml"
_KINDS: Final = (
    *("python", "http", "postgres", "duckdb", "workbook", "playbook", "iterator", "secrets", "snowflake"),
    *("start", "end", "other", ""),
)
_STEP_KEYS: Final = (
    *("desc", "type", "tool", "args", "with", "data", "payload", "save", "sink", "loop", "case", "next", "when"),
    *("then", "else", "retry", "collection", "element", "mode", "concurrency", "limit", "task", "code", "method"),
    *("endpoint", "command", "commands", "auth", "credential", "name", "path", "script", "vars", "x", "params"),
)
_INNER_KEYS: Final = (
    *("step", "when", "then", "else", "data", "with", "args", "type", "tool", "storage", "table", "mode", "key"),
    *("name", "code", "query", "body", "statement", "max_attempts", "retry_when", "in", "iterator", "save", "y"),
)
_TEXTS: Final = (
    *("a", "end", "start", "{{ x }}", "{{ a.b }}", "{{ workload.n }}", "{{ a }} == 1", "GET", "{{ result }}", "async"),
    *(
        "event_log",
        "append",
        "true",
        "3",
        "# no comment",
        "def main(a):\n    return a\n",
        "two\nlines",
        "{% if a %}",
        "",
    ),
)
_leaves: Final = st.sampled_from(_TEXTS) | st.sampled_from((None, True, 3, 0.5)) | st.sampled_from(_KINDS)
_values: Final = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_INNER_KEYS), inner, max_size=4),
    max_leaves=8,
)
_bodies: Final = st.dictionaries(st.sampled_from(_STEP_KEYS), _values, max_size=6)
_steps: Final = st.builds(
    lambda name, kind, body: {"step": name, **({"type": kind} if kind else {}), **body},
    st.sampled_from(("start", "a", "b/c", "end", "x y")),
    st.sampled_from(_KINDS),
    _bodies,
)
_tasks: Final = st.builds(lambda name, body: {"name": name, **body}, st.sampled_from(("t", "u")), _bodies)


def _document(steps: list[Json], tasks: list[Json], more: dict[str, Json]) -> Json:
    return {
        "apiVersion": "noetl.io/v1",
        "kind": "Playbook",
        "metadata": {"name": "drawn"},
        "workload": {"n": 1},
        "workbook": tasks,
        "workflow": steps,
        **more,
    }


v1_documents: Final[st.SearchStrategy[Json]] = st.builds(
    _document,
    st.lists(_steps, max_size=4),
    st.lists(_tasks, max_size=2),
    st.dictionaries(
        st.sampled_from(("workflow", "workbook", "credentials", "metadata", "workload")), _values, max_size=1
    ),
)
"""Playbooks of v1, most of them with mistakes."""


def written(document: Json, seed: int) -> str:
    """The document in some manner of writing."""
    return write(document, Random(seed)).text


v1_texts: Final = st.builds(written, v1_documents, st.integers(0, 2**32))


def check_rewriting(data: str | bytes) -> None:
    """Format, migrate and draw a text: each gives a result or says why not."""
    check_formatted(data)
    check_migrated(data)
    check_drawn(data)


def check_formatted(data: str | bytes) -> None:
    """What formatting gives is its own format, or the text was refused with errors."""
    done = format_source(data, FILE)
    check_diagnostics(list(done.diagnostics), done.before)
    assert (done.text is None) == any(found.severity is Severity.ERROR for found in done.diagnostics)
    if done.text is not None:
        assert format_source(done.text, FILE).text == done.text


def check_migrated(data: str | bytes) -> None:
    """What migration gives is v2: migrating it again changes nothing."""
    done = migrate_source(data, FILE)
    check_diagnostics(list(done.diagnostics), done.before)
    errors = any(found.severity is Severity.ERROR for found in done.diagnostics)
    assert (done.text is None) == errors
    if done.text is not None:
        again = migrate_source(done.text, FILE)
        assert again.text == done.text
        assert again.diagnostics == ()


def check_drawn(data: str | bytes) -> None:
    """A playbook without an error in its structure has a picture of every kind; an SVG is XML."""
    compiled = compile_source(data, FILE, check=False)
    if compiled.workflow is None or not compiled.ok:
        return
    for format in FORMATS:
        drawn = draw(compiled.workflow, compiled.text, format)
        assert drawn == draw(compiled.workflow, compiled.text, format)
        if format == "svg":
            ET.fromstring(drawn)
