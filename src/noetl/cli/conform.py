"""`noetl conform`: whether a target means what the language means."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from noetl.errors import UsageError


class LevelName(StrEnum):
    """How much is asked."""

    SMOKE = "smoke"
    STANDARD = "standard"
    DEEP = "deep"


def command(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PLAYBOOK | verify FILE | doctor]",
            help="A playbook to prove, or a results.jsonl to judge again; doctor looks at an adapter.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="NAME|exec:CMD", help="What is judged: runtime, airflow, a program."),
    ] = None,
    tier: Annotated[
        str | None,
        typer.Option(
            "--tier",
            metavar="NAME",
            help="How it is run: inproc or scheduler (airflow); model or live (argo); one or eight (server).",
        ),
    ] = None,
    cases: Annotated[
        Path | None, typer.Option("--cases", metavar="PATH", help="Cases of your own instead of the suite's.")
    ] = None,
    case: Annotated[str | None, typer.Option("--case", metavar="GLOB", help="Only the cases whose ids match.")] = None,
    level: Annotated[
        LevelName | None,
        typer.Option("--level", help="How much of the suite; default smoke, with --cases or --case all that match."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="TIME", help="Start nothing more after 90s, 5m or 1h.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Draws cases, and the order of ready tasks.")] = 0,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write results.jsonl, junit.xml, report.html, ...")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="OLD", help="Tell what changed since this results.jsonl.")
    ] = None,
    deviations: Annotated[
        Path | None, typer.Option("--deviations", metavar="FILE", help="In what the target is known to differ.")
    ] = None,
    outcomes: Annotated[
        list[Path] | None,
        typer.Option("--outcomes", metavar="FILE", help="With PLAYBOOK: recorded by noetl run --record; repeatable."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", metavar="FILE", help="Run argo's cases on this cluster (tier live).")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NAME", help="Where there; default the context's.")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", metavar="IMAGE", help="The image of the pods there, with noetl in it.")
    ] = None,
    runner_command: Annotated[
        str | None,
        typer.Option(
            "--runner-command",
            metavar="CMD",
            help="What pods execute instead of the image's program, where they are processes of this machine.",
        ),
    ] = None,
) -> None:
    """Run conformance cases on a target and judge what was observed.

    Everything that is not green is told on standard output: the clause, what is allowed and what was observed, and the
    command that runs it again; the total comes last. Progress goes to standard error. With a playbook, outcomes are
    searched for that reach its rules, and the target must come to what the runtime comes to.

    \b
    Exit codes: 0 conformant, 1 not, 2 wrong usage, 3 the harness broke, 4 nothing was judged.

    \b
    Examples:
      noetl conform --target runtime
      noetl conform --target airflow --level standard --report out
      noetl conform --target airflow --level deep --budget 1h --seed 7
      noetl conform --target airflow --tier scheduler --case "RUN-*"
      noetl conform --target "exec:python examples/conform_target.py" --case "LOP-*"
      noetl conform --target argo --kubeconfig cluster.yaml --namespace flows --image registry.example.com/noetl:1
      noetl conform --target runtime --cases my_cases
      noetl conform my_playbook.yaml --target airflow
      noetl conform verify out/results.jsonl
      noetl conform doctor --target "exec:./my_target"
    """
    from noetl.conformance.adapters.base import OnCluster

    from .conforming.judging import judge, prove
    from .conforming.orders import Orders
    from .conforming.verifying import doctor, verify

    name = None if level is None else level.value
    given = any((kubeconfig, namespace, image, runner_command))
    cluster = OnCluster(kubeconfig, namespace, image, runner_command) if given else None
    orders = Orders(
        target, tier, cases, case, name, budget, seed, report, compare, deviations, outcomes or (), quiet, cluster
    )
    match what or []:
        case ["verify", *files]:
            code = verify(files, orders)
        case ["doctor"]:
            code = doctor(orders)
        case []:
            code = judge(orders)
        case [file] if Path(file).is_file():
            code = prove(file, orders)
        case [first, *_]:
            raise UsageError(f'there is no playbook "{first}"; besides one there is verify FILE, and doctor')
    raise typer.Exit(code)
