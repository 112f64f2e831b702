"""Which playbooks are shipped with one, and that the library of them finds what the folders have."""

from __future__ import annotations

from pathlib import Path

import pytest

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.errors import UnsupportedByTarget
from noetl.runtime.library import FolderLibrary, PlaybookMissing, TextLibrary
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source
from noetl.targets.children import Shipped, shipped

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\n"


def playbook(name: str, *calls: str, path: str | None = None) -> str:
    """A playbook that runs others, one step for each."""
    told = f"metadata: {{name: {name}{'' if path is None else f', path: {path}'}}}\n"
    steps = "".join(f'  - {{step: s{n}, tool: {{kind: playbook, path: "{call}"}}}}\n' for n, call in enumerate(calls))
    targets = [f"s{n}" for n in range(len(calls))]
    return f"{HEAD}{told}workflow:\n  - {{step: start, next: {targets}}}\n{steps}"


def workflow_of(text: str) -> ir.Workflow:
    found = compile_source(text, "main.yaml")
    assert found.workflow is not None
    return found.workflow


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders; both have `one.yaml` and a playbook of the path `shared`."""
    texts = {
        "a/one.yaml": playbook("a one", path="lib/one"),
        "a/sub/two.yml": playbook("two", "lib/one", "nowhere", "b two"),
        "a/shared.yaml": playbook("a shared", path="shared"),
        "a/.hidden/x.yaml": playbook("hidden", path="hidden"),
        "b/one.yaml": playbook("b one", path="other/one"),
        "b/two.yaml": playbook("b two", "one.yaml", path="b two"),
        "b/shared.yaml": playbook("b shared", path="shared"),
        "b/templated.yaml": playbook("templated", "{{ workload.x }}"),
        "b/container.yaml": HEAD
        + "metadata: {name: c}\nworkflow: [{step: start, tool: {kind: container, image: x}}]\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return [tmp_path / "a", tmp_path / "b"]


def found(folders: list[Path], *calls: str) -> Shipped:
    return shipped(workflow_of(playbook("main", *calls)), "main.yaml", FolderLibrary(folders).find)


def test_what_a_playbook_leads_to(folders: list[Path]) -> None:
    made = found(folders, "sub/two")
    assert list(made.texts) == ["sub/two.yml", "one.yaml", "two.yaml"]
    assert [(d.path, d.code, str(d.span)) for d in made.missing] == [("sub/two.yml", "NTL508", "7:45")]
    assert not made.templated


def test_names_of_two_folders_stay_apart(folders: list[Path]) -> None:
    made = found(folders, "other/one", "lib/one", "one", "shared")
    assert list(made.texts) == ["./one.yaml", "one.yaml", "shared.yaml"]
    library = TextLibrary(made.texts)
    names = [library.get(path).workflow.name for path in ("other/one", "lib/one", "one", "shared")]
    assert names == ["b one", "a one", "a one", "a shared"]


def test_all_of_the_folders_are_a_library_like_the_folders(folders: list[Path]) -> None:
    library = FolderLibrary(folders)
    texts = TextLibrary(library.texts())
    for path in ("lib/one", "other/one", "one", "one.yaml", "shared", "shared.yaml", "sub/two", "b two", "templated"):
        assert texts.get(path).text == library.get(path).text, path
    for path in ("hidden", "two.yml", "nowhere"):
        with pytest.raises(PlaybookMissing):
            texts.get(path)


def test_a_template_anywhere_is_told(folders: list[Path]) -> None:
    assert found(folders, "templated").templated
    assert found(folders, "lib/{{ workload.x }}").templated


def test_the_overrides_of_a_call_count() -> None:
    text = (
        f"{HEAD}metadata: {{name: n}}\nworkflow:\n  - step: start\n    tool: {{kind: playbook, path: one}}\n    case:\n"
        "      - {when: \"{{ event.name == 'call.done' and event.call == 1 }}\", then: {call: {path: two}}}\n"
    )
    made = shipped(workflow_of(text), "main.yaml", lambda path: (f"{path}.yaml", playbook(path)))
    assert list(made.texts) == ["one.yaml", "two.yaml"]


def test_a_playbook_that_runs_itself_is_there_once(tmp_path: Path) -> None:
    text = playbook("me", "me", path="me")
    (tmp_path / "me.yaml").write_text(text, "utf-8")
    made = shipped(workflow_of(text), "me.yaml", FolderLibrary([tmp_path]).find)
    content = TARGET.compile(Source("me.yaml", text, workflow_of(text), made.texts)).content
    assert '    "me.yaml": PLAYBOOK,\n' in content
    assert content.count("metadata: {name: me, path: me}") == 1


def test_what_a_child_uses_is_refused_at_its_place(folders: list[Path]) -> None:
    text = playbook("main", "container", "templated")
    made = shipped(workflow_of(text), "main.yaml", FolderLibrary(folders).find)
    with pytest.raises(UnsupportedByTarget) as raised:
        TARGET.compile(Source("main.yaml", text, workflow_of(text), made.texts))
    assert [(d.path, d.code) for d in raised.value.diagnostics] == [
        ("container.yaml", "NTL504"),
        ("templated.yaml", "NTL507"),
    ]
    TARGET.compile(Source("main.yaml", text, workflow_of(text), made.texts, all_playbooks=True))
