"""How deep a recursion may go: no recording holds it, the figures were read off the real controller (v4.1.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from noetl.compiler.ir import Json
from noetl.conformance.adapters.argo_model.controller import PodEnd, Workflow
from noetl.conformance.adapters.argo_model.manifest import Template, read


class Rounds:
    """A pod that asks for another round until it has run so often."""

    def __init__(self, rounds: int) -> None:
        self.left = rounds
        self._open: list[str] = []

    def start(self, name: str, template: Template, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Nothing is run."""
        assert (list(argv), env) == (["x"], {}), template
        self._open.append(name)

    def ended(self) -> dict[str, PodEnd]:
        """At once."""
        names, self._open = self._open, []
        self.left -= len(names)
        return {name: PodEnd(0, {"edge": "e0" if self.left > 0 else "e1"}) for name in names}


def manifest() -> dict[str, Json]:
    """A steps template that calls itself, below a dag."""
    edge: Json = {"name": "edge", "valueFrom": {"path": "/tmp/edge"}}
    again: Json = {"name": "again", "template": "round", "when": "{{steps.body.outputs.parameters.edge}} == e0"}
    templates: list[Json] = [
        {"name": "main", "dag": {"tasks": [{"name": "r", "template": "round"}]}},
        {"name": "round", "steps": [[{"name": "body", "template": "pod"}], [again]]},
        {"name": "pod", "container": {"command": ["x"]}, "outputs": {"parameters": [edge]}},
    ]
    return {"kind": "Workflow", "metadata": {"name": "w"}, "spec": {"entrypoint": "main", "templates": templates}}


@pytest.mark.parametrize(("rounds", "phase"), [(1, "Succeeded"), (97, "Succeeded"), (98, "Failed")])
def test_97_rounds_are_the_most(rounds: int, phase: str) -> None:
    workflow = Workflow(read([manifest()]), Rounds(rounds))
    workflow.run()
    assert workflow.phase == phase
    refused = [node for node in workflow.nodes.values() if node.message == "Maximum recursion depth exceeded"]
    assert len(refused) == (rounds > 97)
