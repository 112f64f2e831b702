"""`noetl graph`: a picture of a playbook."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Final, Literal

import typer

from noetl.diagnostics import Severity, in_order, render_text
from noetl.errors import UsageError

from . import FINDINGS, USAGE

STREAM: Final = "-"
SUFFIXES: Final[dict[str, Literal["mermaid", "dot", "svg", "html"]]] = {
    ".mmd": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".svg": "svg",
    ".html": "html",
}
"""What the name of an output file says of its format."""


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A playbook, or - for standard input.")],
    format: Annotated[
        Literal["mermaid", "dot", "svg", "html"] | None,
        typer.Option("--format", "-f", help="Of the picture; else what the name after -o says, else mermaid."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="Where to write it, - for standard output.")
    ] = STREAM,
) -> None:
    """Draw the steps of a playbook and the transitions between them.

    The SVG needs nothing beside it and follows the reader's choice of light or dark. The page shows the text of a step
    when it is chosen, by mouse or keyboard (arrow keys follow the transitions, Enter chooses), and uses no network. A
    playbook whose structure has errors is not drawn: they go to standard error, and the exit code is 1.

    \b
    Examples:
      noetl graph playbook.yaml
      noetl graph playbook.yaml -o playbook.html
      noetl graph playbook.yaml --format dot | dot -Tpng > playbook.png
    """
    from noetl.compiler import source
    from noetl.compiler.frontend import compile_source
    from noetl.compiler.graphs import draw

    read = source.read(file)
    if read.data is None:
        print(render_text(read.diagnostics, {}), file=sys.stderr)
        raise typer.Exit(USAGE)
    compiled = compile_source(read.data, read.path, check=False)
    errors = in_order(found for found in compiled.diagnostics if found.severity is Severity.ERROR)
    if compiled.workflow is None or errors:
        print(render_text(errors, {compiled.path: compiled.text}), file=sys.stderr)
        raise typer.Exit(FINDINGS)
    chosen = format or SUFFIXES.get(os.path.splitext(output)[1].lower(), "mermaid")
    _put(draw(compiled.workflow, compiled.text, chosen), file, output)


def _put(drawn: str, file: str, output: str) -> None:
    data = drawn.encode("utf-8", "replace")
    if output == STREAM:
        sys.stdout.buffer.write(data)
        return
    if os.path.exists(output) and os.path.exists(file) and os.path.samefile(file, output):
        raise UsageError(f'"{output}" is the playbook itself; nothing is written')
    from .linting.review import write_whole

    try:
        os.makedirs(os.path.dirname(output) or ".", exist_ok=True)
    except OSError as error:
        raise UsageError(f'cannot write "{output}": {error.strerror}') from error
    write_whole(output, data)
    print(f"wrote {output}", file=sys.stderr)
