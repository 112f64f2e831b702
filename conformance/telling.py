"""A failure for people: the clause, what is allowed, what was seen, where in the playbook, and how to see it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.targets.plan import plan
from noetl.targets.registry import names

from .case import AnyOrder, Expect
from .conform import Judged
from .header import Header
from .law import clauses
from .observation import Observation

WIDTH: Final = 118
_SHOWN: Final = 12
"""So many runs or requests of a trace are shown."""
_STEP: Final = re.compile(r"^run (.+?) (?:\[|\w)")


def failure(one: Judged, header: Header, place: str | None = None) -> list[str]:
    """All that is known of a case that is not green. `place` is the file of the case, if it is not the suite's."""
    lines = [f"{one.verdict.upper()} {one.case.id}  on {header.target}: {one.case.title}"]
    for clause in one.case.clauses[:2]:
        text = clauses().get(clause)
        if text is not None:
            lines.append(f"  clause {clause}  {_cut(text, WIDTH - len(clause) - 11)}")
    if one.verdict == "failed" and one.seen is not None:
        lines.append(f"  allowed   {_cut(allowed(one.case.expect), WIDTH)}")
        lines.append(f"  observed  {_cut(observed(one.seen), WIDTH)}")
    for number, said in enumerate(one.said[:5]):
        lines.append(f"  {'first    ' if number == 0 else '         '} {line_of(said)}")
    if len(one.said) > 5:
        lines.append(f"  and {len(one.said) - 5} more")
    if one.case.catches:
        lines.append(f"  it catches: {one.case.catches}")
    where = playbook_line(one)
    if where is not None:
        lines.append(f"  playbook  {where}")
    rule = lowering_rule(one, header.target) if one.verdict == "failed" else None
    if rule is not None:
        lines.append(f"  lowering  {_cut(rule, WIDTH * 2)}")
    lines.append(f"  again     {again(one.case.id, header, place)}")
    return lines


def again(case: str, header: Header, place: str | None = None) -> str:
    """The command that runs only this case. The seed says in which order a target runs what is ready."""
    asked = ["noetl conform --target", shlex.quote(header.target)]
    asked += [] if header.tier is None else ["--tier", header.tier]
    asked += ["--case", shlex.quote(case)] if place is None else ["--cases", shlex.quote(place)]
    asked += [] if header.seed == 0 else ["--seed", str(header.seed)]
    return " ".join(asked)


def line_of(said: str) -> str:
    """What was said, on one line."""
    return _cut(" ".join(said.split()), WIDTH * 2)


def playbook_line(one: Judged) -> str | None:
    """The place of the step that differs first, with its line in the playbook; None if no step is named."""
    workflow = compile_source(one.case.text(), one.case.path).workflow
    step = None if workflow is None else _differing(one, workflow)
    if step is None:
        return None
    return f"{one.case.path}:{step.span.line} step {step.name}: {_line(one.case.text(), step.span.line)}"


def lowering_rule(one: Judged, target: str) -> str | None:
    """What the step that differs first became on a target that compiles, and the code of the reason.

    Where no step is named: what every step became. None for a target that runs playbooks as they are.
    """
    workflow = compile_source(one.case.text(), one.case.path).workflow
    if target not in names() or workflow is None:
        return None
    step = _differing(one, workflow)
    told = {
        member.name: f"{member.name}: {unit.kind}, {len(unit.copies)} {'task' if len(unit.copies) == 1 else 'tasks'}"
        f" [{reason.code}]{f' {reason.text}' if step is not None else ''}"
        for unit in plan(workflow).units
        for member, reason in zip(unit.steps, unit.reasons, strict=True)
    }
    return "; ".join(told.values()) if step is None else told.get(step.name)


def _differing(one: Judged, workflow: ir.Workflow) -> ir.Step | None:
    """The step that differs first; None if no step is named."""
    named = [match[1] for said in one.said if (match := _STEP.match(said))]
    summary = one.seen.summary if one.seen is not None else None
    error = summary.get("error") if summary is not None else None
    if isinstance(error, dict):
        named.append(str(error.get("step")))
    for step in workflow.steps:
        if named and step.name == named[0] and step.declared:
            return step
    return None


def allowed(expect: Expect) -> str:
    """What the case expects, as a trace."""
    if expect.refused is not None:
        return f"refused {expect.refused.code or ''} {expect.refused.name or ''}".strip()
    parts: list[str] = []
    if expect.runs is not None:
        parts.append(_trace(f"{run.step}{_status(run.status)}" for run in expect.runs))
    if expect.requests is not None:
        counts = {
            label: sum(not isinstance(e, AnyOrder) for e in entries) for label, entries in expect.requests.items()
        }
        parts.append("requests " + (_counts(counts)))
    if expect.never:
        parts.append(f"never {', '.join(expect.never)}")
    if expect.status is not None:
        parts.append(f"status {expect.status}")
    if "output" in expect.model_fields_set:
        parts.append(f"output {expect.output!r}")
    return "; ".join(parts) or "see the case"


def observed(seen: Observation) -> str:
    """What was seen, as a trace."""
    if seen.problem is not None:
        return f"nothing: {line_of(seen.problem)}"
    if seen.summary is None:
        return f"refused {', '.join(f'{d.code} {d.name}' for d in seen.diagnostics)}"
    runs = seen.summary.get("runs")
    parts = [_trace(_run(run) for run in runs if isinstance(run, dict))] if isinstance(runs, list) else []
    counts: dict[str, int] = {}
    for request in seen.requests:
        counts[request.label] = counts.get(request.label, 0) + 1
    parts += [f"requests {_counts(counts)}", f"status {seen.summary.get('status')}"]
    parts.append(f"output {seen.summary.get('output')!r}")
    return "; ".join(parts)


def _run(run: Mapping[str, Json]) -> str:
    status = run.get("status")
    return f"{run.get('step')}{_status(status if isinstance(status, str) else None)}"


def _status(status: str | None) -> str:
    return "" if status in (None, "success") else f" ({status})"


def _trace(entries: Iterator[str]) -> str:
    found = list(entries)
    more = f" -> and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (" -> ".join(found[:_SHOWN]) + more) or "no run"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {n}" for label, n in sorted(counts.items())) or "none"


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1].strip() if number <= len(lines) else ""


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
