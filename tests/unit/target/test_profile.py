"""Profiles: read as strictly as playbooks, applied by playbook and step, and emitted as arguments of Airflow."""

from __future__ import annotations

import ast
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from noetl import schema
from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.errors import UnsupportedByTarget
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.conf import interval
from noetl.targets.base import Options, Source
from noetl.targets.profile import Read, parse, settings_for, unused
from noetl.targets.profile.cron import PRESETS, check

PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p, path: etl/p, tags: [b]}
workflow:
  - step: start
    next: [load/users, load/orders]
  - step: load/users
    next: [end]
  - step: load/orders
    next: [turn]
  - step: turn
    next: [back]
  - step: back
    case:
      - when: "{{ event.name == 'step.exit' and workload.again }}"
        then: {next: [turn]}
    next: [end]
  - step: end
"""
FULL = """\
profile: 1
tags: [team-a]
owner: data
max_active_runs: 2
schedule:
  cron: "0 6 * * mon-fri"
  timezone: Europe/Berlin
  start: 2026-01-31T05:30:00
  end: 2027-01-01
  catchup: true
  into: span
  payload: {mode: full}
defaults: {retries: 1, airflow: {pool: etl, queue: q}}
steps:
  "load/*": {timeout: 90, airflow: {pool: db, pool_slots: 2}}
  load/orders: {owner: me, timeout: 1.5, airflow: {executor_config: {pod: {cpu: "1"}}}}
airflow: {max_active_tasks: 8, dagrun_timeout: 3600, is_paused_upon_creation: false, dag_display_name: "P!"}
playbooks:
  "other/*": {tags: [nobody], steps: {gone: {}}}
  "etl/*": {tags: [team-a, etl], defaults: {airflow: {queue: fast}}}
