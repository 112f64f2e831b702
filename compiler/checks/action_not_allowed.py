"""NTL402: a control action at an event that does not allow it (RUL-9)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked, both, of_step
from noetl.compiler.findings import listed, quoted
from noetl.compiler.nodes import Map, Node, Scalar
from noetl.compiler.rules import allowed, controls
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL402", "action-not-allowed", Severity.ERROR, "a control action at an event that does not allow it")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the key of the action. Every event that the rule listens to must allow it."""
    for spec, step in playbook.steps():
        if playbook.lost_work(step):
            continue
        for rule, lowered in zip(spec.case or (), step.rules, strict=True):
            for key in controls(rule):
                if key.text == "call" and step.tool is None:
                    if not _names_step(playbook.written(key)):
                        yield playbook.found(KIND, f'"call" in {of_step(step)}, which has no tool', key.span)
                else:
                    yield from _at_events(playbook, step, lowered, key)


def _names_step(call: Node | None) -> bool:
    """Whether it is refused as a transition already (CALL-2)."""
    return isinstance(call, Map) and call.key("step") is not None


def _at_events(playbook: Checked, step: ir.Step, rule: ir.Rule, key: Scalar) -> Iterator[Diagnostic]:
    refusing = [event for event in rule.events if key.text not in allowed(step, event)]
    if not refusing:
        return
    event = refusing[0]
    where = event if step.loop is None or event != "step.enter" else "step.enter of a loop"
    others = f" (nor at {both([*refusing[1:]])})" if refusing[1:] else ""
    message = (
        f"{quoted(key.text)} is not allowed at {where}{others}, which this rule of {of_step(step)} listens to; "
        f"allowed there: {listed(allowed(step, event))}"
    )
    hint = None
    if len(rule.events) > len(refusing):
        kept = [event for event in rule.events if event not in refusing]
        hint = f"""limit it with "event.name == '{kept[0]}'" in "when" """.rstrip()
    elif key.text in ("call", "retry") and step.tool is not None:
        hint = "a call can be repeated at call.done and call.error"
    yield playbook.found(KIND, message, key.span, hint=hint)
