"""`noetl conform --target argo --kubeconfig`: the tier live, as the command has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from noetl.cli import main
from noetl.conformance.adapters.argo_node import Node

from .played import COMMAND, cluster, node

__all__ = ["node"]


def test_cases_of_a_cluster_are_judged_and_reported(
    tmp_path: Path, node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster(tmp_path, node) as (kube, controller, file):
        words = ["--kubeconfig", str(file), "--namespace", "there", "--runner-command", COMMAND, "--quiet"]
        assert main(["conform", "--target", "argo", *words, "--case", "FAI-1-without-message"]) == 0
        assert {found["metadata"]["namespace"] for found in controller.made} == {"there"}
        assert kube.objects == {}
    assert "argo (live): 1 cases, 1 passed" in capsys.readouterr().out