"""


def read(text: str) -> Read:
    found = parse(text, "ops.yaml")
    assert found.profile is not None, found.diagnostics
    return found


def workflow(text: str = PLAYBOOK) -> ir.Workflow:
    found = compile_source(text, "p.yaml").workflow
    assert found is not None
    return found


def emitted(profile: str | None, text: str = PLAYBOOK, version: str | None = None) -> str:
    options = Options(version=version, profile=None if profile is None else read(profile).profile)
    return TARGET.compile(Source("p.yaml", text, workflow(text)), options).content


def arguments(content: str, variable: str) -> dict[str, str]:
    """The arguments of a call in an emitted file, as source text."""
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id == variable:
                return {str(k.arg): ast.unparse(k.value) for k in node.value.keywords}
        if variable == "dag" and isinstance(node, ast.With) and isinstance(node.items[0].context_expr, ast.Call):
            return {str(k.arg): ast.unparse(k.value) for k in node.items[0].context_expr.keywords}
    raise AssertionError(variable)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- 1", ["1:1 NTL103 a profile must be a mapping"]),
        ("profile: 2", ['1:10 NTL104 "profile" must be 1']),
        (
            "profile: 1\nownr: me\nsteps: {airflow: {pol: 1}}",
            [
                '2:1 NTL101 unexpected key "ownr" in the profile; allowed: airflow, argo, defaults, max_active_runs, '
                "owner, playbooks, profile, schedule, steps, tags",
                '3:19 NTL101 unexpected key "pol" in "airflow" of "steps"; allowed: airflow, argo, owner, retries, '
                "timeout",
            ],
        ),
        (
            "profile: 1\nschedule: {cron: '0 24 * * *', timezone: Mars/X, start: 2026-13-01, into: a-b}",
            [
                '2:18 NTL104 "cron" in "schedule" has "24" for the hour, which is a number from 0 to 23',
                '2:42 NTL104 "timezone" in "schedule" must be a time zone such as Europe/Berlin',
                '2:57 NTL104 "start" in "schedule" must be a date or a date and time such as 2026-01-31T06:00:00',
            ],
        ),
        ("profile: 1\nschedule: {cron: '@daily'}", ['2:1 NTL102 missing key "start" in "schedule"']),
        (
            "profile: 1\ndefaults: {timeout: 0, retries: 1.5, airflow: {pool: '', weight_rule: x}}\nsteps: []",
            [
                '2:21 NTL104 "timeout" in "defaults" must be greater than 0',
                '2:33 NTL103 "retries" in "defaults" must be an integer, not a number',
                '2:54 NTL104 "pool" in "airflow" must have at least 1 character',
                '2:71 NTL104 "weight_rule" in "airflow" must be "absolute", "downstream" or "upstream"',
                '3:8 NTL103 "steps" must be a mapping, not a list',
            ],
        ),
        ("profile: 1\ntags: [b", ["2:7 NTL001"]),
        (
            "profile: 1\nargo:\n  service_account: ETL\n  labels: {a/b/c: x, ok: 'with space'}\n  ttl: -1\n"
            "  values: {cliam: x}\n  credentials: {pg: {secret: a, kee: b}, x: 3}\n",
            [
                '3:20 NTL104 "service_account" in "argo" must be a name of Kubernetes such as etl-runner',
                '4:12 NTL104 the key "a/b/c" in "labels" must be a key of Kubernetes such as example.com/team',
                '4:26 NTL104 "ok" in "labels" must be at most 63 letters, digits and inner dashes, dots, underscores',
                '5:8 NTL104 "ttl" in "argo" must be greater than or equal to 0',
                '6:12 NTL101 unexpected key "cliam" in "values"; allowed: claim, s3',
                '7:17 NTL102 missing key "key" in "pg" of "credentials"',
                '7:33 NTL101 unexpected key "kee" in "pg" of "credentials"; allowed: key, secret',
                '7:45 NTL103 "x" in "credentials" must be a mapping, not an integer',
            ],
        ),
        (
            "profile: 1\ndefaults: {argo: {image: 'a b', requests: {cpu: 2 GB}, node_selector: {a: 1}, imag: x}}\n"
            "argo: {values: {above: 3, claim: a}, env: {a-b: c, d: '{{x}}'}}\nplaybooks: {x: {argo: {values: {}}}}",
            [
                '2:26 NTL104 "image" in "argo" must be an image such as registry.example.com/noetl:1.0',
                '2:49 NTL104 "cpu" in "requests" must be an amount of Kubernetes such as 500m or 1Gi',
                '2:75 NTL103 "a" in "node_selector" must be a string, not an integer',
                '2:79 NTL101 unexpected key "imag" in "argo"; allowed: annotations, image, image_pull_policy, labels,',
                '3:17 NTL101 unexpected key "above" in "values"; allowed: claim, s3',
                '3:44 NTL104 the key "a-b" in "env" must be a name such as REGION',
                '3:55 NTL104 "d" in "env" must not hold {{, as Argo would replace it',
                '4:32 NTL104 "values" in "argo" has one of claim and s3',
            ],
        ),
        ("profile: 1\ntags: [a, 3]", ['2:11 NTL103 an entry of "tags" must be a string, not an integer']),
    ],
)
def test_everything_wrong_is_told_at_its_place(text: str, expected: list[str]) -> None:
    found = parse(text, "ops.yaml")
    assert found.profile is None
    told = [f"{d.span} {d.code} {d.message}" for d in found.diagnostics]
    assert len(told) >= len(expected)
    for line in expected:
        assert any(one.startswith(line) for one in told), told
    assert {d.path for d in found.diagnostics} == {"ops.yaml"}


@pytest.mark.parametrize("text", [*PRESETS, "* * * * *", "*/5 0-23/2 1,15 JAN-mar 0-7", "0 6 * * mon-fri"])
def test_expressions_that_are_cron(text: str) -> None:
    assert check(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "@reboot", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
     "5/10 * * * *", "*/0 * * * *", "9-5 * * * *", "a * * * *", "* * * sun *", "1, * * * *", "@ a b c d"],
)  # fmt: skip
def test_expressions_that_are_not(text: str) -> None:
    assert check(text) is not None


def test_the_parts_that_match_a_playbook_lie_over_each_other() -> None:
    found = settings_for(read(FULL).profile, workflow())
    assert found.tags == ("team-a", "etl")
    assert (found.defaults.owner, found.defaults.retries) == ("data", 1)
    assert found.defaults.airflow is not None
    assert (found.defaults.airflow.pool, found.defaults.airflow.queue) == ("etl", "fast")
    users, orders, start = (found.step(name) for name in ("load/users", "load/orders", "start"))
    assert (users.timeout, users.owner, orders.timeout, orders.owner) == (90, None, 1.5, "me")
    assert orders.airflow is not None
    assert (orders.airflow.pool, orders.airflow.pool_slots) == ("db", 2)
    assert (start.timeout, start.airflow) == (None, None)


ARGO = """\
profile: 1
defaults: {argo: {image: "noetl:1", requests: {cpu: 100m, memory: 256Mi}, labels: {team: a}}}
steps:
  "load/*": {retries: 2, argo: {requests: {cpu: "2"}, node_selector: {disk: ssd}}}
  load/users: {argo: {requests: {memory: 1Gi}, image: "noetl:2"}}
