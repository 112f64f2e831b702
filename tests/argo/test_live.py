"""The live tier of conformance against a small Kubernetes API whose controller is the model, with real pods."""

from __future__ import annotations

from pathlib import Path

import pytest

from noetl.conformance.adapters.argo_live import LABEL, ArgoLive, Live
from noetl.conformance.adapters.argo_node import Node
from noetl.conformance.adapters.base import OnCluster, adapter
from noetl.conformance.case import Case, load_case
from noetl.conformance.conform import CASES, Claims, judge
from noetl.conformance.observation import Observation
from noetl.conformance.suite import chosen
from noetl.errors import UsageError
from noetl.targets.argo import contract
from noetl.targets.argo.cluster import access

from .kube import Kube, kubeconfig
from .played import COMMAND, cluster


def suite(*patterns: str) -> list[Case]:
    return [load_case(path) for pattern in patterns for path in sorted(CASES.glob(pattern))]


def live(file: Path, command: str | None = COMMAND, seconds: float = 60) -> ArgoLive:
    return ArgoLive(Live(access(file, {}), command=command, seconds=seconds))


@pytest.mark.parametrize("packed", [False, True])
def test_cases_are_run_collected_and_removed(tmp_path: Path, node: Node, packed: bool) -> None:
    with cluster(tmp_path, node, packed=packed) as (kube, controller, file):
        case = "RUN-6-poisoned-join" if packed else "FAI-1-fail"
        with live(file) as adapter:
            (judged,) = judge(adapter, chosen(CASES, case), Claims.of(adapter, ()))
        assert judged.verdict == "passed", judged
        assert kube.objects == {}
        assert {found["metadata"]["labels"][LABEL] for found in controller.made} == {"true"}
        assert {found["kind"] for found in controller.made} >= {"ConfigMap", "Workflow"}


def test_a_workflow_that_hangs_fails_its_case_and_is_removed(tmp_path: Path) -> None:
    (case, *_) = suite("**/*.yaml")
    with cluster(tmp_path) as (kube, controller, file), live(file, seconds=0.5) as adapter:
        (seen,) = adapter.observe([case])
        assert isinstance(seen, Observation)
        assert seen.problem == "the Workflow has not ended within 0.5 s: it hangs"
        assert controller.made != []
        assert kube.objects == {}


def test_in_a_container_the_files_of_a_case_are_mounted(tmp_path: Path) -> None:
    (case, *_) = suite("**/*.yaml")
    with cluster(tmp_path) as (_, controller, file):
        with ArgoLive(Live(access(file, {}), image="registry.example.com/noetl:9", seconds=0.2)) as adapter:
            assert len([*adapter.observe([case])]) == 1
        configs = {found["metadata"]["name"] for found in controller.made if found["kind"] == "ConfigMap"}
        workflow = next(found for found in controller.made if found["kind"] == "Workflow")
        volumes = {volume["name"]: volume["configMap"]["name"] for volume in workflow["spec"]["volumes"]}
        assert volumes.keys() == {"noetl", "case"}
        assert {*volumes.values()} == configs
        for template in workflow["spec"]["templates"]:
            container = template.get("container")
            if container is not None:
                assert container["image"] == "registry.example.com/noetl:9"
                assert container["workingDir"] in {mount["mountPath"] for mount in container["volumeMounts"]}
                assert contract.FOLDER_ENV not in {one["name"] for one in container["env"]}


def test_a_cluster_that_does_not_let_one_in_is_wrong_usage(tmp_path: Path) -> None:
    with Kube(tmp_path) as kube:
        wrong = kubeconfig(kube, tmp_path / "wrong", {"token": "other"})
        with pytest.raises(UsageError, match="Unauthorized"), live(wrong):
            raise AssertionError


@pytest.mark.parametrize(
    ("target", "tier", "cluster", "told"),
    [
        ("runtime", None, OnCluster(Path("x")), "are for argo on the tier live"),
        ("argo", "model", OnCluster(Path("x")), "are for argo on the tier live"),
        ("argo", None, OnCluster(None, command="x"), "needs --kubeconfig"),
        ("argo", "live", None, "needs --kubeconfig"),
        ("argo", "live", OnCluster(Path("/nowhere")), "cannot be read"),
    ],
)
def test_options_of_the_live_tier_go_together(
    target: str, tier: str | None, cluster: OnCluster | None, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        adapter(target, tier=tier, cluster=cluster)
