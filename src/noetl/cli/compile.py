"""`noetl compile`: playbooks as files for another engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from noetl.diagnostics import Diagnostic, Severity, in_order, render_text
from noetl.errors import UnsupportedByTarget, UsageError

from . import FINDINGS

if TYPE_CHECKING:
    from noetl.targets.base import Compiled, Source

STDOUT: Final = "-"


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Playbooks, or - for standard input.")],
    target: Annotated[str, typer.Option("--target", "-t", metavar="NAME", help="What to compile for: airflow.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file for one playbook, a folder for any number, or - for standard output.",
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Tell what became of each step, and why.")] = False,
) -> None:
    """Compile playbooks into files for another engine.

    For airflow, each playbook becomes one DAG file, <dag id>.py in the current folder unless -o says where; the id
    comes from metadata.path, else metadata.name. If anything is refused, nothing is written, and the exit code is 1.
    The story of --explain goes to standard output, or to standard error with -o -.

    \b
    Examples:
      noetl compile playbook.yaml --target airflow
      noetl compile playbooks/*.yaml --target airflow -o dags/ --explain
      cat playbook.yaml | noetl compile - --target airflow -o -
    """
    from noetl.targets.batch import compile_all
    from noetl.targets.registry import load

    compiler = load(target)
    _check_usage(files, output)
    sources = _sources(files)
    try:
        done = compile_all(compiler, sources)
    except UnsupportedByTarget as refused:
        raise _refused(refused.diagnostics, {source.path: source.text for source in sources}) from None
    _write(done, sources, output)
    if explain:
        print("\n\n".join(one.explanation for one in done), file=sys.stderr if output == STDOUT else sys.stdout)


def _check_usage(files: Sequence[str], output: str | None) -> None:
    if len(files) != len(set(files)):
        raise UsageError("a playbook is named twice")
    if len(files) > 1 and output is not None and not _is_folder(output):
        raise UsageError(f'{len(files)} playbooks do not fit into "{output}"; a folder is a path that ends in /')


def _sources(files: Sequence[str]) -> list[Source]:
    """The playbooks, if none has an error; warnings of all are shown either way."""
    from noetl.targets.base import Source

    from .run import compiled

    texts: dict[str, str] = {}
    found: list[Diagnostic] = []
    sources = []
    for file in files:
        compilation = compiled(file)
        texts[compilation.path] = compilation.text
        found += [d for d in compilation.diagnostics if d.severity is not Severity.NOTE]
        if compilation.workflow is not None:
            sources.append(Source(compilation.path, compilation.text, compilation.workflow))
    if len(sources) < len(files) or any(d.severity is Severity.ERROR for d in found):
        raise _refused(found, texts)
    if found:
        print(render_text(in_order(found), texts), file=sys.stderr)
    return sources


def _refused(diagnostics: Sequence[Diagnostic], texts: dict[str, str]) -> typer.Exit:
    print(render_text(in_order(diagnostics), texts), file=sys.stderr)
    return typer.Exit(FINDINGS)


def _is_folder(output: str) -> bool:
    return output.endswith("/") or os.path.isdir(output)


def _places(done: Sequence[Compiled], sources: Sequence[Source], output: str | None) -> list[tuple[Compiled, Path]]:
    """Where each file goes; UsageError if that is one of the playbooks."""
    places = []
    for one in done:
        path = Path(output or ".") / one.file if output is None or _is_folder(output) else Path(output)
        if path.exists() and any(os.path.exists(s.path) and path.samefile(s.path) for s in sources):
            raise UsageError(f'"{path}" is a playbook that is compiled; nothing is written')
        places.append((one, path))
    return places


def _write(done: Sequence[Compiled], sources: Sequence[Source], output: str | None) -> None:
    if output == STDOUT:
        reconfigure = getattr(sys.stdout, "reconfigure", None)  # streams that a test puts in place have none
        if reconfigure is not None:
            reconfigure(encoding="utf-8", newline="\n")
        sys.stdout.write(done[0].content)
        return
    for one, path in _places(done, sources, output):
        try:
            _put(path, one.content)
        except OSError as error:
            raise UsageError(f'cannot write "{path}": {error.strerror}') from error
        print(f"wrote {path}", file=sys.stderr)


def _put(path: Path, content: str) -> None:
    """Write a file whole: Airflow may read the folder at any time, and sees all of it or nothing."""
    if path.exists() and not path.is_file():  # a device or pipe is written to, never replaced
        path.write_text(content, encoding="utf-8", newline="\n")
        return
    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".noetl-{os.getpid()}")
    try:
        fresh.write_text(content, encoding="utf-8", newline="\n")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
