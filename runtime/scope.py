"""The names that a template sees, by event (TPL-7, RUL-4)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field

from noetl.compiler.expr import NOW
from noetl.compiler.ir import RESERVED, Json
from noetl.compiler.values import MISSING, SecretNames, mask, view

from .keychain import Keychain
from .packet import Packet, Result


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """What is the same for every run of an execution."""

    execution_id: str
    env: Mapping[str, str]
    """The environment names that the runner allows, with their values (TPL-6)."""


@dataclass(slots=True)
class Scope:
    """The scope of one run. The run moves it from event to event by setting its fields."""

    info: ExecutionInfo
    keychain: Json
    spec: Json
    packet: Packet
    time: str
    """The time of the event being handled: `now()`."""
    args: dict[str, Json] = field(default_factory=dict)
    event: dict[str, Json] | None = None
    response: Result | None = None
    result: Result | None = None
    error: Json | None = None
    inherited_error: bool = False
    """Whether an entry of `args` named `error` wins over the root (TPL-7)."""
    own: tuple[str, Result | None] | None = None
    """The run's own step name and its result, from step.exit on (STP-6)."""
    store: dict[str, Json] = field(init=False)
    results: dict[str, Result] = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.packet.store()
        self.results = self.packet.results()

    def lookup(self, name: str) -> object:
        """The value of a root name, or MISSING where it is undefined."""
        if name == NOW:
            return self.time
        if name in RESERVED:
            if name == "error" and self.inherited_error and "error" in self.args:
                return self.args["error"]
            return self._root(name)
        if name in self.args:
            return self.args[name]
        if self.own and name == self.own[0]:
            return self._shown(self.own[1])
        if name in self.results:
            return self._shown(self.results[name])
        if name in self.store:
            return self.store[name]
        if name == "steps":
            return self._steps()
        return MISSING

    def with_args(self, args: dict[str, Json]) -> Scope:
        """The same scope with other args: what a workbook task's templates see (TOO-4)."""
        other = copy(self)
        other.args = args
        return other

    def names(self) -> list[str]:
        """Every name that is bound, roots first: what `context` holds (TOO-3). Secrets are not among them."""
        roots = [n for n in sorted(RESERVED - {"secret", "keychain"}) if self._root(n) is not MISSING]
        own = [self.own[0]] if self.own and self.own[1] is not None else []
        return list(dict.fromkeys([*roots, *self.args, *own, *self.results, *self.store, "steps"]))

    def plain(self, name: str) -> object:
        """The JSON value of a name for a python tool, or MISSING. Of a secret, code is given no more than the name."""
        if name in ("secret", "keychain"):
            return MISSING
        value = self.lookup(name)
        return value if value is MISSING else mask(value)

    def _root(self, name: str) -> object:
        found: object = MISSING
        match name:
            case "workload":
                found = self.packet.workload
            case "ctx" | "vars":
                found = self.store
            case "args":
                found = self.args
            case "event":
                found = MISSING if self.event is None else self.event
            case "response" | "this":
                found = self._shown(self.response)
            case "result":
                found = self._shown(self.result)
            case "error":
                found = MISSING if self.error is None else self.error
            case "execution_id":
                found = self.info.execution_id
            case "job":
                found = {"uuid": self.info.execution_id}
            case "env":
                found = dict(self.info.env)
            case "secret":
                found = SecretNames("secret")
            case "keychain":
                found = self._keychain()
            case "spec":
                found = MISSING if self.spec is None else self.spec
        return found

    def _keychain(self) -> object:
        if self.keychain is None:
            return MISSING
        return SecretNames("keychain", entries=Keychain(self.keychain, self).entry)

    def _steps(self) -> dict[str, object]:
        found = {step: view(result.kind, result.value) for step, result in self.results.items()}
        if self.own and self.own[1] is not None:
            found[self.own[0]] = view(self.own[1].kind, self.own[1].value)
        return found

    def _shown(self, result: Result | None) -> object:
        return MISSING if result is None else view(result.kind, result.value)
