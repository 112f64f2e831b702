"""Which files lint looks at."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

SUFFIXES: Final = (".yaml", ".yml")
STDIN: Final = "-"
MAX_BYTES: Final = 5 * 1024 * 1024
"""How far a file is searched for its kind: the size of the largest playbook (DOC-12)."""
_PLAYBOOK: Final = re.compile(rb"""^[ \t{]*["']?kind["']?[ \t]*:[ \t]*["']?Playbook\b""", re.MULTILINE)
_OTHER: Final = re.compile(rb"^kind:[ \t]*[A-Z]", re.MULTILINE)
"""Of a file that is something else, such as manifests which hold the text of a playbook."""


def gather(paths: Iterable[str], excludes: Callable[[str], bool] = lambda _: False) -> tuple[list[str], list[str]]:
    """The files to check, each once and in the order given, those of a folder by name; and what is wrong with paths.

    One that is named in several ways has the first name. What `excludes` names is left out of folders; a file that is
    named itself is always looked at.
    """
    files: dict[str, str] = {}
    troubles: list[str] = []
    for path in paths:
        if path != STDIN and os.path.isdir(path):
            inside = list(_playbooks(path, excludes, troubles))
            if not inside:
                troubles.append(f'folder "{path}" holds no playbook')
        else:
            inside = [path]
        for file in inside:
            files.setdefault(file if file == STDIN else os.path.abspath(file), file)
    return list(files.values()), troubles


def _playbooks(folder: str, excludes: Callable[[str], bool], troubles: list[str]) -> Iterator[str]:
    """Playbooks below `folder` by path; hidden folders are left out, unreadable ones become troubles."""

    def unreadable(error: OSError) -> None:
        troubles.append(f'cannot read "{error.filename}": {error.strerror}')

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not excludes(os.path.join(parent, f)))
        for name in sorted(names):
            path = os.path.join(parent, name)
            if name.endswith(SUFFIXES) and not excludes(path) and _is_playbook(path, unreadable):
                yield path


def _is_playbook(path: str, unreadable: Callable[[OSError], None]) -> bool:
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe or device would be waited for
        return False
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES)
    except OSError as error:
        unreadable(error)
        return False
    found = _PLAYBOOK.search(data)
    other = None if found is None or found[0].startswith(b"kind") else _OTHER.search(data)
    return found is not None and other is None