argo:
  service_account: etl
  credentials: {pg: {secret: databases, key: pg}}
  values: {claim: etl-values}
playbooks:
  "etl/*":
    argo: {ttl: 3600, credentials: {s3: {secret: buckets, key: s3}}, values: {s3: "s3://bucket/values"}}
"""


def test_settings_of_argo_lie_over_each_other_and_maps_key_by_key() -> None:
    found = settings_for(read(ARGO).profile, workflow())
    assert (found.argo.service_account, found.argo.ttl) == ("etl", 3600)
    secrets = {name: (one.secret, one.key) for name, one in (found.argo.credentials or {}).items()}
    assert secrets == {"pg": ("databases", "pg"), "s3": ("buckets", "s3")}
    assert found.argo.values is not None
    assert (found.argo.values.claim, found.argo.values.s3) == (None, "s3://bucket/values")
    assert found.defaults.argo is not None
    users, start = found.step("load/users"), found.step("start")
    assert start.argo is None
    assert users.retries == 2
    assert users.argo is not None
    assert (users.argo.image, users.argo.requests, users.argo.node_selector) == (
        "noetl:2",
        {"cpu": "2", "memory": "1Gi"},
        {"disk": "ssd"},
    )


def test_what_only_argo_knows_changes_nothing_on_airflow() -> None:
    without = ARGO.replace('{retries: 2, argo: {requests: {cpu: "2"}, node_selector: {disk: ssd}}}', "{retries: 2}")
    assert emitted(ARGO) == emitted("profile: 1\nsteps: {'load/*': {retries: 2}}\n") == emitted(without)


def test_a_step_that_no_playbook_has_is_told_once() -> None:
    text = (
        "profile: 1\nsteps: {start: {}, lod: {}, 'x*': {}, '*/users': {}}\n"
        "playbooks: {z: {steps: {a: {}}}, 'e*': {steps: {b: {}}}}\n"
    )
    found = read(text)
    assert found.profile is not None
    other = workflow(PLAYBOOK.replace("load/users", "lod").replace("etl/p", "other"))
    told = unused(found.profile, found.patterns, "ops.yaml", [workflow()])
    assert [(f"{d.span} {d.code}", d.message.split(" of ")[0]) for d in told] == [
        ("2:20 NTL510", '"lod" is no step'),
        ("2:29 NTL510", '"x*" matches no step'),
        ("3:49 NTL510", '"b" is no step'),
    ]
    both = unused(found.profile, found.patterns, "ops.yaml", [workflow(), other])
    assert [d.message.split('"')[1] for d in both] == ["x*", "b"]


def test_a_profile_becomes_arguments() -> None:
    content = emitted(FULL)
    dag = arguments(content, "dag")
    assert dag["schedule"] == "CronDataIntervalTimetable('0 6 * * mon-fri', timezone='Europe/Berlin')"
    assert dag["start_date"] == "pendulum.datetime(2026, 1, 31, 5, 30, tz='Europe/Berlin')"
    assert (dag["end_date"], dag["catchup"]) == ("pendulum.datetime(2027, 1, 1, tz='Europe/Berlin')", "True")
    assert (dag["max_active_runs"], dag["max_active_tasks"]) == ("2", "8")
    assert (dag["dagrun_timeout"], dag["dag_display_name"]) == ("timedelta(seconds=3600)", "'P!'")
    assert dag["is_paused_upon_creation"] == "False"
    assert dag["tags"] == "['noetl', 'b', 'etl', 'team-a']"
    assert dag["default_args"] == "{'retries': 1, 'owner': 'data', 'pool': 'etl', 'queue': 'fast'}"
    users, orders = arguments(content, "load_2fusers"), arguments(content, "load_2forders")
    assert users["execution_timeout"] == "timedelta(seconds=90)"
    assert (users["pool"], users["pool_slots"], "owner" in users) == ("'db'", "2", False)
    assert (orders["owner"], orders["execution_timeout"]) == ("'me'", "timedelta(seconds=1.5)")
    assert orders["executor_config"] == "{'pod': {'cpu': '1'}}"
    assert "retries" not in arguments(content, "turn_region")
    assert arguments(content, "playbook")["interval"] == "'span'"
    assert arguments(content, "playbook")["payload"] == "{'mode': 'full'}"
    assert content == emitted(FULL)


def test_ruff_has_nothing_to_say_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dag.py"
    for text in (FULL, "profile: 1\nsteps: {start: {timeout: 5}}\n", FULL.split("schedule")[0]):
        file.write_text(emitted(text), "utf-8")
        options = ["--isolated", "--preview", "--line-length", "120", "--select", "AIR,E,F,I,W,UP,B,SIM,RUF,PIE"]
        command = [sys.executable, "-m", "ruff", "check", *options, str(file)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_version_gets_what_it_has() -> None:
    old, new = (emitted(FULL, version=version) for version in ("3.1", "3.3"))
    assert "from airflow.timetables.interval import CronDataIntervalTimetable\n" in old
    assert "from airflow.sdk import DAG, TriggerRule\n" in old
    assert "from airflow.sdk import DAG, CronDataIntervalTimetable, TriggerRule\n" in new
    assert ["add_result" in content for content in (old, new)] == [False, True]
    bare = [emitted(None, version=version) for version in ("3.1", "3.3")]
    assert ["RESUMES" in content for content in bare] == [False, True]
    assert bare[1] == emitted(None)
    for content in (old, bare[0]):
        ast.parse(content)


def test_a_profile_that_says_nothing_changes_nothing() -> None:
    assert emitted("profile: 1\n") == emitted(None)


def test_the_steps_of_a_region_share_their_settings() -> None:
    one = emitted("profile: 1\nsteps: {back: {airflow: {pool: p}, retries: 4}}\n")
    region = arguments(one, "turn_region")
    assert (region["pool"], region["retries"]) == ("'p'", "4")
    two = "profile: 1\nsteps: {turn: {airflow: {pool: a}, timeout: 5}, back: {airflow: {pool: b}, timeout: 5}}\n"
    with pytest.raises(UnsupportedByTarget) as raised:
        emitted(two)
    assert [(d.code, str(d.span), d.message) for d in raised.value.diagnostics] == [
        (
            "NTL511",
            "13:11",
            'steps "turn" and "back" are one task on Airflow, and the profile gives them different values of "pool"',
        )
    ]


def test_what_a_run_sees_of_its_interval() -> None:
    def run(kind: str, start: datetime | None, end: datetime | None) -> SimpleNamespace:
        return SimpleNamespace(run_type=kind, data_interval_start=start, data_interval_end=end)

    start = datetime(2026, 1, 31, 6, tzinfo=timezone(timedelta(hours=1)))
    end = datetime(2026, 2, 1, 5, tzinfo=UTC)
    told = {"start": "2026-01-31T05:00:00.000000+00:00", "end": "2026-02-01T05:00:00.000000+00:00"}
    assert interval(run("scheduled", start, end)) == told
    assert interval(run("backfill", start, end)) == told
    assert interval(run("manual", start, end)) is None
    assert interval(run("scheduled", None, end)) is None


def test_the_schema_takes_what_is_read_and_nothing_else() -> None:
    from jsonschema import Draft202012Validator
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    valid = Draft202012Validator(schema.load("profile"))
    good = yaml.load(FULL.replace("2026-01-31T05:30:00", '"2026-01-31T05:30:00"').replace("2027-01-01", '"2027-01-01"'))
    assert list(valid.iter_errors(good)) == []
    assert list(valid.iter_errors({**good, "ownr": 1})) != []
    assert list(valid.iter_errors({**good, "profile": 2})) != []
    assert list(valid.iter_errors({k: v for k, v in good.items() if k != "profile"})) != []
