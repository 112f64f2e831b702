"""NTL214: a parameter of `main` that nothing gives a value (TOO-3)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.calling import Caller, callers, code_of
from noetl.compiler.checked import Checked, of_step
from noetl.compiler.findings import closest, quoted
from noetl.compiler.signature import Parameter
from noetl.diagnostics import Diagnostic, Related, Severity, Span, kind

KIND = kind("NTL214", "missing-argument", Severity.WARNING, "a parameter of main() that nothing gives a value")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the parameter, for the first step that does not give it.

    A single one gets all args as a map, which is meant as often as not: it is found only where an arg that the code
    does not take has a similar name.
    """
    if not playbook.sound:
        return
    codes = {id(scalar): code for scalar, code in playbook.python}
    seen: set[Span] = set()
    for caller in callers(playbook.workflow, playbook.facts):
        scalar = code_of(caller.tool)
        code = None if scalar is None else codes.get(id(scalar))
        if scalar is None or code is None or code.main is None or caller.given is None:
            continue
        missing = [p for p in code.main.parameters if p.required and not caller.given.has(p.name)]
        others = caller.given.args - {parameter.name for parameter in code.main.parameters}
        for parameter in missing:
            place = scalar.place(*code.place(code.main, parameter.name))
            near = closest(parameter.name, others)
            if place not in seen and (len(missing) > 1 or near is not None):
                seen.add(place)
                yield _diagnostic(playbook, caller, parameter, near, len(missing) > 1, place)


def _diagnostic(
    playbook: Checked, caller: Caller, parameter: Parameter, near: str | None, fails: bool, place: Span
) -> Diagnostic:
    name = quoted(parameter.name)
    if fails:
        message = f"{of_step(caller.step)} gives no value for parameter {name} of main(): the call fails"
    else:
        message = f"{of_step(caller.step)} gives no arg {name}: this parameter of main() gets all args as a map"
    hint = f"did you mean {quoted(near)}?" if near is not None else f'give {name} in "args", or the parameter a default'
    related = () if caller.task is None else (Related("the step that runs the task", caller.step.span),)
    return playbook.found(KIND, message, place, hint=hint, related=related)
