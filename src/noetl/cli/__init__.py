"""The `noetl` command.

To add a command: write `cli/<name>.py` with one public function `command(...)`, typed for Typer, whose docstring is the
help, and add `<name>` to `COMMANDS`. A command with commands of its own has a Typer app `group` instead. A module is
imported only when its command is asked for (or listed in help), so what it imports does not slow the others. A command
raises `typer.Exit(code)` with one of the codes below; errors of `noetl.errors` that it lets through are shown and
turned into their code here.
"""

from __future__ import annotations

import sys

try:  # reading these takes as long as a short command does, and a command that is interrupted shows no traceback
    import importlib
    import os
    from collections.abc import Sequence
    from typing import Annotated, Final, TextIO

    import typer
    from typer.core import TyperCommand, TyperGroup

    import noetl
    from noetl.errors import InternalError, NoetlError, UsageError
except KeyboardInterrupt:
    sys.exit(130)

COMMANDS: Final[tuple[str, ...]] = (
    "init",
    "lint",
    "fmt",
    "migrate",
    "graph",
    "run",
    "why",
    "replay",
    "resume",
    "events",
    "server",
    "worker",
    "playbook",
    "credential",
    "execute",
    "executions",
    "logs",
    "compile",
    "deploy",
    "diff",
    "trace",
    "conform",
    "test",
    "schema",
    "lsp",
)
"""The commands, in the order of the help."""

OK: Final = 0
FINDINGS: Final = 1
"""Findings that count, or a run that failed."""
USAGE: Final = 2
INTERNAL: Final = 3
"""A bug in noetl."""
INTERRUPTED: Final = 130
"""Ctrl-C, as shells have it."""

TRACEBACK: Final = "NOETL_TRACEBACK"
"""Set to 1, this environment variable shows the traceback of an internal error."""


class _Commands(TyperGroup):
    """Commands that are imported on demand."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        if hasattr(module, "group"):
            return _group(cmd_name, module.group)
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(cmd_name)(module.command)
        command = typer.main.get_command(single)
        if not isinstance(command, TyperCommand):
            raise InternalError(f"command {cmd_name} is not a single command")
        return command


def _group(name: str, app: object) -> TyperGroup:
    if not isinstance(app, typer.Typer):
        raise InternalError(f"command {name} is not a group of commands")
    made = typer.main.get_group(app)
    made.name = name
    return made


app = typer.Typer(
    cls=_Commands,
    name="noetl",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"noetl {noetl.__version__}")
        raise typer.Exit(OK)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Check, run and compile NoETL v2 playbooks.

    \b
    Exit codes: 0 clean, 1 findings or a failed run, 2 wrong usage, 3 a bug in noetl.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (default: the process's arguments) names; the exit code, never an exception."""
    try:
        _open_closed_streams()
        for stream in (sys.stdout, sys.stderr):
            _tolerate_any_text(stream)
        return _flushed(_run(argv))
    except KeyboardInterrupt:
        return INTERRUPTED


def _flushed(code: int) -> int:
    """The code of a command, or that of an output which cannot be written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        give_up(sys.stdout)
        if isinstance(error, BrokenPipeError):  # the reader has seen enough
            return FINDINGS
        return _complain(error.strerror or str(error), USAGE)
    return code


def give_up(stream: TextIO) -> None:
    """Let a stream that cannot be written take all from now on: what is buffered would fail again at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _run(argv: Sequence[str] | None) -> int:
    command = typer.main.get_command(app)
    try:
        command.main(args=None if argv is None else list(argv), prog_name="noetl")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else OK
    except InternalError as error:
        return _internal(error)
    except UsageError as error:
        return _complain(str(error), USAGE)
    except NoetlError as error:
        return _complain(str(error), FINDINGS)
    except OSError as error:  # of the output: what a command opens itself is a UsageError
        return _complain(error.strerror or str(error), USAGE)
    except Exception as error:
        return _internal(error)
    return OK


def _open_closed_streams() -> None:
    """Give a process that was started without an output or without errors a place for them that takes all."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open until the process ends)


def _tolerate_any_text(stream: TextIO) -> None:
    """Let a playbook's text be shown whatever the terminal's encoding: what it lacks is escaped."""
    reconfigure = getattr(stream, "reconfigure", None)  # streams that a test or an embedder put in place have none
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print to standard error. Where nobody reads it, or it is full, the command goes on without."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)


def _complain(message: str, code: int) -> int:
    say(f"noetl: error: {message}")
    return code


def _internal(error: Exception) -> int:
    if os.environ.get(TRACEBACK) == "1":
        import traceback

        traceback.print_exception(error)
    where = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    _complain(f"internal error: {type(error).__name__}: {error}{where}", INTERNAL)
    say("  this is a bug in noetl; please report it with the playbook that shows it")
    if os.environ.get(TRACEBACK) != "1":
        say(f"  hint: set {TRACEBACK}=1 to see the traceback")
    return INTERNAL
