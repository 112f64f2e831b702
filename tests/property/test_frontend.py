"""The front end takes any text that looks like a playbook: it says what is wrong, and its fixes change no meaning."""

from __future__ import annotations

import dataclasses
import json

from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.frontend import Compilation, compile_source
from noetl.diagnostics import Edit, Severity, Span

WORDS = """
    apiVersion kind metadata workload keychain workbook workflow executor tracing spec step desc args tool loop case
    next sink vars join when then name type save set collect result log call retry skip fail from into mode strategy
    path in iterator max_in_flight max_attempts initial_delay backoff_multiplier max_delay params url endpoint body
    payload data with query command commands code code_b64 backend task assert expects returns else reason message
    fail_workflow ctx value overrides args.params collection element labels tags profile true 1 ~
"""
VALUES = """
    x start end http python shell iterator event_log postgres append parallel all response ctx.a noetl.io/v1
    noetl.io/v2 Playbook
"""
TEMPLATES = ["{{ a }}", "a {{ b }}", "{{ event.name == 'call.done' }}", "event.name == 'step.exit'", "{% if %}", "{{"]
KEYS = st.sampled_from(WORDS.split())
TEXTS = st.sampled_from([*VALUES.split(), *TEMPLATES, "", "a\nb", "\u2028", "error is defined"])
SCALARS = TEXTS | st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def likely(required: dict[str, st.SearchStrategy[object]], extra: int = 2) -> st.SearchStrategy[dict[str, object]]:
    """Mappings that mostly have the keys of their kind, plus some of any other."""
    optional = st.fixed_dictionaries({}, optional={k: v | TREES for k, v in required.items()})
    return st.builds(lambda a, b: {**b, **a}, optional, st.dictionaries(KEYS, TREES, max_size=extra))


NEXT = TEXTS | st.lists(TEXTS | likely({"step": TEXTS, "args": TREES}, 1), max_size=3)
TOOL = likely({"kind": TEXTS, "url": TEXTS, "args": TREES, "code": TEXTS})
ACTIONS = likely(
    {
        "set": TREES,
        "collect": likely({"from": TEXTS, "into": TEXTS, "mode": TEXTS, "strategy": TEXTS, "path": TEXTS}, 0),
        "result": TREES,
        "sink": likely({"tool": TOOL, "data": TREES}),
        "next": NEXT,
        "step": TEXTS,
        "call": TREES,
        "retry": likely({"max_attempts": SCALARS, "params": TREES}),
        "skip": TREES,
        "fail": TREES,
    },
    1,
)
STEPS = likely(
    {
        "step": TEXTS,
        "tool": TOOL,
        "loop": likely({"in": TREES, "iterator": TEXTS, "mode": TEXTS}, 1),
        "case": st.lists(likely({"when": SCALARS, "then": ACTIONS | st.lists(ACTIONS, max_size=3)}, 1), max_size=3),
        "next": NEXT,
        "sink": likely({"tool": TOOL | TEXTS}, 1),
    }
)
PLAYBOOKS = likely(
    {
        "apiVersion": st.just("noetl.io/v2"),
        "kind": st.just("Playbook"),
        "metadata": st.just({"name": "x"}),
        "workflow": st.lists(STEPS, max_size=4),
        "workbook": st.lists(likely({"name": TEXTS, "tool": TOOL | TEXTS, "sink": TREES}), max_size=2),
    },
    1,
)


@given(PLAYBOOKS | TREES, st.sampled_from([None, 2]))
def test_any_tree_gives_findings_with_places_and_nothing_is_raised(tree: object, indent: int | None) -> None:
    text = json.dumps(tree, indent=indent)
    compiled = compile_source(text, "p.yaml")
    lines = text.count("\n") + 1
    for found in compiled.diagnostics:
        span = found.span
        assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column)
        assert span.end_line <= lines
        assert found.message.isprintable()
    assert compiled.ok == all(d.severity is not Severity.ERROR for d in compiled.diagnostics)
    assert (compiled.workflow is None) == (compiled.document is None)
    if compiled.workflow is None:
        assert not compiled.ok


@given(PLAYBOOKS)
def test_what_one_kind_of_step_lacks_hides_nothing_of_another(tree: dict[str, object]) -> None:
    steps = tree.get("workflow")
    known = tree | {"apiVersion": "noetl.io/v2", "kind": "Playbook", "metadata": {"name": "x"}}
    extra: object = {"step": "planted", "tool": {"kind": "python", "code": "x"}, "unheard": 1}
    planted = known | {"workflow": [*(steps if isinstance(steps, list) else []), extra]}
    compiled = compile_source(json.dumps(planted), "p.yaml")
    codes = {d.code for d in compiled.diagnostics}
    if "NTL120" not in codes:
        assert any(d.code == "NTL101" and '"unheard" in step "planted"' in d.message for d in compiled.diagnostics)
        assert compiled.workflow is not None
        assert compiled.workflow.steps[-1].name in ("planted", "end")


@given(PLAYBOOKS)
def test_a_fix_changes_no_meaning(tree: dict[str, object]) -> None:
    text = json.dumps(tree | {"apiVersion": "noetl.io/v2", "kind": "Playbook", "metadata": {"name": "x"}})
    compiled = compile_source(text, "p.yaml")
    for found in compiled.diagnostics:
        if found.fix is not None and found.severity is Severity.NOTE:
            again = compile_source(applied(text, found.fix.edits), "p.yaml")
            assert meaning(again) == meaning(compiled) or found.code == "NTL131"
            assert len(again.diagnostics) < len(compiled.diagnostics)


def applied(text: str, edits: tuple[Edit, ...]) -> str:
    """A text of one line after edits that do not overlap."""
    for edit in sorted(edits, key=lambda e: e.span, reverse=True):
        text = text[: edit.span.column - 1] + edit.text + text[edit.span.end_column - 1 :]
    return text


def meaning(compiled: Compilation) -> object:
    """The IR without the places."""
    return _without_places(compiled.workflow)


def _without_places(value: object) -> object:
    if isinstance(value, Span):
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [_without_places(getattr(value, f.name)) for f in dataclasses.fields(value) if f.compare]
        return (type(value).__name__, *shown)
    if isinstance(value, tuple | list):
        return [_without_places(item) for item in value]
    return value
