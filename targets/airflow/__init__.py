"""Apache Airflow: one DAG file per playbook. This package imports Airflow only in `operators`, which runs inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noetl.targets.base import Capability, Compiled, Options, Source, Target
    from noetl.targets.trace import Mention, Places


class AirflowTarget:
    """The target `airflow`. Its parts are imported when they are used: a DAG that is parsed needs none of them."""

    name = "airflow"

    def capabilities(self) -> tuple[Capability, ...]:
        """The table of what Airflow carries, and how."""
        from .capabilities import TABLE

        return TABLE

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of Airflow that there are files for, the newest last."""
        from .capabilities import VERSIONS

        return VERSIONS

    def compile(self, source: Source, options: Options | None = None) -> Compiled:
        """The DAG file of a playbook; UnsupportedByTarget with every reason if there is none."""
        from noetl.targets.base import Options

        from .lower import compile_playbook

        return compile_playbook(source, options or Options())

    def places(self, content: str) -> Places | None:
        """What a DAG file says about its tasks; None if noetl has not made it."""
        from .tracing import places

        return places(content)

    def mentions(self, text: str) -> Iterator[Mention]:
        """The task that a line of a log, its path, or the address of a page speaks of."""
        from .tracing import mentions

        return mentions(text)


TARGET: Final[Target] = AirflowTarget()
