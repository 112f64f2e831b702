"""`make demo`: two playbooks, each checked, compiled, run by the reference runtime and run by real Airflow.

Both runs call the same small server, started here, which answers by script and counts requests. The two outcomes are
printed side by side; the exit code is 0 only if they are equal, and so are the requests that the server saw.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from noetl import load
from noetl.compiler.ir import Json
from noetl.conformance.adapters.airflow import AirflowCase, run_in_airflow
from noetl.conformance.judge import differences
from noetl.conformance.probe import Probe, Reply, Script, Seen
from noetl.targets.airflow.names import dag_id

ROOT = Path(__file__).resolve().parent.parent
NOETL = Path(sys.executable).parent / "noetl"
USERS = [{"id": n, "name": name} for n, name in enumerate(("Ada", "Grace", "Edsger", "Barbara", "Donald"), start=1)]


@dataclass(frozen=True)
class Example:
    """A playbook, the server that it talks to, and what is set for its run."""

    file: str
    script: Script
    settings: Mapping[str, Json]


@dataclass(frozen=True)
class Side:
    """What one engine made of a playbook."""

    summary: Mapping[str, Json]
    requests: tuple[str, ...]
    seconds: float


def examples() -> tuple[Example, ...]:
    """The two playbooks of `examples/` with a server for each."""
    items: Json = [{"name": "lamp", "price": 40, "count": 2}, {"name": "desk", "price": 130, "count": 1}]
    order: Json = {"total": 210, "items": items}
    return (
        Example("examples/paginated_api.yaml", {"users": users}, {}),
        Example(
            "examples/fan_out_join.yaml",
            {
                "orders/7": [{"json": order}],
                "reservations": [{"status": 201, "json": {"id": "R-1"}}],
                "invoices": [{"status": 201, "json": {"id": "I-1"}}],
                "messages": [{"status": 502, "json": {"message": "the mail service is down"}}],
            },
            {"order": 7},
        ),
    )


def users(seen: Seen) -> Reply:
    """Pages of users; the second request of a run is told to come back later."""
    if seen.n == 2:
        return Reply.of({"status": 503, "json": {"message": "overloaded"}})
    page, size = int(str(seen.query["page"])), int(str(seen.query["size"]))
    rest = USERS[page * size :]
    return Reply.of(
        {"json": {"users": USERS[(page - 1) * size : page * size], "next_page": page + 1 if rest else None}}
    )


def show(example: Example, folder: Path, console: Console) -> bool:
    """Check, compile and run one playbook both ways, and compare."""
    console.rule(f"[bold]{example.file}")
    dag = folder / Path(example.file).with_suffix(".py").name
    noetl(console, "lint", example.file)
    noetl(console, "compile", example.file, "--target", "airflow", "-o", str(dag), "--explain")
    with Probe(example.script) as probe:
        payload = {"api": probe.url, **example.settings}
        settings = [part for name, value in payload.items() for part in ("--set", f"{name}={value}")]
        begun = time.monotonic()
        summary = json.loads(noetl(console, "run", example.file, *settings, "--json"))
        ours = Side(summary, served(probe), time.monotonic() - begun)
        probe.forget()
        console.print(f"[bold]$[/] airflow: dag.test() of {dag.name} with conf {json.dumps(payload)}")
        begun = time.monotonic()
        theirs = Side(on_airflow(example.file, dag, payload), served(probe), time.monotonic() - begun)
    console.print(side_by_side(ours, theirs))
    return compare(ours, theirs, console)


def noetl(console: Console, *arguments: str) -> str:
    """What a command prints, run as a user does, with its stderr on ours; its failure ends the demo."""
    console.print(f"[bold]$[/] noetl {shlex.join(arguments)}")
    done = subprocess.run([NOETL, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if arguments[0] != "run":
        sys.stdout.write(done.stdout)
        sys.stdout.flush()
    if done.returncode:
        raise SystemExit(f"noetl {arguments[0]} ended with exit code {done.returncode}")
    return done.stdout


def on_airflow(file: str, dag: Path, conf: Mapping[str, Json]) -> Mapping[str, Json]:
    """What the verdict of a DAG run says; an error if Airflow did not get that far."""
    workflow = load((ROOT / file).read_bytes(), file)
    case = AirflowCase(dag_id(workflow.path or workflow.name), dag.read_text(encoding="utf-8"), conf)
    (run,) = run_in_airflow([case], cache=ROOT / ".cache" / "airflow")
    if run.verdict is None:
        raise SystemExit(f"Airflow ended without a verdict: {run.problem or run.tasks}")
    return run.verdict


def served(probe: Probe) -> tuple[str, ...]:
    """What the server saw: each request in one line, sorted, since the branches of a fork have no order."""
    return tuple(
        sorted(f"{r.method} {r.path} {json.dumps(r.query, sort_keys=True)} {r.text()}" for r in probe.requests)
    )


def side_by_side(ours: Side, theirs: Side) -> Table:
    """The two outcomes as a table with a row for each thing that must be equal."""
    table = Table("", "noetl run", "Airflow")
    left, right = rows(ours), rows(theirs)
    for name in dict.fromkeys([*left, *right]):
        table.add_row(name, left.get(name, "-"), right.get(name, "-"))
    table.add_section()
    table.add_row("seconds", f"{ours.seconds:.1f}", f"{theirs.seconds:.1f}")
    return table


def rows(side: Side) -> dict[str, str]:
    """Status, output, runs and requests of one side in words."""
    shown = {"status": str(side.summary["status"]), "output": json.dumps(side.summary["output"], sort_keys=True)}
    runs = side.summary["runs"]
    for run in runs if isinstance(runs, list) else []:
        if isinstance(run, dict):
            calls = run["calls"] if isinstance(run["calls"], list) else []
            tries = [str(call["attempts"]) for call in calls if isinstance(call, dict)]
            made = f", attempts per call {' '.join(tries)}" if tries else ""
            shown[f"{run['step']} {json.dumps(run['key'])}"] = f"{run['status']}{made}"
    for name, count in sorted(Counter(" ".join(line.split(" ", 2)[:2]) for line in side.requests).items()):
        shown[f"requests {name}"] = str(count)
    return shown


def compare(ours: Side, theirs: Side, console: Console) -> bool:
    """Say whether both sides are equal, or in what they differ."""
    found = list(differences(ours.summary, theirs.summary))
    if ours.requests != theirs.requests:
        found.append(f"the server saw {ours.requests} from noetl run and {theirs.requests} from Airflow")
    for line in found:
        console.print(f"differs: {line}", style="red")
    if not found:
        console.print("equal: status, output, every run and every request\n", style="green")
    return not found


def main() -> int:
    """Show both examples; 1 if any outcome differs."""
    console = Console(width=120, highlight=False)
    equal = True
    with tempfile.TemporaryDirectory(prefix="noetl-demo-") as name:
        for example in examples():
            equal &= show(example, Path(name), console)
    console.print("\nboth outcomes are equal" if equal else "\nTHE OUTCOMES DIFFER", style="bold")
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main())
