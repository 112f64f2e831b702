"""What the levels of the suite take, and the text of the law that goes with it."""

from __future__ import annotations

from noetl.conformance import law
from noetl.conformance.conform import CASES
from noetl.conformance.lowering_mutants import LOWERING_MUTANTS
from noetl.conformance.mutants import MUTANTS
from noetl.conformance.suite import DISTILLED, TIMES, at_level, chosen, digest, distilled, killers, lines_of


def test_smoke_takes_the_distilled_cases_and_one_of_every_folder() -> None:
    every = chosen(CASES)
    taken = at_level(every, "smoke")
    assert distilled(1) <= {case.id for _, case in taken}
    assert {path.parent for path, _ in taken} == {path.parent for path, _ in every}
    assert len(taken) < 80
    assert at_level(every, "standard") == every


def test_distilled_cases_are_cases() -> None:
    ids = {case.id for _, case in chosen(CASES)}
    assert distilled(1) < distilled(3) <= ids


def test_each_fault_is_seen_three_times() -> None:
    kept = killers()
    assert {fault for fault, names in kept.items() if len(names) != TIMES} == set()
    assert kept.keys() == {mutant.name for mutant in (*MUTANTS, *LOWERING_MUTANTS)}


def test_the_distilled_file_is_as_it_is_made() -> None:
    assert DISTILLED.read_text(encoding="utf-8") == lines_of(
        {fault: sorted(names) for fault, names in killers().items()}
    )


def test_the_digest_is_about_what_cases_say() -> None:
    cases = [case for _, case in chosen(CASES, "RUN-*")]
    assert digest(cases) == digest(reversed(cases))
    changed = [cases[0].model_copy(update={"title": "another"}), *cases[1:]]
    assert digest(cases) != digest(changed)


def test_every_clause_has_its_text() -> None:
    found = law.clauses()
    assert len(found) > 80
    assert all(found.values())
    assert found["RUN-2"] == "Event `workflow.start`; then one token at `start`, with empty args."
    assert law.area("RUN-2") == "RUN"
