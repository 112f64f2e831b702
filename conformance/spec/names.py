"""What templates and python code see at one moment of a run (TPL-7, RUL-4), and how a value of the playbook renders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from noetl.compiler.document import holds_template
from noetl.compiler.expr import NOW, render
from noetl.compiler.ir import Json
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.values import MISSING, SecretNames, is_undefined, plain

from .store import Result

RESERVED: Final = frozenset(
    {
        *("workload", "ctx", "vars", "args", "event", "response", "result", "this", "error", "loop", "loop_index"),
        *("execution_id", "job", "keychain", "secret", "env", "spec"),
    }
)
"""TPL-7."""
SECRETS: Final = ("keychain", "secret")
Keychain: TypeAlias = "Callable[[str], Mapping[str, object] | None]"
"""Gives an entry of the playbook's keychain, rendered (TOO-11)."""


@dataclass(slots=True)
class Names:
    """A scope. `roots` holds the reserved names that are bound, but for the aliases."""

    roots: dict[str, object]
    args: dict[str, Json] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)
    store: dict[str, Json] = field(default_factory=dict)
    iterator: tuple[str, Json] | None = None
    own: Result | None = None
    """The result of the run itself, from its step.exit on (STP-6)."""
    recovering: bool = False
    """Whether an error edge led to the run: an entry `error` of its args then wins (TPL-7)."""
    time: str = ""
    running: bool = True
    """Whether the store, args and results are in scope at all; not in `workload` (RUN-1) and `keychain` (TOO-11)."""
    keychain: Keychain | None = None
    """None where no secret is in scope."""

    def lookup(self, name: str) -> object:
        """The value of a name, or MISSING."""
        if name == NOW:
            return self.time
        if name == "error" and self.recovering and "error" in self.args:
            return self.args["error"]
        if name in RESERVED:
            return self._reserved(name)
        if self.iterator is not None and name == self.iterator[0]:
            return self.iterator[1]
        if name in self.args:
            return self.args[name]
        if self.own is not None and name == self.own.step:
            return self.own.seen()
        if name in self.results:
            return self.results[name].seen()
        if name in self.store:
            return self.store[name]
        return self._steps() if name == "steps" and self.running else MISSING

    def _reserved(self, name: str) -> object:
        if name in SECRETS:
            if self.keychain is None:
                return MISSING
            return SecretNames("secret" if name == "secret" else "keychain", None, self.keychain)
        if name in ("ctx", "vars"):
            return self.store if self.running else MISSING
        if name == "args":
            return self.args if self.running else MISSING
        return self.roots.get("response" if name == "this" else name, MISSING)

    def _steps(self) -> dict[str, object]:
        own = {} if self.own is None else {self.own.step: self.own.seen()}
        return {step: result.seen() for step, result in self.results.items()} | own

    def as_json(self, name: str) -> object:
        """What python code gets for a name (TOO-3), or MISSING."""
        value = self.lookup(name)
        return MISSING if is_undefined(value) or isinstance(value, SecretNames) else plain(value)

    def bound(self) -> Iterable[str]:
        """All names that are bound, in sorted order."""
        own = set() if self.own is None else {self.own.step}
        iterator = set() if self.iterator is None else {self.iterator[0]}
        every = RESERVED | {*self.args, *self.results, *self.store, *own, *iterator, "steps"}
        return sorted(name for name in every if name not in SECRETS and self.lookup(name) is not MISSING)

    def frozen(self) -> Names:
        """The scope as it is now; later changes do not reach it."""
        return Names(
            dict(self.roots),
            self.args,
            self.results,
            dict(self.store),
            self.iterator,
            self.own,
            self.recovering,
            self.time,
            True,
            self.keychain,
        )


def rendered(node: Node, names: Names) -> object:
    """A value of the playbook with each of its templates rendered once (TPL-2); TemplateFailed."""
    if isinstance(node, Scalar):
        text = node.value
        return render(text, names) if isinstance(text, str) and holds_template(text) else text
    if isinstance(node, Seq):
        return [rendered(item, names) for item in node.items]
    return {key.text: rendered(item, names) for key, item in node.entries}


def as_written(node: Node) -> Json:
    """A value of the playbook as it stands there."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Seq):
        return [as_written(item) for item in node.items]
    return {key.text: as_written(item) for key, item in node.entries}


def entries_of(node: Map | None) -> list[tuple[str, Node]]:
    """The entries of a mapping that may be absent."""
    return [] if node is None else [(key.text, value) for key, value in node.entries]
