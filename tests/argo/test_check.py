"""The offline check of manifests: a planted fault for each hazard, found by its rule and by no other one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from noetl.compiler.frontend import compile_source
from noetl.errors import InternalError, UnsupportedByTarget
from noetl.targets.argo import TARGET
from noetl.targets.argo.check import RULES, problems, verify
from noetl.targets.base import Options, Source
from noetl.targets.profile import parse

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent / "check"
GOOD: Final = (HERE / "good.yaml").read_text("utf-8")
PLANTED: Final[list[tuple[str, str, str]]] = YAML(typ="safe").load((HERE / "planted.yaml").read_text("utf-8"))
EVERYWHERE: Final = frozenset({"head", "s-told"})
"""What is planted wherever it stands, not once."""


def planted(old: str, new: str) -> str:
    assert old in GOOD, old
    text = re.sub("<([0-9]+) x>", lambda found: "x" * int(found[1]), new)
    return GOOD.replace(old, text) if old in EVERYWHERE else GOOD.replace(old, text, 1)


def test_a_file_that_keeps_all_rules_has_no_problems() -> None:
    assert problems(GOOD) == []
    verify(GOOD, "p.yaml")


@pytest.mark.parametrize(("rule", "old", "new"), PLANTED, ids=[f"{n}-{rule}" for n, (rule, *_) in enumerate(PLANTED)])
def test_a_planted_fault_is_found_by_its_rule_alone(rule: str, old: str, new: str) -> None:
    found = problems(planted(old, new))
    assert {one.rule for one in found} == {rule}, [str(one) for one in found]
    lines = len(planted(old, new).splitlines())
    assert all(1 <= one.line <= lines for one in found)


def test_every_rule_has_a_planted_fault() -> None:
    assert {rule for rule, *_ in PLANTED} == RULES.keys()


def test_the_docs_have_every_rule() -> None:
    page = (ROOT / "docs" / "argo_cluster.md").read_text("utf-8")
    assert [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| rule")] == [
        f"| {rule} | {told} |" for rule, told in RULES.items()
    ]


def test_a_problem_tells_its_line() -> None:
    text = planted("disk: ssd", "disk: -ssd")
    (found,) = problems(text)
    assert "disk: -ssd" in text.splitlines()[found.line - 1]
    assert str(found) == f'line {found.line}: nodeSelector cannot have the value "-ssd" (name)'


def test_what_is_wrong_is_a_bug_of_noetl_and_what_is_large_is_not() -> None:
    with pytest.raises(InternalError, match=r"s-start may fail.*verdict"):
        verify(planted("(s-start || s-start.Omitted) && (s-a", "(s-a"), "p.yaml")
    with pytest.raises(UnsupportedByTarget) as raised:
        verify(planted("{{ data }}", "x" * 1_100_000), "p.yaml")
    assert [(d.path, d.code) for d in raised.value.diagnostics] == [("p.yaml", "NTL512")]


def test_a_template_of_steps_reads_what_came_before() -> None:
    steps = (HERE / "steps.yaml").read_text("utf-8")
    head, rest = GOOD.split("    parallelism: 2\n")
    tail = rest[rest.index("  - name: done\n") :]
    text = head + steps + tail
    assert problems(text) == []
    for old, new in (("{{steps.body.outputs.parameters.edge}} ==", "{{steps.again.outputs.parameters.edge}} =="),
                     ("? steps.again.", "? steps.agian.")):  # fmt: skip
        assert {one.rule for one in problems(text.replace(old, new))} == {"hang"}


@pytest.mark.parametrize("old", ["", "---\n---\n", "a: b", "[1]", "kind: {}"])
def test_any_text_has_problems_and_none_is_a_crash(old: str) -> None:
    assert {one.rule for one in problems(old)} <= {"shape", "yaml"}


PROFILE: Final = """\
profile: 1
defaults:
  retries: 2
  timeout: 60
  argo:
    image: registry.example.com/noetl@sha256:{digest}
    image_pull_policy: Always
    requests: {{cpu: 100m}}
    limits: {{memory: 1Gi}}
    node_selector: {{disk: ssd}}
    tolerations: [{{key: batch, operator: Exists}}]
    priority_class: low
    labels: {{team: data}}
    annotations: {{example.com/a: b}}
argo:
  service_account: etl
  image_pull_secrets: [registry]
  labels: {{part-of: etl}}
  annotations: {{example.com/owner: "a@b"}}
  ttl: 60
  credentials: {{pg: {{secret: databases, key: pg}}}}
  env: {{REGION: "eu $(X) $"}}
  values: {{claim: values}}
schedule: {{cron: "0 6 * * *", start: 2026-01-01}}
""".format(digest="0" * 64)


def compiled() -> list[str]:
    """What the playbooks of the examples become, with a profile that says everything, and without one."""
    profile = parse(PROFILE, "ops.yaml").profile
    assert profile is not None
    made: list[str] = []
    for path in sorted((ROOT / "tests" / "golden" / "airflow").glob("*.yaml")):
        found = compile_source(path.read_bytes(), str(path))
        assert found.workflow is not None
        for said in (None, profile):
            source = Source(path.name, found.text, found.workflow)
            made.append(TARGET.compile(source, Options(profile=said)).content)
    assert len(made) >= 6
    return made


def test_what_is_emitted_keeps_the_rules_and_is_what_the_models_of_the_api_know() -> None:
    from hera.workflows import models

    known: dict[str, type[BaseModel]] = {
        "WorkflowTemplate": models.WorkflowTemplate,
        "CronWorkflow": models.CronWorkflow,
    }
    seen: set[str] = set()
    for text in compiled():
        assert problems(text) == []
        for document in YAML(typ="safe").load_all(text):
            model = known.get(document["kind"])
            if model is None:
                continue
            seen.add(document["kind"])
            again = model.model_validate(document).model_dump(by_alias=True, exclude_none=True, mode="json")
            assert again == document
    assert "WorkflowTemplate" in seen
