"""One call of `noetl lint`: which files, what is found, what is fixed, what is shown, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from noetl.cli import FINDINGS, OK, USAGE
from noetl.compiler.linting.selection import Selection
from noetl.diagnostics import Diagnostic, in_order
from noetl.errors import UsageError

from . import paths as files
from . import report, workers
from .analysis import STDIN, Analysis, Question, failing
from .report import Format
from .review import Review, check_selectors, read_baseline, write_baseline, write_whole
from .settings import Settings

if TYPE_CHECKING:
    from .cache import Cache


class Options(NamedTuple):
    """What to do with the findings."""

    format: Format
    fix: bool
    diff: bool
    write_baseline: bool
    statistics: bool
    no_cache: bool
    processes: int | None


class Session:
    """Checks the paths under a configuration."""

    def __init__(self, paths: Sequence[str], settings: Settings, options: Options) -> None:
        self._settings = settings
        self._options = options
        _check(settings, options)
        selection = Selection(settings.select, settings.ignore, ("portability",) if settings.portable else ())
        self._question = Question(settings.target, selection.everything)
        known = read_baseline(settings.baseline) if settings.baseline and not options.write_baseline else None
        self._review = Review(settings, selection, self._question, known)
        self._cache = None if options.no_cache else _cache(settings.root, self._question)
        self._files, self._troubles = files.gather(paths, settings.excludes)
        self._out = sys.stderr if options.fix and files.STDIN in self._files else sys.stdout
        self._sources: dict[str, str] = {}
        self._fixed = 0
        self._unread = False
        self._changed = False

    def code(self) -> int:
        """Do it all; the exit code."""
        found = in_order([*self._findings(), *self._review.stale()])
        if self._settings.baseline and self._options.write_baseline:
            number = write_baseline(self._settings.baseline, self._review)
            print(f"wrote {self._settings.baseline}: {number} known", file=sys.stderr)
            found = []
        elif not self._options.diff:
            self._show(found)
        for trouble in self._troubles:
            print(f"noetl: error: {trouble}", file=sys.stderr)
        self._sum_up(found)
        if self._troubles or self._unread:
            return USAGE
        failed = self._changed if self._options.diff else any(failing(one, self._settings.strict) for one in found)
        return FINDINGS if failed else OK

    def _findings(self) -> Iterator[Diagnostic]:
        """What is shown of all files."""
        looked = workers.analyse_all(self._files, self._question, self._cache, self._options.processes)
        for data, found in workers.with_progress(looked, len(self._files)):
            self._unread = self._unread or found.text is None
            if self._options.fix or self._options.diff:
                found = self._repaired(data, found)
            shown = self._review.shown(found)
            # Only a text that is quoted is kept: there may be very many.
            self._sources[found.path] = (found.text or "") if shown else ""
            yield from shown

    def _repaired(self, data: bytes, found: Analysis) -> Analysis:
        """Fix a file, or show how; what is found in it afterwards, with --diff before."""
        from .repair import diff, repair

        done = repair(data, found, self._question, self._review)
        self._changed = self._changed or done.changed
        if self._options.diff:
            print(diff(done), end="")
            return found
        if found.path == STDIN:
            sys.stdout.buffer.write(done.after)
        elif done.changed:
            try:
                write_whole(found.path, done.after)
            except UsageError as error:  # the others are fixed all the same
                self._troubles.append(str(error))
                return found
            if self._cache is not None:
                self._cache.put(done.after, done.analysis)
        self._fixed += done.fixed
        return done.analysis

    def _show(self, found: Sequence[Diagnostic]) -> None:
        if self._options.statistics:
            shown = report.statistics(found, self._options.format)
        else:
            shown = report.render(found, self._sources, self._options.format)
        if shown:
            print(shown, file=self._out)

    def _sum_up(self, found: Sequence[Diagnostic]) -> None:
        review = self._review
        others = {"fixed": self._fixed, "suppressed": review.suppressed, "in the baseline": review.in_baseline}
        print(report.summary(len(self._sources), found, others), file=sys.stderr)


def _check(settings: Settings, options: Options) -> None:
    """UsageError for what does not fit."""
    inside = [s for _, selectors in settings.per_file_ignores for s in selectors]
    if settings.select or settings.ignore or inside:
        check_selectors([*settings.select, *settings.ignore, *inside], settings.origin)
    if settings.target is not None:
        from noetl.targets.registry import load

        load(settings.target)
    if options.write_baseline and settings.baseline is None:
        raise UsageError("--write-baseline needs --baseline FILE, or a baseline in the configuration")


def _cache(root: str, question: Question) -> Cache:
    from .cache import Cache  # not where it is not wanted

    return Cache(root, question)
