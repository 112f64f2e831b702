"""What lint calls out of scope is unbound in every run: NTL205 has no false alarms (TPL-7, RUL-4)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

from hypothesis import given, settings
from hypothesis import strategies as st

from noetl.compiler import expr
from noetl.compiler.checked import Checked
from noetl.compiler.frontend import Compilation, compile_source
from noetl.compiler.ir import Json
from noetl.compiler.scoping import Scopes, Unbound
from noetl.compiler.values import MISSING
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.engine import Execution
from noetl.runtime.events import silent
from noetl.runtime.scope import ExecutionInfo

from .driving import TIME, Tools, driven

READS = (
    *("response", "response.v", "result.v", "this", "error", "error.status", "event.name", "loop.index", "loop_index"),
    *("ctx.total", "ctx.nope", "vars.seen", "total", "nope", "args.p", "args.w", "args.error", "p", "w", "payload"),
    *(
        "a",
        "q7",
        "z",
        "load_all",
        "start",
        "end",
        "steps['a'].v",
        "steps['nope']",
        "keychain.x",
        "spec.x",
        "workload.n",
    ),
)


class Spread:
    """Puts reads of any name everywhere in a document, each in a text of its own."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.made = 0

    def text(self) -> Json:
        self.made += 1
        return f"{{{{ {self.chance.choice(READS)} }}}}#{self.made}"

    def into(self, owner: dict[str, Json], name: str) -> None:
        """Add an entry to the mapping `name` of the owner."""
        name = "with" if name == "args" and "with" in owner else name
        entries = owner.setdefault(name, {})
        if isinstance(entries, dict):
            entries[self.chance.choice(["w", "p", "error"])] = self.text()

    def over(self, document: dict[str, Json]) -> None:
        for step in _maps(document["workflow"]):
            self.into(step, "args")
            self.into(step, "vars")
            for tool in _maps([step.get("tool")]):
                self.into(tool, "args")
            self.edges(step)
            for rule in _maps(step.get("case", [])):
                rule["then"] = self.block(rule["then"])

    def block(self, then: Json) -> Json:
        actions: list[Json] = then if isinstance(then, list) else [then]
        for action in _maps(actions):
            self.edges(action)
        return [{"log": self.text()}, *actions]

    def edges(self, owner: dict[str, Json]) -> None:
        following = owner.get("next")
        for edge in _maps(following if isinstance(following, list) else [following]):
            self.into(edge, "args")


def _maps(values: object) -> Iterator[dict[str, Json]]:
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))


@contextmanager
def watched(told: dict[str, list[Unbound]]) -> Iterator[list[str]]:
    """Lists the false alarms of all that is rendered meanwhile."""
    wrong: list[str] = []
    real = expr._run

    def run(source: str, template: bool, scope: expr.Scope) -> object:
        wrong.extend(f"{source}: {found.why}" for found in told.get(source, []) if _bound(found, source, scope))
        return real(source, template, scope)

    expr._run = run
    try:
        yield wrong
    finally:
        expr._run = real


def _bound(found: Unbound, source: str, scope: expr.Scope) -> bool:
    value = scope.lookup(found.read.name)
    if found.read.name in ("ctx", "vars", "args", "steps") and found.read.path:
        return isinstance(value, dict) and found.read.path[0] in value
    return value is not MISSING


def unbound(compiled: Compilation) -> dict[str, list[Unbound]]:
    assert compiled.document is not None
    assert compiled.workflow is not None
    assert compiled.facts is not None
    root = compiled.document.node
    checked = Checked("", compiled.text, root, compiled.document, compiled.workflow, compiled.facts, refused=False)
    scopes = Scopes(checked)
    return {site.value.source: list(scopes.unbound(site)) for site in compiled.facts.sites}


@given(playbooks(loops=True), st.integers(0, 2**16))
@settings(deadline=None)
def test_what_is_told_to_be_unbound_is_unbound(playbook: Playbook, seed: int) -> None:
    document = copy.deepcopy(playbook.document)
    Spread(Random(seed)).over(document)
    compiled = compile_source(Playbook(document, playbook.script).text, "drawn.yaml")
    assert compiled.ok, compiled.diagnostics
    assert compiled.workflow is not None
    execution = Execution(compiled.workflow, ExecutionInfo("drawn", {}), silent)
    chance = Random(seed)
    with watched(unbound(compiled)) as wrong:
        driven(execution, execution.start({"n": 1}, TIME), Tools(playbook.script).answer, chance.randrange)
    assert wrong == []
