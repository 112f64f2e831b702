"""A playbook that routes, and commands in this process that read the logs of its runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypeAlias

import pytest

from noetl.cli import main

NOETL = str(Path(sys.executable).with_name("noetl"))
HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: routes}\n"
ROUTES = f"""{HEAD}
workload: {{limit: 3}}
workflow:
  - step: start
    tool: {{kind: python, args: {{n: 4}}, code: "result = dict(n=n)"}}
    case:
      - when: "{{{{ event.name == 'call.done' and response.n > 5 }}}}"
        then: [{{next: [{{step: big}}]}}]
      - when: "{{{{ event.name == 'call.done' and response.n > workload.limit and response.none is undefined }}}}"
        then: [{{next: [{{step: small, args: {{x: 1}}}}]}}]
      - when: "{{{{ event.name == 'call.done' }}}}"
        then: [{{next: [{{step: big}}]}}]
  - step: big
  - step: small
    tool: {{kind: python, code: "raise ValueError('no')"}}
    case:
      - when: "{{{{ error.type == 'ValueError' and event.name == 'call.error' }}}}"
        then: [{{retry: {{max_attempts: 2, initial_delay: 0}}}}]
      - when: "{{{{ event.name == 'call.done' and response }}}}"
        then: [{{next: [{{step: big}}]}}]
"""
Streams: TypeAlias = pytest.CaptureFixture[str]


def noetl(streams: Streams, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command in this process."""
    streams.readouterr()
    code = main(arguments)
    out, err = streams.readouterr()
    return code, out, err


def write(name: str, workflow: str) -> str:
    Path(name).write_text(f"{HEAD}workflow:\n{workflow}", encoding="utf-8")
    return name
