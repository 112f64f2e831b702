"""Engine and spec give one outcome: two readings of the semantics that share no thought (CAU-4, CAU-5).

A pair is a playbook with what its tools answer, and a schedule of the answers. `make pairs PAIRS=100000 SEED=7` tries
more of them (`NOETL_PAIRS`, `NOETL_PAIRS_SEED`), others for every seed. With `NOETL_PAIRS_TO=DIR` one that differs is
kept in a file there, which `NOETL_PAIR=FILE` runs again.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from noetl.conformance.judge import differences
from noetl.conformance.strategies import Playbook, Script, playbooks

from .pairs import MAIN, Both

PAIRS: Final = int(os.environ.get("NOETL_PAIRS", "2000"))
EACH: Final = 20
"""So many pairs are made of each drawn playbook."""
SEED: Final = int(os.environ.get("NOETL_PAIRS_SEED", "0"))
KEPT_IN: Final = os.environ.get("NOETL_PAIRS_TO")
AGAIN: Final = os.environ.get("NOETL_PAIR")
SMALLEST: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow: [{step: start}]\n"


def compare(both: Both, script: Script, schedule: int) -> None:
    """Fails with the pair and all differences."""
    engine, spec = both.by_engine(script, schedule), both.by_spec(script)
    found = differences(engine, spec)
    if not found:
        return
    pair = {"texts": dict(both.texts), "script": asdict(script), "schedule": schedule}
    told = json.dumps({**pair, "engine": engine, "spec": spec}, ensure_ascii=False, indent=1)
    if KEPT_IN:
        name = f"pair-{script.seed}-{script.failing}-{schedule}.json"
        (Path(KEPT_IN) / name).write_text(told, encoding="utf-8")
    lines = "\n".join(found)
    raise AssertionError(f"{lines}\n{told}")


@seed(SEED)
@given(playbooks(loops=True, cycles=True, children=True, sql=True, wide=True), st.integers(0, 2**16))
@settings(max_examples=max(1, PAIRS // EACH), database=None, suppress_health_check=list(HealthCheck))
def test_engine_and_spec_agree(playbook: Playbook, schedule: int) -> None:
    both = Both.of({MAIN: playbook.text, **playbook.library})
    for more in range(EACH):
        compare(both, replace(playbook.script, seed=playbook.script.seed + more), schedule + more)


def test_a_kept_pair_agrees() -> None:
    """Runs the file of `NOETL_PAIR`; without one, the smallest pair."""
    if AGAIN is None:
        compare(Both.of({MAIN: SMALLEST}), Script(0, 0), 0)
        return
    pair = json.loads(Path(AGAIN).read_text(encoding="utf-8"))
    compare(Both.of(pair["texts"]), Script(**pair["script"]), pair["schedule"])
