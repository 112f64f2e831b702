"""From what was found in a file to what is shown: selection, suppressing comments, baseline."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from noetl.compiler.linting.selection import Selection, family
from noetl.diagnostics import FAMILIES, Diagnostic, Kind, Severity, in_order
from noetl.errors import UsageError

from .analysis import Analysis, Question
from .settings import Settings

if TYPE_CHECKING:
    from noetl.compiler.linting import baseline

_YAML, _TARGETS = FAMILIES[0], FAMILIES[5]
"""The family of what is no YAML, and the one that only a target is asked about."""


class Review:
    """Chooses what is shown of each file, and counts what is not."""

    def __init__(
        self, settings: Settings, selection: Selection, question: Question, known: baseline.Baseline | None = None
    ) -> None:
        self._settings = settings
        self._selection = selection
        self._question = question
        self._known = known
        self.suppressed = 0
        self.in_baseline = 0
        self.seen: Counter[baseline.Known] = Counter()
        """Every finding that the baseline could hold, where there is one."""
        self.files: set[str] = set()
        """The files looked at, as the baseline names them."""

    def shown(self, found: Analysis) -> list[Diagnostic]:
        """The findings of a file that are shown, in order; counted as part of the run."""
        kept, suppressed = self._commented(found)
        self.suppressed += suppressed
        if found.text is None or self._settings.baseline is None:
            return kept
        from noetl.compiler.linting import baseline

        name = self.name(found.path)
        self.files.add(name)
        self.seen.update(baseline.entries(name, found.text, kept))
        left = self._unknown(found, kept)
        self.in_baseline += len(kept) - len(left)
        return left

    def fixable(self, found: Analysis) -> list[Diagnostic]:
        """The findings of a file that are shown and have a fix."""
        kept, _ = self._commented(found)
        return [one for one in self._unknown(found, kept) if one.fix is not None]

    def stale(self) -> list[Diagnostic]:
        """Whether the baseline holds findings that are gone."""
        if self._known is None or self._settings.baseline is None:
            return []
        from noetl.compiler.linting import baseline

        gone = self._known.gone(self.seen, self.files)
        return [baseline.stale(self._settings.baseline, gone)] if gone and self._selection.shows(baseline.STALE) else []

    def name(self, path: str) -> str:
        """What a baseline calls a file: its path from the folder of the baseline."""
        folder = os.path.dirname(os.path.abspath(self._settings.baseline or path))
        return os.path.relpath(path, folder).replace(os.sep, "/")

    def _unknown(self, found: Analysis, kept: list[Diagnostic]) -> list[Diagnostic]:
        """Those that the baseline does not know."""
        if self._known is None or found.text is None:
            return kept
        return self._known.unknown(self.name(found.path), found.text, kept)

    def _commented(self, found: Analysis) -> tuple[list[Diagnostic], int]:
        """Those that are selected and that no comment suppresses, in order; how many are suppressed."""
        selection = self._selection.without(self._settings.ignored_in(found.path))

        def shows(one: Diagnostic) -> bool:
            # What keeps a text from being read hides what was selected: it is told, too.
            broken = one.severity is Severity.ERROR and (not found.whole or family(one.code) == _YAML)
            return selection.shows(one.kind) or (broken and Selection((one.code,), selection.ignore).shows(one.kind))

        def active(kind: Kind) -> bool:
            asked = family(kind.code) != _TARGETS or self._question.target is not None
            return found.whole and asked and selection.shows(kind)

        chosen = [one for one in found.diagnostics if shows(one)]
        if "noetl:" not in (found.text or ""):
            return chosen, 0
        from noetl.compiler.linting import suppression

        from . import pages

        made = suppression.review(found.text or "", found.path, chosen, known=pages.kinds, active=active)
        own = (suppression.UNUSED, suppression.UNKNOWN)
        return in_order(one for one in made.kept if one.kind not in own or selection.shows(one.kind)), made.suppressed


def check_selectors(selectors: Iterable[str], origin: str) -> None:
    """UsageError for a selector that means no kind."""
    from noetl.compiler.linting.selection import DEFAULT, matches, near

    from . import pages

    kinds = pages.kinds()
    for selector in selectors:
        if selector == DEFAULT or any(matches(selector, kind) for kind in kinds.values()):
            continue
        hint = near(selector, {*kinds, *(family(code) for code in kinds if code.startswith("NTL"))})
        message = f'"{selector}" is no code, name or family of findings'
        raise UsageError((f"{origin}: " if origin else "") + message + (f"; {hint}" if hint else ""))


def read_baseline(path: str) -> baseline.Baseline:
    """The baseline in a file; UsageError if there is none."""
    from noetl.compiler.linting import baseline

    try:
        with open(path, encoding="utf-8") as file:
            return baseline.parse(file.read())
    except OSError as error:
        hint = "; --write-baseline makes one" if isinstance(error, FileNotFoundError) else ""
        raise UsageError(f'cannot read the baseline "{path}": {error.strerror}{hint}') from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f'"{path}" is no baseline: {error}') from error


def write_baseline(path: str, review: Review) -> int:
    """Write all findings of the run as the new baseline; how many there are.

    What an old one knows of files that were not looked at stays, as long as they exist.
    """
    from noetl.compiler.linting import baseline

    from . import pages

    counted = Counter(review.seen)
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.exists(path):
        for (file, code, line), number in read_baseline(path).entries.items():
            if file not in review.files and os.path.exists(os.path.join(folder, file)):
                counted[file, code, line] += number
    text = baseline.render(counted, pages.kinds().values())
    write_whole(path, text.encode("utf-8", "backslashreplace"))  # as JSON escapes a name that is no UTF-8
    return counted.total()


def write_whole(path: str, data: bytes) -> None:
    """Write a file so that others see the old or the new one, with mode and owner of the old one where the user may
    give them; UsageError if it cannot.

    A file without any permission to write stays, although a new one in its place could be made.
    """
    import shutil
    import stat
    from contextlib import suppress

    target = os.path.realpath(path)  # a link stays one
    fresh = f"{target}.noetl-{os.getpid()}"
    try:
        if os.path.exists(target) and not os.stat(target).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            raise UsageError(f'cannot write "{path}": it is read-only')
        with open(fresh, "wb") as file:
            file.write(data)
        if os.path.exists(target):
            old = os.stat(target)
            with suppress(PermissionError):  # only the superuser may give a file away
                os.chown(fresh, old.st_uid, old.st_gid)
            shutil.copymode(target, fresh)
        os.replace(fresh, target)
    except OSError as error:
        raise UsageError(f'cannot write "{path}": {error.strerror}') from error
    finally:
        if os.path.isfile(fresh):
            os.unlink(fresh)
