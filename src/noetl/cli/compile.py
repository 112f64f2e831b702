"""`noetl compile`: playbooks as files for another engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
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
    playbooks: Annotated[
        list[str] | None,
        typer.Option(
            "--playbooks",
            metavar="DIR",
            help="A folder of playbooks that others may run. Repeatable.",
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Tell what became of each step, and why.")] = False,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="Tell which packages, kinds of tools and credentials it needs.")
    ] = False,
) -> None:
    """Compile playbooks into files for another engine.

    For airflow, each playbook becomes one DAG file, <dag id>.py in the current folder unless -o says where; the id
    comes from metadata.path, else metadata.name. If anything is refused, nothing is written, and the exit code is 1.
    What --explain and --requirements tell goes to standard output, or to standard error with -o -.

    The result holds the playbooks that a playbook runs, looked for in the folders of --playbooks, then in its own.
    Where a path is a template, --playbooks is needed, and the result holds every playbook of all these folders.

    \b
    Examples:
      noetl compile playbook.yaml --target airflow
      noetl compile playbooks/*.yaml --target airflow -o dags/ --explain
      noetl compile main.yaml --target airflow --playbooks library/
      cat playbook.yaml | noetl compile - --target airflow -o -
    """
    from noetl.targets.batch import compile_all
    from noetl.targets.registry import load

    compiler = load(target)
    _check_usage(files, output)
    sources = _sources(files, _folders(playbooks or []))
    try:
        done = compile_all(compiler, sources)
    except UnsupportedByTarget as refused:
        raise _refused(refused.diagnostics, _texts(sources)) from None
    _write(done, sources, output)
    told = [one.explanation for one in done if explain]
    if requirements:
        told.append("\n".join(_united(done)))
    if told:
        print("\n\n".join(told), file=sys.stderr if output == STDOUT else sys.stdout)


def _united(done: Sequence[Compiled]) -> list[str]:
    """What all of them need, once: packages, kinds, credentials."""
    lines = {line for one in done for line in one.requirements.splitlines()}
    return sorted(lines, key=lambda line: (("package", "kind", "credential").index(line.split()[0]), line))


def _check_usage(files: Sequence[str], output: str | None) -> None:
    if len(files) != len(set(files)):
        raise UsageError("a playbook is named twice")
    if len(files) > 1 and output is not None and not _is_folder(output):
        raise UsageError(f'{len(files)} playbooks do not fit into "{output}"; a folder is a path that ends in /')


def _folders(names: Sequence[str]) -> list[Path]:
    for name in names:
        if not os.path.isdir(name):
            raise UsageError(f'--playbooks names "{name}", which is no folder')
    return [Path(name) for name in names]


def _sources(files: Sequence[str], folders: Sequence[Path]) -> list[Source]:
    """The playbooks, if none has an error; warnings of all are shown either way."""
    from noetl.targets.base import Source

    from .run import compiled

    texts: dict[str, str] = {}
    found: list[Diagnostic] = []
    sources = []
    for file in files:
        compilation = compiled(file)
        found += [d for d in compilation.diagnostics if d.severity is not Severity.NOTE]
        if compilation.workflow is not None:
            source = Source(compilation.path, compilation.text, compilation.workflow)
            source, missing = _with_playbooks(source, folders)
            found += missing
            sources.append(source)
            texts |= source.playbooks
        texts[compilation.path] = compilation.text
    if len(sources) < len(files) or any(d.severity is Severity.ERROR for d in found):
        raise _refused(found, texts)
    if found:
        print(render_text(in_order(found), texts), file=sys.stderr)
    return sources


def _with_playbooks(source: Source, folders: Sequence[Path]) -> tuple[Source, list[Diagnostic]]:
    """The playbook with those that it runs: all that there are, where it runs one by a template (TOO-4)."""
    from noetl.targets.children import paths, shipped

    if not any(paths(source.workflow)):
        return source, []
    from noetl.runtime.library import FolderLibrary

    library = FolderLibrary([*folders, Path(source.path).parent])
    found = shipped(source.workflow, source.path, library.find)
    texts = library.texts() | found.texts if found.templated and folders else found.texts
    return replace(source, playbooks=texts, all_playbooks=bool(folders)), found.missing


def _texts(sources: Sequence[Source]) -> dict[str, str]:
    """Every text that a diagnostic may be about."""
    children = {name: text for source in sources for name, text in source.playbooks.items()}
    return children | {source.path: source.text for source in sources}


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
