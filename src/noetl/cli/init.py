"""`noetl init`: a first playbook."""

from __future__ import annotations

import os
import re
from typing import Annotated, Final

import typer

from noetl.errors import UsageError

SUFFIXES: Final = (".yaml", ".yml")
FILE: Final = "hello.yaml"
"""What the playbook in a folder is called."""
TEXT: Final = """\
# A first playbook. Check it, run it, compile it:
#
#   noetl lint {file}
#   noetl run {file} --set name=Ada
#   noetl compile {file} --target airflow -o dags/

apiVersion: noetl.io/v2
kind: Playbook
metadata:
  name: {name}
  description: Greets somebody

# The data of an execution; --set, or the payload of a request, is merged in.
workload:
  name: world

workflow:
  - step: start
    desc: Python code gets its arguments from args
    tool:
      kind: python
      args:
        name: "{{{{ workload.name }}}}"
      code: |
        def main(name):
            return {{"greeting": f"Hello, {{name}}!", "letters": len(name)}}
    # For each event the first rule whose when is true fires.
    case:
      - when: "{{{{ event.name == 'step.exit' and response.letters > 10 }}}}"
        then:
          - next: [{{step: shorten, args: {{text: "{{{{ response.greeting }}}}"}}}}]
    # Where control goes when no rule says otherwise.
    next: end

  - step: shorten
    tool:
      kind: python
      code: |
        def main(text):
            return {{"greeting": text[:14] + "..."}}
    next: end

  # The last result that is not null is the output of the execution.
  - step: end
"""


def command(
    place: Annotated[
        str, typer.Argument(metavar="[DIR|FILE]", help=f"A .yaml file to write, or a folder for {FILE}.")
    ] = ".",
) -> None:
    """Write a first playbook, which lints clean, runs without a network, and compiles.

    A file that exists is left as it is, and the exit code is 2.

    \b
    Examples:
      noetl init
      noetl init playbooks/
      noetl init playbooks/greet.yaml
    """
    path = place if place.endswith(SUFFIXES) else os.path.join(place, FILE)
    _write(path, TEXT.format(file=os.path.normpath(path), name=_name(path)))
    shown = os.path.normpath(path)
    print(f"wrote {shown}\n\nnext:\n  noetl lint {shown}\n  noetl run {shown} --set name=Ada")


def _name(path: str) -> str:
    """The name of the playbook, from that of its file."""
    stem = os.path.splitext(os.path.basename(path))[0]
    cleaned = re.sub(r"[^a-z0-9_]+", "_", stem.lower()).strip("_")
    return cleaned if cleaned[:1].isalpha() else f"playbook_{cleaned}".rstrip("_")


def _write(path: str, text: str) -> None:
    if os.path.exists(path):
        raise UsageError(f'"{path}" exists already')
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f'cannot write "{path}": {error.strerror}') from error
