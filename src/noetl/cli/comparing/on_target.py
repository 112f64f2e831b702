"""What a difference between two playbooks changes on a target: the tasks of steps, the needs, the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from noetl.compiler.differences import renames
from noetl.compiler.ir import Json
from noetl.errors import UnsupportedByTarget
from noetl.targets.base import Compiled, Options, Source, Target
from noetl.targets.explain import StepStory


@dataclass(frozen=True, slots=True)
class TargetChanges:
    """The result on one target."""

    target: str
    refused: tuple[str, ...]
    """What the target says of the sides that it refuses; then nothing else is known."""
    steps: tuple[tuple[str, str, str], ...] = ()
    """Each step that becomes something else, with what it became before and after."""
    needs: tuple[str, ...] = ()
    """What is needed no more, with `-`, and what is needed now, with `+`."""
    identity: tuple[str, str] = ("", "")
    file: bool = False
    """Whether the compiled file differs, apart from the name of the playbook's file."""

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"on {self.target}"
        yield from (f"  refused: {told}" for told in self.refused)
        if self.refused:
            return
        if self.identity[0] != self.identity[1]:
            yield f"  {self.identity[0]} -> {self.identity[1]}"
        yield from (f"  {step}: {before} -> {after}" for step, before, after in self.steps)
        yield from (f"  needs {need}" for need in self.needs)
        if not self.steps:
            yield "  every step becomes the same tasks"
        yield f"  the compiled file {'changes' if self.file else 'stays as it is'}"

    def to_json(self) -> dict[str, Json]:
        """For programs."""
        steps: list[Json] = [{"step": step, "before": before, "after": after} for step, before, after in self.steps]
        told: dict[str, Json] = {"name": self.target, "refused": [*self.refused], "steps": steps}
        return {**told, "needs": [*self.needs], "identity": [*self.identity], "file_changes": self.file}


def on_target(target: Target, before: Source, after: Source, options: Options) -> TargetChanges:
    """What changes for a target."""
    refused: list[str] = []
    made: list[Compiled] = []
    for source in (before, after):
        try:
            # Under one name, as the name of a playbook's file is part of what it is compiled to.
            made.append(target.compile(replace(source, path=after.path), options))
        except UnsupportedByTarget as error:
            refused += [f"{_real(d.path, after, source)}:{d.span}: {d.code} {d.message}" for d in error.diagnostics]
    if len(made) < 2:
        return TargetChanges(target.name, tuple(refused))
    old, new = made
    needs = [set(one.require().shown().splitlines()) for one in made]
    return TargetChanges(
        target.name,
        (),
        tuple(_steps(old.explain().steps, new.explain().steps, renames(before.workflow, after.workflow))),
        (*(f"-{need}" for need in sorted(needs[0] - needs[1])), *(f"+{need}" for need in sorted(needs[1] - needs[0]))),
        (old.identity, new.identity),
        old.content != new.content,
    )


def _real(path: str, named: Source, source: Source) -> str:
    """The path of a diagnostic about a playbook that was compiled under the name of another one."""
    return source.path if path == named.path else path


def _steps(
    before: Sequence[StepStory], after: Sequence[StepStory], renamed: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    old = {renamed.get(story.step, story.step): _story(story) for story in before}
    new = {story.step: _story(story) for story in after}
    for step in dict.fromkeys([*old, *new]):
        was, now = old.get(step, "nothing"), new.get(step, "nothing")
        if was != now:
            yield step, was, now


def _story(story: StepStory) -> str:
    if story.reason is None:
        return story.unit
    native = "native" if story.native else "not native"
    return f"{story.unit} [{story.reason.code}], {native}, {', '.join(story.tasks)}"
