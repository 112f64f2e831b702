"""Argo: bytes of manifests by step and edge, and user CPU of compiling 500 steps beside Hera and KFP.

The peers do the same flow, a chain of steps with code of their own, and write the same kind of file: Hera a Workflow,
KFP its pipeline specification. Each has an environment of its own, and all are measured in turn in one run.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from noetl.compiler.frontend import compile_source
from noetl.targets.argo import TARGET
from noetl.targets.base import Source

from .peers import HERA, KFP, environment, hera, kfp, names, playbook, user_seconds
from .test_compile import NOETL

STEPS = 500
RUNS = 3
KFP_BOUND = 4
PER_STEP = 330
PER_LETTER = 6
PER_EDGE = 120
Measured = Callable[[], float]


def manifest_bytes(text: str) -> int:
    """The bytes of the manifests beyond the playbook's own text."""
    found = compile_source(text, "bench.yaml")
    assert found.workflow is not None
    made = TARGET.compile(Source("bench.yaml", found.text, found.workflow)).content
    indented = sum(len(line.encode()) + 5 for line in found.text.splitlines() if line)
    return len(made.encode()) - indented


def empty() -> int:
    """The bytes of the manifests of the smallest flow of two steps: what belongs to none of them."""
    return manifest_bytes(playbook(2))


@pytest.mark.parametrize("steps", [50, 500])
def test_bytes_of_a_step(steps: int) -> None:
    before = empty()
    more = names(steps)[1:-1]
    allowed = sum(PER_STEP + PER_LETTER * len(name) for name in more)
    found = manifest_bytes(playbook(steps)) - before
    print(f"\nmanifests of {steps} steps: {found / len(more):.0f} bytes a step (at most {allowed / len(more):.0f})")
    assert found <= allowed


def forked(steps: int, more: int) -> str:
    """A chain of which so many steps fork to the one after the next, too, where the tokens meet again."""
    text = playbook(steps)
    for number in range(2, 2 + 3 * more, 3):
        text = text.replace(f"next: [s{number + 1}]\n", f"next: [s{number + 1}, s{number + 2}]\n", 1)
        text = text.replace(f"  - step: s{number + 2}\n", f"  - step: s{number + 2}\n    join: all\n", 1)
    return text


@pytest.mark.parametrize("steps", [50, 500])
def test_bytes_of_an_edge(steps: int) -> None:
    more = (steps - 6) // 3
    found = (manifest_bytes(forked(steps, more)) - manifest_bytes(forked(steps, 1))) / (more - 1)
    allowed = PER_EDGE + PER_LETTER * len(f"s{3 * more}")
    print(f"\nmanifests of {steps} steps: {found:.0f} bytes a further edge (at most {allowed})")
    assert found <= allowed


def ours(folder: Path) -> Measured:
    (folder / "playbook.yaml").write_text(playbook(STEPS), "utf-8")

    def run() -> float:
        (folder / "made.yaml").unlink(missing_ok=True)
        command = [NOETL, "compile", "playbook.yaml", "--target", "argo", "-o", "made.yaml"]
        seconds = user_seconds(command, {}, folder)
        assert (folder / "made.yaml").read_text("utf-8").count("- {name: s-") == STEPS
        return seconds

    return run


def peer(folder: Path, name: str, packages: tuple[str, ...], text: str, counted: str) -> Measured:
    python = environment(name, packages)
    (folder / "flow.py").write_text(text, "utf-8")

    def run() -> float:
        (folder / "made.yaml").unlink(missing_ok=True)
        seconds = user_seconds([python, "flow.py"], {}, folder)
        assert (folder / "made.yaml").read_text("utf-8").count(counted) >= STEPS
        return seconds

    return run


@pytest.mark.timeout(1800)
def test_compile_beside_hera_and_kfp(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("noetl", "Hera", "KFP")}
    for folder in folders.values():
        folder.mkdir()
    measured = {
        "noetl": ours(folders["noetl"]),
        "Hera": peer(folders["Hera"], "hera", HERA, hera(STEPS), "        template: "),
        "KFP": peer(folders["KFP"], "kfp", KFP, kfp(STEPS), "componentRef"),
    }
    for run in measured.values():
        run()  # writes bytecode
    turns = [{name: run() for name, run in measured.items()} for _ in range(RUNS)]
    median = {name: statistics.median(turn[name] for turn in turns) for name in measured}
    shown = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in median.items())
    slower, faster = median["noetl"] / median["Hera"], median["KFP"] / median["noetl"]
    print(f"\ncompile of {STEPS} steps, user CPU: {shown}: {slower:.2f} of Hera (at most 1), ", end="")
    print(f"{faster:.1f} times faster than KFP (at least {KFP_BOUND})")
    assert slower <= 1
    assert faster >= KFP_BOUND
