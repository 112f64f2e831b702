"""Faults in what profiles say and in values by reference show in what is emitted and in what comes back."""

from __future__ import annotations

import json

import pytest

from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.mutants import Mutant, applied
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.values import Values
from noetl.targets.base import Options, Source
from noetl.targets.profile import parse

TEXT = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: etl, path: etl/daily}
workflow:
  - step: start
    next: [load/a, other]
  - step: load/a
    tool: {kind: http, url: "http://api.invalid/"}
    case:
      - when: "{{ event.name == 'call.error' }}"
        then: {retry: {max_attempts: 5, initial_delay: 10}}
    next: [end]
  - step: other
    next: [end]
  - step: end
"""
PROFILE = """\
profile: 1
tags: [general]
owner: everyone
max_active_runs: 3
defaults: {airflow: {pool: etl}}
steps:
  "load/*": {retries: 1, timeout: 60, airflow: {pool: db, pool_slots: 2, long_wait: 20}}
playbooks:
  "etl/*":
    tags: [special]
    owner: me
    max_active_runs: 1
    schedule: {cron: "0 6 * * *", timezone: Europe/Berlin, start: 2026-01-01T06:30:00, end: 2026-02-01, payload: {a: 1}}
    steps: {load/a: {retries: 2, airflow: {queue: slow}}}
  other: {owner: nobody, tags: [wrong]}
"""
MUTANTS = (
    Mutant("first-part-wins", "profile", "profile.settings:_both", "if value is not None", "if value is None"),
    Mutant("airflow-part-replaced", "profile", "profile.settings:_over", "if said.airflow is not None:", "if False:"),
    Mutant("patterns-mean-nothing", "profile", "profile.settings:matches", "or fnmatchcase(name, pattern)", ""),
    Mutant("every-playbook-is-meant", "profile", "profile.settings:_parts", "if matches(", "if True or matches("),
    Mutant("no-playbook-is-meant", "profile", "profile.settings:_parts", "if matches(", "if False and matches("),
    Mutant("name-before-path", "profile", "profile.settings:_parts", "workflow.path or workflow.name", "workflow.name"),
    Mutant(
        "general-runs-win",
        "profile",
        "profile.settings:settings_for",
        "part.max_active_runs for part in reversed(parts)",
        "part.max_active_runs for part in parts",
    ),
    Mutant(
        "retries-left-out",
        "profile",
        "airflow.settings:_flat",
        "if value is not None and",
        "if value and value > 2 and",
    ),
    Mutant("own-settings-left-out", "profile", "airflow.settings:_flat", "settings.airflow is not None", "False"),
    Mutant(
        "timeout-under-its-own-name", "profile", "airflow.settings:_airflow_name", "_SECONDS.get(name, name)", "name"
    ),
    Mutant("long-wait-is-an-argument", "profile", "airflow.settings:_arguments", 'if name != "long_wait"', "if True"),
    Mutant("long-wait-unheard", "RET-2", "airflow.settings:long_wait", "given[-1] if given else LONG", "LONG"),
    Mutant("no-wait-is-long", "RET-2", "airflow.settings:long_wait", ">= long for", "> 1e9 for"),
    Mutant("zone-forgotten", "RUN-1", "airflow.settings:_schedule", "quoted(schedule.timezone)", "quoted('UTC')"),
    Mutant("end-forgotten", "RUN-1", "airflow.settings:_schedule", "if schedule.end is not None:", "if False:"),
    Mutant("minutes-forgotten", "RUN-1", "airflow.settings:_moment", "moment.hour, moment.minute,", "moment.hour, 0,"),
    Mutant(
        "payload-forgotten", "RUN-1", "airflow.settings:playbook_arguments", "if schedule.payload else", "if False else"
    ),
)
VALUES = (
    Mutant(
        "inner-forgotten",
        "CAU-5",
        "airflow.values:Values._resolved",
        "self.whole(read) if refers(text) else read",
        "read",
    ),
    Mutant("everything-stays", "CAU-5", "airflow.values:Values.short", "<= self._limit:", ">= 0:"),
    Mutant(
        "owner-is-the-last-one",
        "CAU-5",
        "airflow.values:Values._resolved",
        "self._owners.setdefault(digest, task)",
        "None",
    ),
    Mutant("lists-stay-short", "CAU-5", "airflow.values:Values.whole", "case list():", "case tuple():"),
    Mutant("maps-stay-short", "CAU-5", "airflow.values:Values.whole", "case dict():", "case frozenset():"),
    Mutant("digest-of-nothing", "CAU-5", "airflow.values:Values._reference", "json.dumps(value).encode()", "b''"),
    Mutant("text-is-a-reference", "CAU-5", "airflow.values:refers", "_SHOWN in text", "False"),
)


def emitted() -> str:
    """What is emitted for the profile, the table and the texts left out."""
    workflow = load(TEXT, "etl.yaml")
    found = parse(PROFILE, "ops.yaml")
    assert found.profile is not None, found.diagnostics
    content = TARGET.compile(Source("etl.yaml", TEXT, workflow), Options(profile=found.profile)).content
    return content.split("\nplaybook = Playbook(", 1)[1]


LARGE: dict[str, Json] = {"a": ["x" * 50, {"b": "y" * 60}], "small": 1}
NESTED: dict[str, Json] = {"p": "q" * 30, "r": "s" * 30, "deep": LARGE}
OTHER: dict[str, Json] = {"nested": NESTED, "kept": LARGE, "list": [["z" * 45, {"c": LARGE}], "x" * 50]}


def carried() -> list[Json]:
    """Values that go through three tasks, each of which has them from the one before, with what each leaves."""
    left: dict[tuple[str, str], str] = {}

    def pull(owner: str, key: str) -> str | None:
        return left.get((owner, key))

    passed: list[Json] = [LARGE, OTHER, ["small"]]
    told: list[Json] = []
    for task in ("one", "two", "three"):
        values = Values(task, pull, limit=40)
        whole = [values.whole(value) for value in passed]
        assert whole == [LARGE, OTHER, ["small"]]
        passed = json.loads(json.dumps([values.short(value) for value in whole]))
        left |= {(task, key): text for key, text in values.fresh.items()}
        told += [[*sorted(values.fresh)], passed]
    return told


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_fault_in_what_a_profile_says_shows_in_the_file(mutant: Mutant) -> None:
    right = emitted()
    with applied(_of_targets(mutant)):
        assert _or_error(emitted) != right
    assert emitted() == right


@pytest.mark.parametrize("mutant", VALUES, ids=lambda mutant: mutant.name)
def test_a_fault_in_values_by_reference_shows(mutant: Mutant) -> None:
    right = carried()
    with applied(_of_targets(mutant)):
        assert _or_error(carried) != right
    assert carried() == right


def _of_targets(mutant: Mutant) -> Mutant:
    return Mutant(mutant.name, mutant.clause, mutant.where, mutant.right, mutant.wrong, "noetl.targets")


def _or_error(made: object) -> object:
    """What is made, or that it cannot be."""
    assert callable(made)
    try:
        return made()
    except Exception as error:  # a fault may show in any way
        return error
