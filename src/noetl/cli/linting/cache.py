"""What was found in a text, kept by what the text is, so that a file that did not change is not checked again.

An entry is named by a hash of the text, of the question, and of the noetl that answered it. Entries are written whole
or not at all, by any number of processes, and hold a hash of themselves: one that is damaged is not there. A folder
that cannot be written to is no error, the cache then keeps nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final

import noetl
from noetl.diagnostics import Diagnostic, Edit, Fix, Kind, Related, Severity, Span

from .analysis import Analysis, Question

FOLDER: Final = ".noetl_cache"
MOST: Final = 10_000
"""With more entries than these the older half is deleted."""
_LIBRARIES: Final = ("jinja2", "pydantic", "_ruamel_yaml")
"""Libraries whose own words reach messages."""
_SUFFIX: Final = ".json"


class Cache:
    """The entries below `<root>/.noetl_cache`."""

    def __init__(self, root: str, question: Question) -> None:
        self._folder = os.path.join(root, FOLDER)
        self._question = question
        asked = json.dumps([noetl.__version__, fingerprint(question.target), question.target, question.everything])
        self._key = hashlib.sha256(asked.encode()).digest()
        self._wrote = False

    def get(self, data: bytes, path: str) -> Analysis | None:
        """What is known of a text, or None."""
        try:
            with open(self._entry(data), "rb") as file:
                check, _, body = file.read().partition(b"\n")
            if hashlib.sha256(body).hexdigest().encode() != check:
                return None
            return _read(json.loads(body), data, path)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, data: bytes, found: Analysis) -> None:
        """Keep what was found in a text."""
        if found.text is None or not _is_utf8(data):
            return
        body = json.dumps(_written(found), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        entry = self._entry(data)
        fresh = f"{entry}.{os.getpid()}"
        try:
            if not self._wrote:
                self._prepare()
            with open(fresh, "wb") as file:
                file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            os.replace(fresh, entry)
        except OSError:
            return

    def _entry(self, data: bytes) -> str:
        digest = hashlib.sha256(self._key)
        digest.update(data)
        return os.path.join(self._folder, digest.hexdigest() + _SUFFIX)

    def _prepare(self) -> None:
        self._wrote = True
        os.makedirs(self._folder, exist_ok=True)
        ignore = os.path.join(self._folder, ".gitignore")
        if not os.path.exists(ignore):
            with open(ignore, "w", encoding="utf-8") as file:
                file.write("*\n")
        _prune(self._folder)


def _prune(folder: str) -> None:
    """Delete the older half of too many entries; another process may be doing the same."""
    entries = [entry for entry in os.scandir(folder) if entry.name.endswith(_SUFFIX)]
    if len(entries) <= MOST:
        return
    aged = []
    for entry in entries:
        try:
            aged.append((entry.stat().st_mtime_ns, entry.path))
        except FileNotFoundError:
            continue
    for _, path in sorted(aged)[: len(aged) // 2]:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue


def fingerprint(target: str | None) -> str:
    """What tells this noetl from another: its modules, Python, the libraries, and what is installed beside it."""
    told = [sys.version, *sorted(_installed())]
    folder = os.path.dirname(os.path.abspath(noetl.__file__))
    told += [f"{name}:{size}:{time}" for name, size, time in sorted(_modules(folder))]
    for library in _LIBRARIES:
        spec = find_spec(library)
        if spec is not None and spec.origin is not None:
            stat = os.stat(spec.origin)
            told.append(f"{library}:{stat.st_size}:{stat.st_mtime_ns}")
    if target is not None:
        from importlib.metadata import entry_points

        told += [f"{p.name}:{p.dist.version}" for p in entry_points(group="noetl.targets", name=target) if p.dist]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _installed() -> Iterator[str]:
    """Names and versions of all packages: any of them may bring a kind of tool (TOO-8)."""
    for folder in sys.path:
        try:
            yield from (name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue


def _modules(folder: str) -> Iterator[tuple[str, int, int]]:
    for part in ("compiler", "targets"):
        for parent, folders, names in os.walk(os.path.join(folder, part)):
            folders[:] = [name for name in folders if name != "__pycache__"]
            yield from _stats(os.path.join(parent, name) for name in names)
    yield from _stats([os.path.join(folder, "diagnostics.py")])


def _stats(paths: Iterator[str] | list[str]) -> Iterator[tuple[str, int, int]]:
    for path in paths:
        if path.endswith(".py"):
            stat = os.stat(path)
            yield path, stat.st_size, stat.st_mtime_ns


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# --- entries ----------------------------------------------------------------------------------------------------------


def _written(found: Analysis) -> dict[str, object]:
    kinds = {d.code: [d.name, str(d.severity), d.kind.summary, d.kind.default] for d in found.diagnostics}
    return {"whole": found.whole, "kinds": kinds, "found": [_one(d) for d in found.diagnostics]}


def _one(d: Diagnostic) -> list[object]:
    fix = [d.fix.title, [[*_numbers(e.span), e.text] for e in d.fix.edits]] if d.fix else None
    return [d.code, d.message, _numbers(d.span), [[r.message, *_numbers(r.span)] for r in d.related], d.hint, fix]


def _numbers(span: Span) -> list[int]:
    return [span.line, span.column, span.end_line, span.end_column]


def _read(entry: dict[str, object], data: bytes, path: str) -> Analysis:
    """The analysis in an entry; its hash says that it is as `_written` made it."""
    kinds, found, whole = entry["kinds"], entry["found"], entry["whole"]
    if not isinstance(kinds, dict) or not isinstance(found, list):
        raise TypeError
    made = {code: Kind(code, name, Severity(level), what, on) for code, (name, level, what, on) in kinds.items()}
    diagnostics = []
    for code, message, span, related, hint, fix in found:
        seconds = tuple(Related(words, Span(*place)) for words, *place in related)
        repair = Fix(fix[0], tuple(Edit(Span(*place), text) for *place, text in fix[1])) if fix else None
        diagnostics.append(Diagnostic(made[code], message, Span(*span), path, seconds, hint, repair))
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    return Analysis(path, text, tuple(diagnostics), whole is True)
