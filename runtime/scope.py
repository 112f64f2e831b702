"""The names that a template sees, by event (TPL-7, RUL-4)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field

from noetl.compiler.expr import NOW
from noetl.compiler.ir import RESERVED, Json
from noetl.compiler.values import MISSING, SecretNames, mask, view

from .growing import Stored, plain_json
from .keychain import Keychain
from .packet import Packet, Result


@dataclass(frozen=True, slots=True)
class Limits:
    """What turns an endless playbook into a clear failure (RUN-7)."""

    calls: int = 10_000
    """In a run without a loop, or in an iteration."""
    runs: int = 100_000
    """In an execution."""
    iterations: int = 1_000_000
    """In a run."""
    in_flight: int = 1_000
    """Iterations of a parallel loop under way at a time where it has no `max_in_flight`; no result depends on it."""


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """What is the same for every run of an execution."""

    execution_id: str
    env: Mapping[str, str]
    """The environment names that the runner allows, with their values (TPL-6)."""
    limits: Limits = field(default_factory=Limits)
    records: bool = True
    """Whether the records of runs keep their calls and iterations, as `noetl run --json` shows them."""
    trace: bool = False
    """Whether every rule that is tried leaves an event `rule.tried`, as `noetl why` shows it."""


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
    iterator: str | None = None
    """The name of an iteration's item; None outside of iterations."""
    item: Json = None
    loop: dict[str, Json] | None = None
    """`loop` of LOP-1, in an iteration."""
    store: dict[str, Stored] = field(init=False)
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
        if name == self.iterator:
            return self.item
        if name in self.args:
            return self.args[name]
        if self.own and name == self.own[0]:
            return self._shown(self.own[1])
        if name in self.results:
            return self._shown(self.results[name])
        if name in self.store:
            return self.stored(name)
        if name == "steps":
            return self._steps()
        return MISSING

    def stored(self, name: str) -> Json:
        """The value of a store name; KeyError if it was never written."""
        return plain_json(self.store[name])

    def of_iteration(self, iterator: str, item: Json, index: int, length: int, store: dict[str, Stored]) -> Scope:
        """The scope of an iteration (LOP-1); what it writes goes to `store`."""
        other = copy(self)
        other.iterator, other.item = iterator, item
        other.loop = {"index": index, "first": index == 0, "last": index == length - 1, "length": length}
        other.store = store
        other.response = other.result = other.own = None
        return other

    def frozen(self) -> Scope:
        """The scope as it is now, whatever is written later."""
        other = copy(self)
        other.store = dict(self.store)
        return other

    def with_args(self, args: dict[str, Json]) -> Scope:
        """The same scope with other args: what a workbook task's templates see (TOO-4)."""
        other = copy(self)
        other.args = args
        return other

    def names(self) -> list[str]:
        """Every name that is bound, roots first: what `context` holds (TOO-3). Secrets are not among them."""
        roots = [n for n in sorted(RESERVED - {"secret", "keychain"}) if self._root(n) is not MISSING]
        own = [self.own[0]] if self.own and self.own[1] is not None else []
        items = [self.iterator] if self.iterator is not None else []
        others = [n for n in (*items, *self.args, *own, *self.results, *self.store) if n not in RESERVED]
        return list(dict.fromkeys([*roots, *others, "steps"]))

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
                found = {name: plain_json(value) for name, value in self.store.items()}
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
            case "loop":
                found = MISSING if self.loop is None else self.loop
            case "loop_index":
                found = MISSING if self.loop is None else self.loop["index"]
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
