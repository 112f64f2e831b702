"""Engines with one fault each: what does not tell them from the right one proves nothing.

A mutant is a snippet of one function and what stands there instead. `applied` swaps the function while it is entered.
Those of the lowering to Airflow are in `lowering_mutants`.
"""

from __future__ import annotations
import __future__

import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

from noetl.errors import InternalError


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault: its name, the clause that it breaks, the function it sits in, and the two texts."""

    name: str
    clause: str
    where: str
    """`module:function` or `module:Class.method`, the module below that of the stage."""
    right: str
    wrong: str
    stage: str = "noetl.runtime"


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """The stage has the fault inside of the block. InternalError if the right text is not there exactly once."""
    module_name, qualified = mutant.where.split(":")
    module = importlib.import_module(f"{mutant.stage}.{module_name}")
    owner_name, _, name = qualified.rpartition(".")
    owner: object = getattr(module, owner_name) if owner_name else module
    right = cast("Callable[..., object]", vars(owner)[name])
    wrong = _mutated(mutant, right, vars(module), name)
    holders = [owner, *(_users(right, mutant.stage) if not owner_name else ())]
    try:
        for holder in holders:
            setattr(holder, name, wrong)
        yield
    finally:
        for holder in holders:
            setattr(holder, name, right)


def _mutated(mutant: Mutant, right: Callable[..., object], names: dict[str, object], name: str) -> object:
    source = textwrap.dedent(inspect.getsource(right))
    if source.count(mutant.right) != 1:
        raise InternalError(f'mutant {mutant.name}: "{mutant.right}" stands {source.count(mutant.right)} times')
    found: dict[str, object] = {}
    text = source.replace(mutant.right, mutant.wrong)
    owner = mutant.where.split(":")[1].rpartition(".")[0]
    text = text.replace("super()", f"super({owner}, self)")  # outside of its class a function knows none
    flags = __future__.annotations.compiler_flag
    exec(compile(text, f"<mutant {mutant.name}>", "exec", flags=flags, dont_inherit=True), names, found)
    return found[name]


def _users(function: object, stage: str) -> list[object]:
    """The modules of a stage that hold the function under its name."""
    name = getattr(function, "__name__", "")
    modules = [m for n, m in sys.modules.items() if n.startswith(f"{stage}.")]
    return [module for module in modules if vars(module).get(name) is function]


_ENGINE: Final = (
    Mutant(
        "join-too-early",
        "STP-1",
        "engine:Execution._awaited",
        "if any(count > 0 and name in sources for name, count in self._running.items()):",
        "if False:",
    ),
    Mutant("join-before-held-tokens", "STP-1", "engine:Execution._awaited", "return any(", "return False and any("),
    Mutant("mutual-joins-by-largest-key", "STP-1", "engine:Execution._before", "]) < min(", "]) > min("),
    Mutant("poison-ignored", "RUN-6", "engine:Execution._poison", "if step in sources and", "if False and"),
    Mutant(
        "poison-forgets-later-tokens",
        "RUN-6",
        "engine:Execution._arrive",
        "elif token.target not in self._poisoned:",
        "else:",
    ),
    Mutant("join-fires-for-each", "STP-1", "engine:Execution._arrive", '.join == "each"', '.join != "none"'),
    Mutant(
        "tokens-of-iterations-lost",
        "LOP-4",
        "engine:Execution._advance",
        "self._release(live.run.released)",
        "self._release(())",
    ),
    Mutant(
        "error-of-the-largest-key",
        "RUN-3",
        "outcome:Tally.add",
        "record.key < self.failed.key",
        "self.failed.key < record.key",
    ),
    Mutant(
        "output-of-the-first-end",
        "RUN-4",
        "outcome:Tally.add",
        "self.end.key < record.key",
        "record.key < self.end.key",
    ),
    Mutant(
        "output-of-the-first-result",
        "RUN-4",
        "outcome:Tally.add",
        "self.last.key < record.key",
        "record.key < self.last.key",
    ),
    Mutant("output-is-not-of-end", "RUN-4", "outcome:Tally._output", "self.end is not None and", "False and"),
    Mutant("dead-path-fails", "RUN-3", "outcome:Tally.add", "record.fails_execution", 'record.status == "failed"'),
)

_RUN: Final = (
    Mutant(
        "wrong-key-at-a-join",
        "CAU-3",
        "run:Run.__init__",
        "self.key: Key = ordered[-1].key",
        "self.key: Key = ordered[0].key",
    ),
    Mutant(
        "overlay-in-reverse",
        "STP-2",
        "run:Run.__init__",
        "for token in ordered for k, v",
        "for token in reversed(ordered) for k, v",
    ),
    Mutant(
        "null-does-not-overlay",
        "STP-2",
        "run:Run.__init__",
        "in token.args.items()}",
        "in token.args.items() if v is not None}",
    ),
    Mutant("error-of-the-first-token", "RUL-4", "run:Run.__init__", "errors[-1] if", "errors[0] if"),
    Mutant(
        "history-of-one-token",
        "CAU-1",
        "run:Run.__init__",
        "[t.packet for t in ordered]",
        "[t.packet for t in ordered[:1]]",
    ),
    Mutant(
        "own-args-win",
        "STP-2",
        "run:Run._render_args",
        "if n not in self._overlay and n not in later",
        "if n not in later",
    ),
    Mutant("item-args-at-arrival", "STP-2", "run:Run._live", "step.item_args", "frozenset()"),
    Mutant("skip-takes-no-structural-next", "STP-7", "run:Run.perform", 'if ending.status == "skipped":', "if False:"),
    Mutant(
        "structural-next-after-fan-out",
        "LOP-4",
        "run:Run._take_structural",
        "not self._iterations.transitioned",
        "True",
    ),
    Mutant("loop-of-keys", "LOP-1", "run:Run._items", '{"key": name, "value": item}', "name"),
    Mutant("sequential-goes-on", "LOP-6", "run:Run._sequential", "if found.failures:", "if False:"),
    Mutant(
        "iteration-writes-lost",
        "LOP-2",
        "run:Run._sequential",
        "self._packet.wrote(self.key.child(index, _WRITES), writes)",
        "None",
    ),
    Mutant("parallel-sees-others", "LOP-2", "run:Run._parallel", "dict(entered)", "self._scope.store"),
    Mutant("released-run-sees-no-writes", "LOP-4", "run:Run._parallel", "written.get(lane, [])", "[]"),
    Mutant("fold-in-reverse", "CAU-2", "run:Run._fold", "sorted(written)", "sorted(written, reverse=True)"),
    Mutant(
        "keys-of-iterations-without-index",
        "CAU-3",
        "run:Run._tokens",
        "self.key.child(turn.index, edge.entry)",
        "self.key.child(0, edge.entry)",
    ),
    Mutant("handled-counts-as-success", "LOP-5", "run:Run._note", '"failed" if handled', '"success" if handled'),
    Mutant(
        "skipped-item-has-a-result",
        "LOP-5",
        "run:Run._note",
        'if status == "success" else None',
        'if status != "failed" else None',
    ),
    Mutant("one-dead-path-is-enough", "LOP-6", "run:_Iterations.failure", "all(ending", "any(ending"),
    Mutant(
        "error-of-the-highest-index", "LOP-6", "run:_Iterations.failure", "min(self.failures)", "max(self.failures)"
    ),
    Mutant(
        "failed-run-releases",
        "STP-7",
        "run:Run._leave",
        '[] if ending.status == "failed" else turn.transitions',
        "turn.transitions",
    ),
    Mutant("dead-path-poisons", "RUN-6", "run:Run._leave", "and not ending.dead_path", ""),
    Mutant(
        "failed-run-has-a-result",
        "RES-1",
        "run:Run._leave",
        'ending.status == "success" and turn.failure is None',
        "True",
    ),
    Mutant("loop-result-over-later-ones", "RES-1", "run:Run._leave", "apart=self._fanned_out", "apart=False"),
    Mutant("entry-of-token-lost", "CAU-3", "run:Run._tokens", "edge.entry", "0"),
)

_TURN: Final = (
    Mutant(
        "double-firing",
        "RUL-1",
        "turn:Turn.event",
        "return (yield from self._fire(rule, name))",
        "yield from self._fire(rule, name)",
    ),
    Mutant(
        "every-rule-hears-failures",
        "RUL-3",
        "turn:Turn.event",
        "self.failure is not None and not rule.error_aware",
        "False",
    ),
    Mutant(
        "exhausted-retry-blocks",
        "RET-4",
        "turn:Turn.event",
        'self.emit("retry.exhausted", {"rule": rule.index})\n            continue',
        "return Effect()",
    ),
    Mutant(
        "every-exit-rule-hears-every-exit",
        "LOP-3",
        "turn:Turn.event",
        'name == "step.exit" and self._role',
        "False and self._role",
    ),
    Mutant("text-false-is-true", "TPL-5", "turn:Turn._holds", "and truth(value)", "and bool(value)"),
    Mutant("one-attempt-more", "RET-2", "turn:Turn._exhausted", "+ 1 >= ", "+ 1 > "),
    Mutant("retries-count-per-run", "RET-3", "turn:Turn.call", "self._retries = {}", ""),
    Mutant("failure-told-once", "STP-5", "turn:Turn._outcome", "in _OF_A_FAILURE:", "in _OF_A_FAILURE[:1]:"),
    Mutant(
        "sticky-error",
        "STP-5",
        "turn:Turn._outcome",
        "self.failure, self._answered = None, None",
        "self._answered = None",
    ),
    Mutant("inherited-error-stays", "RUL-4", "turn:Turn._outcome", "self._inherited = None", ""),
    Mutant("handled-error-fails", "RUL-7", "turn:Turn.exit", "if not (self._handled or effect.handled):", "if True:"),
    Mutant(
        "unhandled-error-passes", "STP-5", "turn:Turn.exit", "if not (self._handled or effect.handled):", "if False:"
    ),
    Mutant(
        "vars-of-iterations",
        "VAR-1",
        "turn:Turn.exit",
        'if self._role == "run":\n        self._write_vars()',
        "self._write_vars()",
    ),
    Mutant(
        "own-result-not-bound",
        "STP-6",
        "turn:Turn.exit",
        "self.scope.own = (self._step.name, self.told())",
        "self.scope.own = None",
    ),
    Mutant(
        "structural-next-carries-an-error",
        "RUL-4",
        "turn:Turn.take_structural",
        "self.scope), None)",
        "self.scope), self.scope.error)",
    ),
    Mutant("structural-next-always", "STP-7", "turn:Turn.take_structural", "self.transitions is None and", ""),
    Mutant("after-the-loop-is-before-it", "CAU-3", "turn:Turn.done", "self.index = length", "self.index = 0"),
    Mutant("result-action-ignored", "RES-1", "turn:Turn.told", "if self._result is not None:", "if False:"),
    Mutant("overrides-lost", "CALL-1", "turn:Turn._again", "self._step.tool, overrides)", "self._step.tool, None)"),
    Mutant("last-next-wins", "STP-7", "turn:Turn._control", "if self.transitions is not None and", "if False and"),
    Mutant("next-carries-no-error", "RUL-4", "turn:Turn._control", "self.scope), bound)", "self.scope), None)"),
    Mutant(
        "control-before-data",
        "RUL-6",
        "turn:Turn._fire",
        "for action in rule.data:",
        "for action in reversed(rule.data):",
    ),
    Mutant("result-handles-nothing", "RUL-7", "turn:Turn._fire", "if resulted and", "if False and"),
    Mutant("one-page-more", "RET-5", "turn:Turn._page", ">= self._number", "> self._number"),
    Mutant("page-cap-handles", "RET-5", "turn:Turn._page", "return Effect()", "return Effect(handled=True)"),
    Mutant(
        "collected-pages-never-emptied",
        "COL-3",
        "turn:Turn._collect",
        "if action.into not in self._emptied:",
        "if False:",
    ),
    Mutant("collected-pages-are-no-result", "COL-3", "turn:Turn._collect", "self._pages = action.into", ""),
    Mutant("dead-path-ignored", "FAI-1", "turn:Turn._failing", "dead_path=not fatal", "dead_path=False"),
)

_DATA: Final = (
    Mutant(
        "set-and-append-swapped",
        "CAU-2",
        "packet:compose",
        "apply_write(last.value, write)",
        "apply_write(write.value, Write(write.mode, last.value))",
    ),
    Mutant("join-forgets-a-branch", "CAU-1", "packet:joined", "for packet in packets:", "for packet in packets[:1]:"),
    Mutant("join-folds-by-arrival", "CAU-2", "packet:joined", "sorted(union)", "union"),
    Mutant("forks-share-their-future", "CAU-1", "packet:Packet.shared", "open=False", "open=bool(self.segments)"),
    Mutant(
        "first-result-stays",
        "RES-1",
        "packet:Packet.results",
        "found.update(segment.results)",
        "found = {**segment.results, **found}",
    ),
    Mutant(
        "append-concatenates",
        "COL-1",
        "collecting:collect",
        'Write("extend", [as_json(value)])',
        'Write("extend", r if isinstance(r := as_json(value), list) else [r])',
    ),
    Mutant("merge-replaces", "COL-1", "collecting:collect", 'Write("merge", added)', 'Write("set", added)'),
    Mutant("undefined-is-collected", "COL-1", "collecting:collect", "if is_undefined(value):", "if False:"),
    Mutant(
        "args-hide-the-iterator",
        "TPL-7",
        "scope:Scope.lookup",
        "if name == self.iterator:",
        "if name == self.iterator and name not in self.args:",
    ),
    Mutant(
        "store-hides-results",
        "TPL-7",
        "scope:Scope.lookup",
        "if name in self.results:",
        "if name in self.results and name not in self.store:",
    ),
    Mutant("error-of-args-never-wins", "TPL-7", "scope:Scope.lookup", 'if name == "error" and', "if False and"),
    Mutant("index-from-one", "LOP-1", "scope:Scope.of_iteration", '{"index": index,', '{"index": index + 1,'),
    Mutant(
        "null-of-a-tool-wins",
        "STP-4",
        "rendering:merged_args",
        "if not (value is None or is_undefined(value)) or name not in merged:",
        "if True:",
    ),
    Mutant("merged-fields-replaced", "CALL-1", "rendering:Requests._fields", "if name in MERGED and", "if False and"),
    Mutant("payload-replaces-maps", "RUN-1", "starting:merged", "merged(base[k], v) if k in base else v", "v"),
)

MUTANTS: Final = (*_ENGINE, *_RUN, *_TURN, *_DATA)
"""Every mutant; names are unique."""
