"""From what was found in a file to what is shown: selection, suppressing comments, baseline."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from noetl.compiler.linting import baseline, suppression
from noetl.compiler.linting.selection import Selection, family
from noetl.diagnostics import Diagnostic, Kind, Severity, in_order
from noetl.errors import UsageError

from . import pages
from .analysis import Analysis, Question
from .settings import Settings

_TARGETS: Final = "5"
"""The first digit of the family that only a target is asked about."""


@dataclass(slots=True)
class Review:
    """Chooses what is shown of each file, and counts what is not."""

    settings: Settings
    selection: Selection
    question: Question
    known: baseline.Baseline | None = None
    suppressed: int = 0
    in_baseline: int = 0
    seen: Counter[baseline.Known] = field(default_factory=Counter)
    """Every finding that a baseline could hold."""
    files: set[str] = field(default_factory=set)
    """The files looked at, as a baseline names them."""

    def shown(self, found: Analysis) -> list[Diagnostic]:
        """The findings of a file that are shown, in order; counted as part of the run."""
        reviewed = self._reviewed(found)
        self.suppressed += reviewed.suppressed
        kept = in_order(reviewed.kept)
        if found.text is None:
            return kept
        name = self.name(found.path)
        self.files.add(name)
        self.seen.update(baseline.entries(name, found.text, kept))
        left = self._unknown(found, kept)
        self.in_baseline += len(kept) - len(left)
        return left

    def fixable(self, found: Analysis) -> list[Diagnostic]:
        """The findings of a file that are shown and have a fix."""
        kept = in_order(self._reviewed(found).kept)
        return [one for one in self._unknown(found, kept) if one.fix is not None]

    def stale(self) -> list[Diagnostic]:
        """Whether the baseline holds findings that are gone."""
        path = self.settings.baseline
        if self.known is None or path is None:
            return []
        gone = self.known.gone(self.seen, self.files)
        return [baseline.stale(path, gone)] if gone and self.selection.shows(baseline.STALE) else []

    def name(self, path: str) -> str:
        """What a baseline calls a file: its path from the folder of the baseline."""
        folder = os.path.dirname(os.path.abspath(self.settings.baseline or os.path.join(self.settings.root, "x")))
        return os.path.relpath(path, folder).replace(os.sep, "/")

    def _unknown(self, found: Analysis, kept: list[Diagnostic]) -> list[Diagnostic]:
        if self.known is None or found.text is None:
            return kept
        return self.known.unknown(self.name(found.path), found.text, kept)

    def _reviewed(self, found: Analysis) -> suppression.Reviewed:
        selection = self.selection.without(self.settings.ignored_in(found.path))

        def shows(one: Diagnostic) -> bool:
            # Where a text cannot be read, whatever else was selected is not known either.
            broken = not found.whole and one.severity is Severity.ERROR
            return selection.shows(one.kind) or (broken and Selection((one.code,), selection.ignore).shows(one.kind))

        def active(kind: Kind) -> bool:
            asked = kind.code[3:4] != _TARGETS or self.question.target is not None
            return found.whole and asked and selection.shows(kind)

        chosen = [one for one in found.diagnostics if shows(one)]
        made = suppression.review(found.text or "", found.path, chosen, known=pages.kinds, active=active)
        own = (suppression.UNUSED, suppression.UNKNOWN)
        kept = tuple(one for one in made.kept if one.kind not in own or selection.shows(one.kind))
        return suppression.Reviewed(kept, made.suppressed)


def check_selectors(selectors: Iterable[str], origin: str) -> None:
    """UsageError for a selector that means no kind."""
    from noetl.compiler.findings import close_to
    from noetl.compiler.linting.selection import DEFAULT, matches

    kinds = pages.kinds()
    for selector in selectors:
        if selector == DEFAULT or any(matches(selector, kind) for kind in kinds.values()):
            continue
        near = close_to(selector, {*kinds, *(family(code) for code in kinds if code.startswith("NTL"))})
        message = f'"{selector}" is no code, name or family of findings'
        raise UsageError((f"{origin}: " if origin else "") + message + (f"; {near}" if near else ""))


def read_baseline(path: str) -> baseline.Baseline:
    """The baseline in a file; UsageError if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return baseline.parse(file.read())
    except OSError as error:
        hint = "; --write-baseline makes one" if isinstance(error, FileNotFoundError) else ""
        raise UsageError(f'cannot read the baseline "{path}": {error.strerror}{hint}') from error
    except ValueError as error:
        raise UsageError(f'"{path}" is no baseline: {error}') from error


def write_baseline(path: str, review: Review) -> int:
    """Write all findings of the run as the new baseline; how many there are.

    What an old one knows of files that were not looked at stays, as long as they exist.
    """
    counted = Counter(review.seen)
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.exists(path):
        for (file, code, line), number in read_baseline(path).entries.items():
            if file not in review.files and os.path.exists(os.path.join(folder, file)):
                counted[file, code, line] += number
    write_whole(path, baseline.render(counted, pages.kinds().values()).encode())
    return counted.total()


def write_whole(path: str, data: bytes) -> None:
    """Write a file so that others see the old or the new one, with the mode of the old one; UsageError if it cannot."""
    import shutil

    target = os.path.realpath(path)  # a link stays one
    fresh = f"{target}.noetl-{os.getpid()}"
    try:
        with open(fresh, "wb") as file:
            file.write(data)
        if os.path.exists(target):
            shutil.copymode(target, fresh)
        os.replace(fresh, target)
    except OSError as error:
        raise UsageError(f'cannot write "{path}": {error.strerror}') from error
    finally:
        if os.path.exists(fresh):
            os.unlink(fresh)
