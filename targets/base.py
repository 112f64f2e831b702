"""What a target is: a table of what it can do, and a compiler from a playbook to files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from noetl.compiler import ir
from noetl.diagnostics import Kind

if TYPE_CHECKING:
    from .explain import Explanation
    from .profile import Profile
    from .requirements import Requirements

Support: TypeAlias = Literal["native", "emulated", "refused"]
"""How a target carries a feature: by a construct of its own, by the runtime inside one of its tasks, or not at all."""
Refusal: TypeAlias = Literal["never", "upstream", "todo"]
"""Why a feature is refused: it makes no sense there, the other engine lacks something, or nobody has built it yet."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One row of a target's table. The docs, the refusals and the expected failures of conformance come from it."""

    feature: str
    """A name of `features.FEATURES`."""
    support: Support
    how: str
    """How it is carried; for a refused feature the reason, as the end of the diagnostic's sentence."""
    code: Kind | None = None
    """The diagnostic of a refusal; None for what is carried."""
    refusal: Refusal | None = None
    hint: str | None = None
    versions: tuple[str, ...] = ()
    """The versions of the other engine to which the row applies; none are all of them."""

    def __post_init__(self) -> None:
        refused = self.support == "refused"
        if refused != (self.code is not None) or refused != (self.refusal is not None):
            raise ValueError(
                f"capability {self.feature}: a code and a kind of refusal belong to refused rows, and only there"
            )


def rows_of(table: Iterable[Capability], version: str) -> tuple[Capability, ...]:
    """The rows that hold for a version of the other engine."""
    return tuple(row for row in table if not row.versions or version in row.versions)


def carried(target: Target, feature: str) -> bool:
    """Whether a target has a row for a feature, and does not refuse it."""
    return any(row.feature == feature and row.support != "refused" for row in target.capabilities())


def markdown_table(rows: Iterable[Capability], features: Mapping[str, str]) -> str:
    """A table of capabilities as the docs show it; `features` says what each one is."""
    lines = ["| feature | what it is | carried | how |", "|---|---|---|---|"]
    for row in rows:
        carried = str(row.support) if row.code is None else f"refused ({row.refusal}, {row.code.code})"
        lines.append(f"| {row.feature} | {features[row.feature]} | {carried} | {row.how} |")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Source:
    """What a target compiles: a playbook without errors."""

    path: str
    text: str
    """The whole playbook as decoded; a target ships it unchanged."""
    workflow: ir.Workflow
    playbooks: Mapping[str, str] = field(default_factory=dict)
    """The texts of the sub-playbooks that a target ships, by file (TOO-4)."""
    all_playbooks: bool = False
    """Whether these are all that there are, so that a path may be a template."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a compilation besides the playbook."""

    version: str | None = None
    """The version of the other engine, one of the target's; None is the newest."""
    native: bool = False
    """Whether every fallback is refused."""
    maps: tuple[str, ...] = ()
    """The steps, by name or pattern, whose parallel iterations are to be tasks of their own."""
    profile: Profile | None = None
    """What an operations team says about playbooks."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The result for one playbook."""

    identity: str
    """What no other playbook of the same installation may share, such as the DAG's id."""
    file: str
    """The name of the file, without folders."""
    content: str
    explain: Callable[[], Explanation]
    """Tells what became of each step, and why: what `--explain` prints."""
    require: Callable[[], Requirements]
    """Tells what it needs where it runs: what `--requirements` prints."""


class Target(Protocol):
    """A compiler for one other engine; found by an entry point in the group `noetl.targets`."""

    name: str

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of the other engine that there are files for, the newest last."""
        ...

    def capabilities(self) -> tuple[Capability, ...]:
        """The table of what this target carries, with a row for each version where they differ."""
        ...

    def compile(self, source: Source, options: Options | None = None) -> Compiled:
        """The file for a playbook, checked against it; UnsupportedByTarget with every reason if there is none."""
        ...
