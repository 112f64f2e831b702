"""What templates can read: roots and their members, events, filters and tests."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from typing import Final

from jinja2.filters import FILTERS
from jinja2.tests import TESTS

from noetl.compiler.expr.sandbox import LAZY, REFUSED, SANDBOX


@dataclass(frozen=True, slots=True)
class Name:
    """A name that expressions use, and the clauses about it."""

    name: str
    about: str
    clause: str
    members: tuple[str, ...] = ()
    """Attributes that its value always can have."""


_OUTCOME: Final = "RUL-4, VAL-2"
ROOTS: Final[dict[str, Name]] = {
    root.name: root
    for root in (
        Name("workload", "The data of the execution: the playbook's workload with the payload merged in.", "RUN-1"),
        Name("ctx", "The store: what set, collect and vars wrote.", "SET-1, CAU-1"),
        Name("vars", "The store, another name of ctx.", "TPL-7"),
        Name("args", "The values that the step was given.", "STP-2"),
        Name("event", "The event being handled.", "RUL-5", ("attempt", "call", "name", "payload", "step")),
        Name("response", "The last response of the tool.", _OUTCOME),
        Name("result", "The result of the run so far.", _OUTCOME),
        Name("this", "Another name of response.", _OUTCOME),
        Name(
            "error",
            "Why the call failed.",
            "RUL-4, TOO-1",
            ("body", "cause", "headers", "message", "status", "status_code", "traceback", "type"),
        ),
        Name("loop", "Where the loop stands.", "LOP-1", ("first", "index", "last", "length")),
        Name("loop_index", "The index of the iteration, from 0.", "TPL-7, LOP-1"),
        Name("execution_id", "The id of the execution.", "TPL-7"),
        Name("job", "The execution: job.uuid is its id.", "TPL-7", ("uuid",)),
        Name("keychain", "Secrets by reference, opened in tool fields only.", "TOO-11"),
        Name("secret", "Secrets by name: secret.NAME, opened in tool fields only.", "TOO-6"),
        Name("env", "Variables of the environment, those that the runner allows.", "TPL-6"),
        Name("spec", "The playbook's spec, as it stands.", "DOC-3"),
        Name("steps", 'The results of steps by name: steps["a/b"].', "TPL-7"),
    )
}
"""The roots, `steps` last."""
PAYLOAD: Final = Name("payload", "The data of the request, in the workload only.", "RUN-1")
EVENTS: Final[dict[str, Name]] = {
    event.name: event
    for event in (
        Name("step.enter", "Once per run, after args are rendered and before any call.", "STP-3"),
        Name("call.done", "After a call that worked, or failed and was not handled at call.error.", "STP-5"),
        Name("call.error", "After a call that failed.", "STP-5"),
        Name("step.exit", "At the end of a run, in a loop of each iteration and of the whole.", "STP-6, LOP-3"),
        Name("loop.done", "Once, after the last iteration of a loop.", "LOP-3"),
    )
}
FUNCTIONS: Final[dict[str, Name]] = {
    function.name: function
    for function in (
        Name("now", "The time of the event being handled, ISO 8601 in UTC.", "TPL-6"),
        Name("range", "A list of integers.", "TPL-3"),
        Name("dict", "A map of the given entries.", "TPL-3"),
        Name("namespace", "Holds values that a loop of a template changes.", "TPL-3"),
        Name("cycler", "Gives values in turn.", "TPL-3"),
        Name("joiner", "Gives a separator from its second call on.", "TPL-3"),
    )
}
_OWN: Final = {
    "b64encode": "The value as text in base64.",
    "b64decode": "The text that base64 stands for.",
}


@cache
def filters() -> dict[str, Name]:
    """Every filter by name. What Jinja's do is told in the words of Jinja's own documentation."""
    shown = (name for name in sorted(SANDBOX.filters) if name.isidentifier() and name not in REFUSED)
    return {name: _described(name, FILTERS.get(name)) for name in shown}


@cache
def tests() -> dict[str, Name]:
    """Every test by name, as after `is`; the operators of Jinja that are tests, too, are left out."""
    return {name: _described(name, TESTS.get(name)) for name in sorted(SANDBOX.tests) if name.isalpha()}


def _described(name: str, function: object) -> Name:
    text = _OWN.get(name) or inspect.cleandoc(getattr(function, "__doc__", None) or "").split("\n\n")[0]
    lazy = " Gives a list." if name in LAZY else ""
    return Name(name, " ".join(text.split()) + lazy, "TPL-6")
