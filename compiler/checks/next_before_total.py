"""NTL413: a transition out of an iteration to a step that reads what the whole loop gives (LOP-4, LOP-5)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, of_step
from noetl.compiler.findings import quoted
from noetl.compiler.passes.facts import Site
from noetl.diagnostics import Diagnostic, Related, Severity, kind

KIND = kind(
    "NTL413", "next-before-total", Severity.WARNING, "a transition out of an iteration to a reader of the total"
)


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the transition, with the read. The loop's own name is not bound yet where its iterations lead to."""
    facts = playbook.facts
    reads: dict[tuple[str, str], Site] = {}
    for outcome in facts.outcomes:
        reader = outcome.site.step
        own = outcome.read.name in ("response", "result", "this")
        if outcome.shape == "loop" and reader is not None and outcome.read.guard is None and not own:
            reads.setdefault((outcome.step.name, reader.name), outcome.site)
    if not playbook.flows or not reads:
        return
    for step in playbook.workflow.steps:
        if step.loop is None or facts.components.in_cycle(step.name):
            continue
        for way in facts.exits.of[step.name]:
            for edge in way.edges if way.phases == {"iteration"} else ():
                site = reads.get((step.name, edge.target))
                if site is None or site.step is None:
                    continue
                message = (
                    f"this transition leaves an iteration of {of_step(step)}, and {of_step(site.step)} reads "
                    f"{quoted(step.name)}, which is bound only when the loop has ended"
                )
                related = (Related("it is read here", site.value.place(0, len(site.value.source))),)
                hint = "route at loop.done, or pass on in args what the iteration gave"
                yield playbook.found(KIND, message, edge.span, hint=hint, related=related)
