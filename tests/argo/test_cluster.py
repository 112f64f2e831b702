"""The client of clusters and `noetl deploy argo`, against a small Kubernetes API with TLS."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from noetl.cli import main
from noetl.errors import UsageError
from noetl.targets.argo.cluster import Cluster, ClusterError, access

from .kube import TOKEN, Kube, Object, certificates, kubeconfig

ROOT = Path(__file__).parents[2]
PLAYBOOK = str(ROOT / "tests" / "golden" / "airflow" / "regions.yaml")

USER = (
    '{"current-context": a, contexts: [{name: a, context: {cluster: b, user: c}}], '
    'clusters: [{name: b, cluster: {server: "https://x"}}], users: [{name: c, user: USER}]}'
)


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[Kube]:
    with Kube(tmp_path) as started:
        yield started


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def users(folder: Path) -> dict[str, Object]:
    _, _, client = certificates()
    (folder / "token").write_text(f"{TOKEN}\n", "utf-8")
    (folder / "client.pem").write_bytes(client.certificate)
    (folder / "client.key").write_bytes(client.key)
    printer = folder / "printer.py"
    printer.write_text(
        "import json, os\nassert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['kind'] == 'ExecCredential'\n"
        "print(json.dumps({'kind': 'ExecCredential', 'status': {'token': os.environ['MINE']}}))\n",
        "utf-8",
    )
    program = {"command": sys.executable, "args": [str(printer)], "env": [{"name": "MINE", "value": TOKEN}]}
    return {
        "token": {"token": TOKEN},
        "file": {"tokenFile": "token"},
        "certificate": {"client-certificate": "client.pem", "client-key": "client.key"},
        "data": {
            "client-certificate-data": encoded(client.certificate),
            "client-key-data": encoded(client.key),
        },
        "program": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **program}},
    }


@pytest.mark.parametrize("how", ["token", "file", "certificate", "data", "program"])
def test_every_way_to_say_who_asks(kube: Kube, tmp_path: Path, how: str) -> None:
    file = kubeconfig(kube, tmp_path / "config", users(tmp_path)[how])
    with Cluster(access(file, {})) as cluster:
        assert cluster.read("ConfigMap", "none") is None
    assert kube.agents == {"certificate" if how in ("certificate", "data") else "token"}
    assert kube.asked == [("GET", "/api/v1/namespaces/flows/configmaps/none")]


def test_the_authority_may_stand_in_the_file_and_checks_may_be_off(kube: Kube, tmp_path: Path) -> None:
    authority, _, _ = certificates()
    for cluster in ({"certificate-authority-data": encoded(authority.certificate)}, {"insecure-skip-tls-verify": True}):
        with Cluster(access(kubeconfig(kube, tmp_path / "config", {"token": TOKEN}, cluster), {})) as asked:
            assert asked.read("Workflow", "none") is None


@pytest.mark.parametrize(
    ("user", "cluster", "told"),
    [
        ({"token": "wrong"}, None, "the cluster refuses it: Unauthorized"),
        ({}, None, "the cluster refuses it: Unauthorized"),
        ({"token": TOKEN}, {}, "does not answer: ConnectError"),
        ({"token": TOKEN}, {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}, "does not answer"),
    ],
)
def test_a_cluster_that_does_not_do_it(kube: Kube, tmp_path: Path, user: Object, cluster: Object, told: str) -> None:
    with (
        Cluster(access(kubeconfig(kube, tmp_path / "config", user, cluster), {})) as asked,
        pytest.raises(ClusterError, match=told),
    ):
        asked.read("Workflow", "x")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "is no YAML"),
        ("- a", "is no mapping"),
        ("a: b", "has no current-context"),
        ("current-context: a", 'has no context "a"'),
        ('{"current-context": a, contexts: [{name: a, context: {cluster: b}}]}', 'has no cluster "b"'),
        (
            '{"current-context": a, contexts: [{name: a, context: {cluster: b}}], clusters: [{name: b, cluster: {}}]}',
            "has no server",
        ),
        (
            USER.replace("USER", '{client-certificate-data: "?", client-key-data: a}'),
            "client-certificate-data is no base64",
        ),
        (USER.replace("USER", '{exec: {command: "false"}}'), '"false" prints none'),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "config"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=told):
        access(file, {"PATH": "/usr/bin:/bin"})


def test_which_kubeconfig_is_read(kube: Kube, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    made = kubeconfig(kube, home / ".kube" / "config", {"token": TOKEN}, {})
    assert access(None, {"HOME": str(home)}).server == kube.url
    assert access(None, {"HOME": "/nowhere", "KUBECONFIG": str(made)}).namespace == "flows"
    with pytest.raises(UsageError, match="--kubeconfig names another one"):
        access(None, {"HOME": "/nowhere"})


def test_an_object_is_made_changed_watched_and_removed(kube: Kube, tmp_path: Path) -> None:
    config: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}
    with Cluster(access(kubeconfig(kube, tmp_path / "config", {"token": TOKEN}), {}), "other") as cluster:
        assert cluster.create(config)["metadata"] != {}
        with pytest.raises(ClusterError, match='configmaps "a" already exists') as refused:
            cluster.create(config)
        assert refused.value.code == 409
        states = cluster.states("ConfigMap", "a", 30)
        assert next(states)["data"] == {"x": "1"}
        cluster.apply({**config, "data": {"x": "2"}}, dry_run=True)
        cluster.apply({**config, "data": {"x": "3"}})
        assert next(states)["data"] == {"x": "3"}
        cluster.delete("ConfigMap", "a")
        assert [*states] == []
        assert [*cluster.states("ConfigMap", "a", 1)] == []
        cluster.delete("ConfigMap", "a")
        assert cluster.read("ConfigMap", "a") is None
    watches = [path for method, path in kube.asked if "watch=true" in path]
    assert watches == [
        "/api/v1/namespaces/other/configmaps?watch=true&fieldSelector=metadata.name%3Da&resourceVersion=1&timeoutSeconds=30"
    ]


def test_deploying_applies_what_compiling_writes(
    kube: Kube, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = kubeconfig(kube, tmp_path / "config", {"token": TOKEN})
    assert main(["deploy", "argo", PLAYBOOK, "--kubeconfig", str(file), "-n", "etl"]) == 0
    applied = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in applied] == ["ConfigMap", "WorkflowTemplate"]
    assert all(f" etl/{place[2]}" in " ".join(applied) for place in kube.objects)
    paths = [path for method, path in kube.asked if method == "PATCH"]
    assert all(path.endswith("?fieldManager=noetl&force=true") for path in paths)
    assert main(["deploy", "argo", PLAYBOOK, "--kubeconfig", str(file), "-n", "etl"]) == 0
    assert len(kube.objects) == 2
    template = next(found for place, found in kube.objects.items() if place[0] == "workflowtemplates")
    config = template["spec"]["volumes"][0]["configMap"]["name"]
    assert ("configmaps", "etl", config) in kube.objects


def test_a_dry_run_prints_and_asks_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "argo", PLAYBOOK, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert main(["compile", PLAYBOOK, "--target", "argo", "-o", str(tmp_path / "made.yaml")]) == 0
    assert printed in (tmp_path / "made.yaml").read_text("utf-8")


def test_nothing_is_applied_where_a_playbook_is_refused(
    kube: Kube, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow: [{step: begin}]\n", "utf-8")
    file = kubeconfig(kube, tmp_path / "config", {"token": TOKEN})
    assert main(["deploy", "argo", PLAYBOOK, str(bad), "--kubeconfig", str(file)]) == 1
    assert "NTL201" in capsys.readouterr().err
    assert kube.asked == []
    assert main(["deploy", "argo", PLAYBOOK, PLAYBOOK, "--kubeconfig", str(file)]) == 1
    assert "NTL506" in capsys.readouterr().err
    assert main(["deploy", "argo", PLAYBOOK, "--kubeconfig", str(tmp_path / "none")]) == 2
    assert json.dumps(kube.bodies) == "[]"
