"""From canonical nodes to a `Document`: what the models refuse becomes a diagnostic, the rest is still read.

A refused part is cut out of the nodes and the models are asked again, until they accept: so one wrong key hides
nothing, and the checks see as much of the playbook as makes sense.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from noetl.compiler import document as models
from noetl.compiler import findings as kinds
from noetl.compiler.findings import Findings, close_to, closest, listed, quoted, string_of
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.tools import ALL_FIELDS
from noetl.diagnostics import START_OF_FILE, Kind, Span

from .spellings import OVERRIDES
from .v1 import API

_Path: TypeAlias = "tuple[str | int, ...]"
_COMPARED: Final = 50
"""Keys of an owner among which a missing one is looked for under another name."""
_OWNERS: Final = {
    "workflow": ("step", "step"),
    "workbook": ("workbook task", "name"),
    "keychain": ("keychain entry", "name"),
}
"""What an entry of a list is called, and the key of its name."""
_MODELS: Final[dict[str, type[models.Model]]] = {
    "": models.Document,
    "assert": models.Assert,
    "case": models.CaseRule,
    "collect<from>": models.CollectFrom,
    "collect<path>": models.CollectByPath,
    "fail": models.FailSpec,
    "keychain": models.Secret,
    "loop": models.Loop,
    "metadata": models.Metadata,
    "next": models.NextEntry,
    "result<from>": models.ResultFrom,
    "retry": models.RetrySpec,
    "sink": models.SinkSpec,
    "skip": models.SkipSpec,
    "then": models.Action,
    "tool": models.ToolSpec,
    "workbook": models.WorkbookTask,
    "workflow": models.StepSpec,
}
"""The model of a mapping, by the last key on the way to it and its form if it has several."""


def _stand_in(value: str | bool) -> Scalar:
    return Scalar(value, str(value), "plain", START_OF_FILE)


_REPAIRS: Final[dict[tuple[str, str], Node]] = {
    ("", "apiVersion"): _stand_in(API),
    ("", "kind"): _stand_in("Playbook"),
    ("", "metadata"): Map([(_stand_in("name"), _stand_in("playbook"))], START_OF_FILE),
    ("metadata", "name"): _stand_in("playbook"),
    ("tool", "kind"): _stand_in(""),
    ("case", "when"): _stand_in(True),
    ("case", "then"): Seq([], START_OF_FILE),
    ("loop", "in"): Seq([], START_OF_FILE),
    ("loop", "iterator"): _stand_in("item"),
}
"""What stands in for a required key that is missing or wrong, by the last key on the way to its owner and its own name.

