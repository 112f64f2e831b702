"""What may be written in another way means the same: relations that need no expectation.

Each holds for the engine as it is, and each is seen to break: on an engine, or a compiler, with one fault that it is
there to see.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Final

import pytest

from noetl.compiler import expr
from noetl.compiler.expr import examine
from noetl.conformance.mutants import Mutant, applied
from noetl.conformance.strategies import Playbook, playbooks

from .drawing import drawn
from .relations import RELATIONS, Relation

DRAWN: Final = playbooks(loops=True, cycles=True, children=True, wide=True)
EACH: Final = 40
"""So many playbooks are drawn from a seed."""
ASKED: Final = 20
"""So many of them each relation is asked about."""
SEEDS: Final = range(5)
"""A fault is looked for in all that are drawn from these."""


@cache
def drawn_from(number: int) -> list[Playbook]:
    """The same ones for the same number."""
    return drawn(DRAWN, EACH, number)


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.__name__)
def test_the_outcome_is_the_same(relation: Relation) -> None:
    found = [(playbook.text, relation(playbook)) for playbook in drawn_from(SEEDS[0])[:ASKED]]
    assert [(text, differing) for text, differing in found if differing] == []
    assert any(differing is not None for _, differing in found)  # it had something to rewrite


def _engine(where: str, right: str, wrong: str) -> Mutant:
    return Mutant("planted", "", where, right, wrong)


def _compiler(where: str, right: str, wrong: str) -> Mutant:
    return Mutant("planted", "", where, right, wrong, "noetl.compiler")


FAULTS: Final[Mapping[str, Mutant]] = {
    "reversed_workflow": _engine("starting:first_token", "START,", "workflow.steps[0].name,"),
    "unreachable_step": _engine(
        "engine:Execution.start",
        "self._queue.append(token)",
        "self._queue.extend(Token(token.key, name, {}, None, token.packet) for name in self._steps if name == 'start' "
        "or not any(edge.target == name for step in self.workflow.steps for edge in step.edges()))",
    ),
    "then_as_list": _compiler(
        "document.normalise:_Normaliser._rule", "value.items if isinstance", "value.items[:1] if isinstance"
    ),
    "next_as_maps": _compiler(
        "document.normalise:_Normaliser._next",
        "entries.append(Map(kept, item.span))",
        "entries.extend([Map(kept, item.span)] if len(kept) > 1 else [])",
    ),
    "spacing": _compiler("expr:_is_single", 'startswith("{{")', 'startswith(("{{ ", "{{-")) and "{{  " not in text'),
    "bare_and_braces": _compiler("expr:strip_braces", "return bare, start", "return bare.split(' and ')[0], start"),
    "manner_of_yaml": _compiler("source.compose:Composer._evaluate", 'node.style == "plain"', 'node.style != "double"'),
    "anchors": _compiler(
        "source.compose:Composer._alias", "self._anchors.get(name)", "next(iter(self._anchors.values()), None)"
    ),
    "renamed_steps": _compiler(
        "lower.actions:Actions.transition",
        "enumerate(entries)",
        "enumerate(sorted(entries, key=lambda entry: entry.step.text))",
    ),
    "split_guards": _engine("turn:Turn.event", "in self._step.rules:", "in self._step.rules[:3]:"),
    "catch_all_rules": _engine("turn:Turn.take_structural", "self.transitions is None and", "self.transitions and"),
    "pass_through": _engine("engine:_reaching", "open_steps.append(source)", "pass"),
    "inline_tasks": _engine("rendering:Requests._workbook", "depth + 1, args)", "depth + 1, {})"),
    "loop_of_one": _engine("run:Run._note", 'if status == "success" else None', "if False else None"),
    "inlined_playbook": _engine("tools.playbook:Watch.__call__", 'event.data.get("result")', "None"),
}
"""For each relation what is wrong where it breaks."""


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.__name__)
def test_a_broken_one_is_seen(relation: Relation) -> None:
    with planted(FAULTS[relation.__name__]):
        assert any(_breaks(relation, playbook) for number in SEEDS for playbook in drawn_from(number))


def _breaks(relation: Relation, playbook: Playbook) -> bool:
    try:
        return bool(relation(playbook))
    except Exception:  # a fault may show in any way
        return True


@contextmanager
def planted(fault: Mutant) -> Iterator[None]:
    """The fault, and nothing kept of expressions that were read with it, or before it."""
    try:
        with applied(fault):
            _forget()
            yield
    finally:
        _forget()


def _forget() -> None:
    examine.cache_clear()
    expr._compiled.cache_clear()


TAGGED: Final = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: tagged, tags: [a, b, c, d, e, f, g, h]}
workflow: [{step: start, next: [a, b]}, {step: a}, {step: b}]
"""
COMPILE: Final = """
import contextlib, sys
from noetl.compiler.frontend import compile_source
from noetl.conformance.mutants import Mutant, applied
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source
text, faulty = sys.argv[1:]
fault = Mutant("planted", "", "airflow.emit:_tags", "*sorted(", "*(", "noetl.targets")
with applied(fault) if faulty else contextlib.nullcontext():
    print(TARGET.compile(Source("p.yaml", text, compile_source(text, "p.yaml").workflow, {})).content)
"""


@pytest.mark.parametrize("faulty", ["", "faulty"])
def test_the_seed_of_hashes_means_nothing(faulty: str) -> None:
    """The same bytes for two seeds; not by a compiler that lets the order of a set show."""
    made: list[bytes] = []
    for number in ("1", "2"):
        command = [sys.executable, "-c", COMPILE, TAGGED, faulty]
        done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": number})
        made.append(done.stdout)
    assert b"task_id" in made[0]
    assert (made[0] == made[1]) is not bool(faulty)
