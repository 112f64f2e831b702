"""`noetl deploy`: playbooks compiled and put where they run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from noetl.diagnostics import Diagnostic, in_order, render_text
from noetl.errors import UsageError

from . import FINDINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noetl.compiler.ir import Json
    from noetl.targets.base import Compiled, Options
    from noetl.targets.profile import Read

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@group.callback()
def _of() -> None:
    """Compile playbooks and put them where they run.

    \b
    Examples:
      noetl deploy argo playbook.yaml --dry-run
      noetl deploy argo playbooks/*.yaml --namespace etl
    """


@group.command()
def argo(
    paths: Annotated[list[str], typer.Argument(metavar="PLAYBOOK...", help="Playbooks, or - for standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be applied; ask no cluster.")] = False,
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", metavar="FILE", help="Default KUBECONFIG, then ~/.kube/config.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", metavar="NAME", help="Default that of the current context.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="FILE", help="What operations say: image, credentials, ...")
    ] = None,
    playbooks: Annotated[
        list[str] | None,
        typer.Option("--playbooks", metavar="DIR", help="A folder of playbooks that others may run. Repeatable."),
    ] = None,
) -> None:
    """Apply playbooks to a cluster with Argo Workflows.

    Each becomes a ConfigMap and a WorkflowTemplate, and with a schedule a CronWorkflow, as noetl compile writes them.
    They are applied by the server (server-side apply, as "noetl"), so an object that is as it should be stays as it
    is. If one playbook is refused, nothing is applied. --dry-run prints the objects as YAML.

    \b
    Examples:
      noetl deploy argo playbook.yaml --dry-run
      noetl deploy argo playbook.yaml --kubeconfig cluster.yaml --namespace etl
      noetl deploy argo playbooks/*.yaml --profile production.yaml
    """
    from noetl.targets.base import Options

    said = _profile(profile)
    made = _compiled(paths, playbooks or [], Options(profile=None if said is None else said.profile))
    if dry_run:
        print("---\n".join(one.content for one in made), end="")
        return
    from noetl.targets.argo.cluster import Cluster, access

    with Cluster(access(kubeconfig, os.environ), namespace) as cluster:
        for one in made:
            for document in _documents(one.content):
                cluster.apply(document)
                metadata = document["metadata"]
                assert isinstance(metadata, dict)
                print(f"applied {document['kind']} {cluster.namespace}/{metadata['name']}", flush=True)


def _profile(path: str | None) -> Read | None:
    """The profile; its diagnostics and exit code 1 if it has an error."""
    if path is None:
        return None
    from noetl.targets.profile import load

    read = load(path)
    _tell(read.diagnostics, {read.path: read.text})
    if read.profile is None:
        raise typer.Exit(FINDINGS)
    return read


def _compiled(paths: Sequence[str], folders: Sequence[str], options: Options) -> list[Compiled]:
    """All playbooks compiled; diagnostics and exit code 1 if one is refused."""
    from noetl.targets.batch import compile_all
    from noetl.targets.registry import load

    from .compiling.playbooks import Reader

    for name in folders:
        if not os.path.isdir(name):
            raise UsageError(f'--playbooks names "{name}", which is no folder')
    reader = Reader(tuple(map(Path, folders)))
    reader.begin()
    read = [reader.read(path) for path in paths]
    target = load("argo")
    batch = compile_all(lambda source: target.compile(source, options), [one.source for one in read if one.source])
    texts = {name: text for one in read for name, text in one.texts.items()}
    _tell([*(found for one in read for found in one.found), *batch.refused], texts)
    if len(batch.done) < len(read):
        raise typer.Exit(FINDINGS)
    return [made for _, made in batch.done]


def _tell(found: Sequence[Diagnostic], texts: dict[str, str]) -> None:
    if found:
        print(render_text(in_order(found), texts), file=sys.stderr)


def _documents(content: str) -> list[dict[str, Json]]:
    from ruamel.yaml import YAML

    return [cast("dict[str, Json]", document) for document in YAML(typ="safe").load_all(content)]
