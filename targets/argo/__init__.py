"""Argo Workflows: one file of manifests per playbook, and the program that runs in its pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from noetl.targets.base import Capability, Compiled, Options, Source, Target


class ArgoTarget:
    """The target `argo`. Its parts are imported when they are used: what runs in a pod needs few of them."""

    name = "argo"

    def capabilities(self) -> tuple[Capability, ...]:
        """The table of what Argo carries, and how."""
        from .capabilities import TABLE

        return TABLE

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of Argo Workflows that there are files for, the newest last."""
        from .capabilities import VERSIONS

        return VERSIONS

    def compile(self, source: Source, options: Options | None = None) -> Compiled:
        """The manifests of a playbook; UnsupportedByTarget with every reason if there are none."""
        from noetl.targets.base import Options

        from .lower import compile_playbook

        return compile_playbook(source, options or Options())


TARGET: Final[Target] = ArgoTarget()
