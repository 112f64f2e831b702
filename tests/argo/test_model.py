"""The model of Argo's controller gives what the real one gave, hangs included."""

from __future__ import annotations

import json

import pytest

from noetl.conformance.adapters.argo_model.manifest import OutsideSubset, read

from .recordings import FOLDER, NAMES, differences

HANGING = [
    name for name in NAMES if json.loads((FOLDER / f"{name}.json").read_text())["observed"]["phase"] == "Running"
]


@pytest.mark.parametrize("name", NAMES)
def test_recording(name: str) -> None:
    assert differences(name) == []


def test_there_are_recordings_of_every_kind() -> None:
    assert len(NAMES) >= 150
    assert len(HANGING) >= 8
    assert {name.split("-")[0] for name in NAMES} >= {
        "choice",
        "loop",
        "rec",
        "data",
        "retry",
        "sub",
        "d",
        "x",
        "template",
    }


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"onExit": "a"}, "spec.onExit"),
        ({"templates": [{"name": "a", "script": {}}]}, "template.script"),
        ({"templates": [{"name": "a", "dag": {"tasks": [], "failFast": True}}]}, "dag.failFast"),
        ({"templates": [{"name": "a", "dag": {"tasks": [{"name": "b", "template": "a", "hooks": {}}]}}]}, "task.hooks"),
        ({"templates": [{"name": "a", "suspend": {}}]}, "a suspend that waits"),
    ],
)
def test_what_the_model_does_not_know_is_refused(spec: dict[str, object], said: str) -> None:
    manifest = {"kind": "Workflow", "metadata": {"name": "w"}, "spec": {"entrypoint": "a", "templates": [], **spec}}
    with pytest.raises(OutsideSubset, match=said):
        read([json.loads(json.dumps(manifest))])