Any other owner of such a key is cut out."""


@dataclass(slots=True)
class _Cuts:
    """What changes at one node: whether it goes, what stands in for missing keys, and the cuts of its parts."""

    gone: bool = False
    repaired: dict[str, Node] = field(default_factory=dict)
    parts: dict[str | int, _Cuts] = field(default_factory=dict)

    def at(self, path: _Path) -> _Cuts:
        """The cuts of the node at `path`."""
        cuts = self
        for part in path:
            cuts = cuts.parts.setdefault(part, _Cuts())
        return cuts


def validate(root: Map, findings: Findings) -> models.Document | None:
    """The document of the canonical playbook `root`, without what is wrong in it; None if nothing sensible is left."""
    told: set[tuple[Span, str]] = set()
    while True:
        try:
            return models.Document.model_validate(root)
        except ValidationError as refused:
            cuts = _Cuts()
            trails = _Trails(root)
            problems = refused.errors(include_url=False, include_input=False)
            # A key that is missing may be there, misspelled: unknown keys come first.
            for problem in sorted(problems, key=lambda p: p["type"] == "missing"):
                _Problem(trails, problem).report(findings, told, cuts)
            left = _without(root, cuts)
            if left is None:
                return None
            root = left


def _without(node: Node, cuts: _Cuts) -> Map | None:
    """The mapping `node` after its cuts; None if it goes itself."""
    cut = _cut(node, cuts)
    return cut if isinstance(cut, Map) else None


def _cut(node: Node, cuts: _Cuts) -> Node | None:
    if cuts.gone:
        return None
    if isinstance(node, Map):
        entries = [(k, _cut(v, cuts.parts[k.text]) if k.text in cuts.parts else v) for k, v in node.entries]
        kept = [(k, v) for k, v in entries if v is not None]
        kept += [(_stand_in(name), value) for name, value in cuts.repaired.items()]
        return Map(kept, node.span)
    if isinstance(node, Seq):
        items = [_cut(item, cuts.parts[i]) if i in cuts.parts else item for i, item in enumerate(node.items)]
        return Seq([item for item in items if item is not None], node.span)
    return node


class _Trails:
    """Finds the nodes on the way to a place; keeps an index of each mapping, since it may have very many keys."""

    def __init__(self, root: Map) -> None:
        self.root = root
        self._indexes: dict[int, dict[str, tuple[Scalar, Node]]] = {}

    def trail(self, path: _Path) -> list[tuple[Scalar | None, Node]]:
        """Key and node of each part of the path, from the root on, as far as there are nodes."""
        found: list[tuple[Scalar | None, Node]] = [(None, self.root)]
        for part in path:
            node = found[-1][1]
            if isinstance(node, Map) and isinstance(part, str):
                index = self._indexes.get(id(node))
                if index is None:
                    index = self._indexes[id(node)] = {k.text: (k, v) for k, v in node.entries}
                if part not in index:
                    break
                found.append(index[part])
            elif isinstance(node, Seq) and isinstance(part, int):
                found.append((None, node.items[part]))
            else:
                break
        return found


class _Problem:
    """One thing that the models refuse, with its place in the playbook."""

    def __init__(self, trails: _Trails, problem: ErrorDetails) -> None:
        self._type = problem["type"]
        self._context: dict[str, object] = problem.get("ctx", {})
        form = [part for part in problem["loc"] if isinstance(part, str) and part.startswith("<")]
        self._form = form[-1] if form else ""
        self._path: _Path = tuple(part for part in problem["loc"] if part not in form)
        self._trail = trails.trail(self._path)
        self._root = trails.root

    def report(self, findings: Findings, told: set[tuple[Span, str]], cuts: _Cuts) -> None:
        """Say it, unless it follows from what was said before, and note what has to change.

        `told` holds the keys that were refused or found misspelled, by the span of their owner.
        """
        name = str(self._path[-1]) if self._path else ""
        if self._type == "missing":
            owner = self._trail[-1][1]
            if (owner.span, name) not in told:
                self._missing(name, owner, findings)
            repair = _REPAIRS.get((self._inner(), name))
            if repair is None:
                cuts.at(self._path[:-1]).gone = True
            else:
                cuts.at(self._path[:-1]).repaired[name] = repair
            return
        key, node = self._trail[-1]
        owner_span = self._trail[-2][1].span if len(self._trail) > 1 else node.span
        if self._type == "extra_forbidden" and key is not None:
            told.add((owner_span, self._unknown(key, findings)))
        else:
            self._wrong(node, findings)
            told.add((owner_span, name))
        cuts.at(self._path).gone = True

    # -- the owner of the place --------------------------------------------------------------------------------------

    def _inner(self) -> str:
        """The last key on the way to the owner."""
        return next((part for part in reversed(self._path[:-1]) if isinstance(part, str)), "")

    def _label(self) -> str:
        """What the owner is called: `step "x"`, `"loop" of step "x"`, `the playbook`."""
        path = self._path[:-1]
        head = path[0] if path else ""
        holder = ""
        if len(path) >= 2 and head in _OWNERS:
            noun, name_key = _OWNERS[str(head)]
            item = self._trail[2][1] if len(self._trail) > 2 else None
            name = string_of(item.get(name_key)) if isinstance(item, Map) else None
            holder = f"{noun} {quoted(name)}" if name else f"an entry of {quoted(str(head))}"
            path = path[2:]
        inner = next((part for part in reversed(path) if isinstance(part, str)), None)
        if inner is None:
            return holder or "the playbook"
        return f"{quoted(inner)} of {holder}" if holder else quoted(inner)

    def _model(self) -> type[models.Model] | None:
        return _MODELS.get(self._inner() + self._form)

    def _keys(self) -> set[str]:
        """The keys that the owner may have."""
        model = self._model()
        fields = model.model_fields if model else {}
        return {field.alias or name for name, field in fields.items()} - {OVERRIDES}

    # -- the diagnostics ---------------------------------------------------------------------------------------------

    def _missing(self, name: str, owner: Node, findings: Findings) -> None:
        """At the key that holds the owner, else at the name of the owner, else at its first key."""
        key = self._trail[-1][0]
        if key is None and isinstance(owner, Map) and owner.entries:
            _, name_key = _OWNERS.get(self._inner(), ("", ""))
            named = owner.get(name_key)
            at = named.span if named is not None else owner.entries[0][0].span
        else:
            at = key.span if key is not None else owner.span
        entries = owner.entries[:_COMPARED] if isinstance(owner, Map) and not findings.crowded else []
        own = self._keys()
        written = [k.text for k, _ in entries if k.text not in own]
        near = closest(name, written)
        hint = f"is {quoted(near)} meant to be it?" if near else None
        findings.add(kinds.MISSING_KEY, f"missing key {quoted(name)} in {self._label()}", at, hint=hint)

    def _unknown(self, key: Scalar, findings: Findings) -> str:
        """Gives the key that is probably meant."""
        model = self._model()
        allowed = self._keys()
        if model is models.Action:
            allowed.add("step")
        message = f"unexpected key {quoted(key.text)} in {self._label()}; allowed: {listed(allowed)}"
        near = None if findings.crowded else closest(key.text, allowed)
        hint = f"did you mean {quoted(near)}?" if near else None
        if near is None and model in (models.StepSpec, models.WorkbookTask) and key.text in ALL_FIELDS:
            hint = f'{quoted(key.text)} is a field of a tool; write it under "tool"'
        if near is None and model is models.RetrySpec and key.text in ALL_FIELDS:
            hint = f"{quoted(key.text)} is no field of the tool of this step, which an override could replace"
        findings.add(kinds.UNKNOWN_KEY, message, key.span, hint=hint)
        return near or ""

    def _wrong(self, node: Node, findings: Findings) -> None:
        wanted = str(self._context.get("wanted", ""))
        subject = self._subject()
        if self._type == models.WRONG_TYPE:
            message = f"{subject} must be {wanted}, not {self._context.get('found')}"
            findings.add(self._kind(kinds.WRONG_TYPE), message, node.span)
            return
        allowed = self._context.get("allowed")
        text = node.text if isinstance(node, Scalar) else ""
        if isinstance(allowed, tuple):
            message = f"unexpected value {quoted(text)} for {subject}; allowed: {listed(allowed)}"
            hint = None if findings.crowded else close_to(text, allowed)
        else:
            message, hint = f"{subject} {wanted}", None
        findings.add(self._kind(kinds.WRONG_VALUE), message, node.span, hint=hint)

    def _subject(self) -> str:
        last = self._path[-1] if self._path else ""
        if isinstance(last, int):
            return f"an entry of {self._label()}"
        label = self._label()
        return quoted(last) if label == "the playbook" else f"{quoted(last)} in {label}"

    def _kind(self, usual: Kind) -> Kind:
        return _SPECIAL.get(self._path, usual)


_SPECIAL: Final[dict[_Path, Kind]] = {("apiVersion",): kinds.WRONG_API_VERSION, ("kind",): kinds.WRONG_KIND}
"""Keys whose wrong values have a kind of their own (DOC-1)."""
