"""Where two meanings differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from noetl.compiler import ir
from noetl.diagnostics import Span

from .meaning import meaning, step_meaning
from .parts import Part

What: TypeAlias = Literal["added", "removed", "changed", "renamed", "moved", "reordered"]
Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference of meaning."""

    what: What
    where: Path
    """From the section down, such as `("workflow", "fetch", "case", "0", "when")`: items by number, as they are in the
    first playbook; of what is added, in the second one."""
    before: ir.Json
    after: ir.Json
    before_span: Span | None
    after_span: Span | None


def differences(before: ir.Workflow, after: ir.Workflow) -> list[Difference]:
    """Every difference, steps that were renamed first; none exactly where the hashes are equal."""
    names = renames(before, after)
    found: list[Difference] = []
    if names:
        spans = ({step.name: step.span for step in workflow.steps} for workflow in (before, after))
        was, now = spans
        for old, new in names.items():
            found.append(Difference("renamed", ("workflow", old), old, new, was[old], now[new]))
    return [*found, *_between((), meaning(before, names), meaning(after))]


def renames(before: ir.Workflow, after: ir.Workflow) -> dict[str, str]:
    """The steps that differ in nothing but their names, each with its new one.

    A step counts if it is the only one with its meaning on either side, the names of steps that came or went aside.
    """
    old, new = ({step.name for step in workflow.steps} for workflow in (before, after))
    gone, come = old - new, new - old
    blank = dict.fromkeys(gone | come, "")
    told = [
        {step.name: step_meaning(step, blank).digest for step in workflow.steps if step.name in names}
        for workflow, names in ((before, gone), (after, come))
    ]
    counted = [Counter(digests.values()) for digests in told]
    by_digest = {digest: name for name, digest in told[1].items() if counted[1][digest] == 1}
    return {
        name: by_digest[digest] for name, digest in told[0].items() if digest in by_digest and counted[0][digest] == 1
    }


def _between(where: Path, before: Part, after: Part) -> Iterator[Difference]:
    if before.digest == after.digest:
        return
    if before.kind != after.kind or before.kind == "leaf":
        yield Difference("changed", where, before.shown, after.shown, before.span, after.span)
    elif before.kind == "items":
        yield from _items(where, [*before.inner.values()], [*after.inner.values()])
    else:
        yield from _named(where, before, after)


def _named(where: Path, before: Part, after: Part) -> Iterator[Difference]:
    for name, part in before.inner.items():
        other = after.inner.get(name)
        if other is None:
            yield Difference("removed", (*where, name), part.shown, None, part.span, after.span)
        else:
            yield from _between((*where, name), part, other)
    for name, part in after.inner.items():
        if name not in before.inner:
            yield Difference("added", (*where, name), None, part.shown, before.span, part.span)
    common = [[name for name in one.inner if name in other.inner] for one, other in ((before, after), (after, before))]
    if before.kind == "entries" and common[0] != common[1]:
        yield Difference("reordered", where, [*before.inner], [*after.inner], before.span, after.span)


def _items(where: Path, before: list[Part], after: list[Part]) -> Iterator[Difference]:
    """Items that are equal are pairs, as many as can be in order; of the others those with one label, then those at one
    place of a gap."""
    matcher = SequenceMatcher(None, [p.digest for p in before], [p.digest for p in after], autojunk=False)
    lone_before: list[int] = []
    lone_after: list[int] = []
    pairs: list[tuple[int, int]] = []
    for tag, start, end, other, other_end in matcher.get_opcodes():
        if tag != "equal":
            found, left, right = _pairs([*range(start, end)], [*range(other, other_end)], before, after)
            pairs += found
            lone_before += left
            lone_after += right
    for one, two in pairs:
        yield from _between((*where, str(one)), before[one], after[two])
    for one in lone_before:
        moved = next((two for two in lone_after if after[two].digest == before[one].digest), None)
        if moved is None:
            yield Difference("removed", (*where, str(one)), before[one].shown, None, before[one].span, None)
        else:
            lone_after.remove(moved)
            places = before[one].span, after[moved].span
            yield Difference("moved", (*where, str(one)), one, moved, *places)
    for two in lone_after:
        yield Difference("added", (*where, str(two)), None, after[two].shown, None, after[two].span)


def _pairs(
    left: list[int], right: list[int], before: list[Part], after: list[Part]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """The pairs in a gap, and what stays alone on either side."""
    equal = {before[one].digest for one in left} & {after[two].digest for two in right}
    pairs: list[tuple[int, int]] = []
    for one in [one for one in left if before[one].label and before[one].digest not in equal]:
        two = next((two for two in right if after[two].label == before[one].label), None)
        if two is not None and after[two].digest not in equal:
            pairs.append((one, two))
            left.remove(one)
            right.remove(two)
    if not equal and len(left) == len(right):
        pairs += zip(left, right, strict=True)
        left, right = [], []
    return pairs, left, right
