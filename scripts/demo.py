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
from collections.abc import Iterator, Mapping, Sequence
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

    @property
    def dag(self) -> str:
        """The name of the file that it is compiled to."""
        return Path(self.file).with_suffix(".py").name

    def payload(self, probe: Probe) -> dict[str, Json]:
        """What its run is given."""
        return {"api": probe.url, **self.settings}


@dataclass(frozen=True)
class Side:
    """What one engine made of a playbook."""

    summary: Mapping[str, Json]
    requests: tuple[str, ...]


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


def here(example: Example, folder: Path, probe: Probe, console: Console) -> Side:
    """Check, compile and run one playbook with the command line."""
    console.rule(f"[bold]{example.file}")
    noetl(console, "lint", example.file)
    noetl(console, "compile", example.file, "--target", "airflow", "-o", str(folder / example.dag), "--explain")
    settings = [part for name, value in example.payload(probe).items() for part in ("--set", f"{name}={value}")]
    summary = json.loads(noetl(console, "run", example.file, *settings, "--json"))
    return Side(summary, served(example, probe))


def on_airflow(chosen: Sequence[Example], folder: Path, probe: Probe, console: Console) -> Iterator[Side]:
    """Run the compiled playbooks on Airflow, all in one process, since its start is what takes long."""
    console.rule("[bold]the DAGs on Airflow")
    cases = []
    for example in chosen:
        workflow, content = load((ROOT / example.file).read_bytes(), example.file), (folder / example.dag).read_bytes()
        cases.append(AirflowCase(dag_id(workflow.path or workflow.name), content.decode(), example.payload(probe)))
        console.print(f"[bold]$[/] dag.test() of {example.dag} with conf {json.dumps(example.payload(probe))}")
    begun = time.monotonic()
    runs = run_in_airflow(cases, cache=ROOT / ".cache" / "airflow")
    console.print(f"{len(runs)} DAG runs in {time.monotonic() - begun:.0f} s, the start of Airflow included")
    for example, run in zip(chosen, runs, strict=True):
        if run.verdict is None:
            raise SystemExit(f"{example.dag} ended without a verdict: {run.problem or run.tasks}")
        yield Side(run.verdict, served(example, probe))


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


def served(example: Example, probe: Probe) -> tuple[str, ...]:
    """The requests of an example, one a line, sorted, since the branches of a fork have no order."""
    seen = [request for request in probe.requests if request.label in example.script]
    return tuple(sorted(f"{r.method} {r.path} {json.dumps(r.query, sort_keys=True)} {r.text()}" for r in seen))


def side_by_side(title: str, ours: Side, theirs: Side) -> Table:
    """The two outcomes as a table with a row for each thing that must be equal."""
    table = Table("", "noetl run", "Airflow", title=title)
    left, right = rows(ours), rows(theirs)
    for name in dict.fromkeys([*left, *right]):
        table.add_row(name, left.get(name, "-"), right.get(name, "-"))
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
    chosen = examples()
    script = {label: answer for example in chosen for label, answer in example.script.items()}
    with tempfile.TemporaryDirectory(prefix="noetl-demo-") as name, Probe(script) as probe:
        ours = [here(example, Path(name), probe, console) for example in chosen]
        probe.forget()
        theirs = list(on_airflow(chosen, Path(name), probe, console))
    console.rule("[bold]side by side")
    equal = True
    for example, left, right in zip(chosen, ours, theirs, strict=True):
        console.print(side_by_side(example.file, left, right))
        equal &= compare(left, right, console)
    console.print("both outcomes are equal" if equal else "THE OUTCOMES DIFFER", style="bold")
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main())
