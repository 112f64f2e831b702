"""One flow, a chain of steps that each set a value, for other compilers; each has an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "build" / "bench"
"""Where environments stay, so that they are made once."""
METAFLOW: Final = ("metaflow==2.19.39", "boto3", "kubernetes")
HERA: Final = ("hera==7.1.0", "pyyaml==6.0.3")
KFP: Final = ("kfp==2.17.3",)
DAG_FACTORY: Final = ("dag-factory==1.1.0", "apache-airflow==3.3.2")


def environment(name: str, packages: Sequence[str]) -> str:
    """The Python of an environment that has the packages."""
    folder = FOLDER / name
    done = folder / "packages.txt"
    if not done.exists() or done.read_text("utf-8").split() != [*packages]:
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        python = str(folder / "bin" / "python")
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages]
        subprocess.run(install, check=True)
        done.write_text("\n".join(packages), "utf-8")
    return str(folder / "bin" / "python")


def user_seconds(command: Sequence[str], extra: dict[str, str], folder: Path) -> float:
    """User CPU seconds of a whole process and those that it starts."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}
    with (folder / "output.txt").open("wb") as output:
        started = subprocess.Popen(command, env={**environment, **extra}, cwd=folder, stdout=output, stderr=output)
        _, status, usage = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    assert started.returncode == 0, (folder / "output.txt").read_text("utf-8")[-2000:]
    return usage.ru_utime


def names(steps: int) -> list[str]:
    """The names of the steps, the first and the last as every compiler wants them."""
    return ["start", *(f"s{n}" for n in range(1, steps - 1)), "end"]


def playbook(steps: int) -> str:
    """The flow as a playbook."""
    chain = names(steps)
    lines = ["apiVersion: noetl.io/v2", "kind: Playbook", "metadata: {name: bench}", "workflow:"]
    for number, name in enumerate(chain[:-1]):
        lines += [f"  - step: {name}", f"    tool: {{kind: python, code: 'result = {number}'}}"]
        lines.append(f"    next: [{chain[number + 1]}]")
    return "\n".join([*lines, "  - step: end", ""])


def metaflow(steps: int) -> str:
    """The flow in Python."""
    chain = names(steps)
    lines = ["from metaflow import FlowSpec, step", "", "class Bench(FlowSpec):"]
    for number, name in enumerate(chain[:-1]):
        lines += ["    @step", f"    def {name}(self):", f"        self.result = {number}"]
        lines.append(f"        self.next(self.{chain[number + 1]})")
    return "\n".join([*lines, "    @step", "    def end(self):", "        pass", "Bench()", ""])


def dag_factory(steps: int) -> str:
    """The flow as a file of dag-factory."""
    chain = names(steps)
    lines = ["bench:", "  default_args: {owner: me, start_date: '2026-01-01'}", "  schedule: null", "  tasks:"]
    for number, name in enumerate(chain):
        lines += [f"    - task_id: {name}", "      operator: airflow.providers.standard.operators.bash.BashOperator"]
        lines.append(f"      bash_command: echo {number}")
        lines += [f"      dependencies: [{chain[number - 1]}]"] if number else []
    return "\n".join([*lines, ""])


def hera(steps: int) -> str:
    """The flow in Python, for Hera; each step has code of its own, as in the playbook."""
    chain = names(steps)
    lines = ["from hera.workflows import DAG, Workflow, script", ""]
    for number, name in enumerate(chain):
        lines += ["@script(image='python:3.12')", f"def {name}():", f"    print({number})", ""]
    lines += ["with Workflow(name='bench', entrypoint='main') as flow:", "    with DAG(name='main'):"]
    for number, name in enumerate(chain):
        lines.append(f"        t{number} = {name}()")
        lines += [f"        t{number - 1} >> t{number}"] if number else []
    return "\n".join([*lines, "open('made.yaml', 'w').write(flow.to_yaml())", ""])


def kfp(steps: int) -> str:
    """The flow in Python, for KFP; each step has code of its own, as in the playbook."""
    chain = names(steps)
    lines = ["from kfp import compiler, dsl", ""]
    for number, name in enumerate(chain):
        lines += ["@dsl.component(base_image='python:3.12')", f"def {name}() -> int:", f"    return {number}", ""]
    lines += ["@dsl.pipeline(name='bench')", "def flow():"]
    for number, name in enumerate(chain):
        lines.append(f"    t{number} = {name}()" + (f".after(t{number - 1})" if number else ""))
    return "\n".join([*lines, "compiler.Compiler().compile(flow, 'made.yaml')", ""])
