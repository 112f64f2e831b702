"""Runs the command in forks of one warm process, so that hundreds of processes can be started and killed quickly.

For a line of standard input, a JSON list of arguments, it prints the fork's process id; for the empty line after that
it waits for the fork's end and prints the exit code (negative: the signal that ended it). Until then the id is taken.
"""

from __future__ import annotations

import json
import os
import sys

import httpx
import psycopg

from noetl.cli import driving, main
from noetl.runtime.store import postgres, sqlite

WARM = (httpx, psycopg, driving, postgres, sqlite)
"""What a run imports is imported once, before the forks."""


def serve() -> None:
    """Fork for every line until the input ends."""
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(main(json.loads(line)))
        _say(process)
        sys.stdin.readline()
        _say(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
