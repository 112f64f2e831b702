"""What a profile says, in manifests for Argo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ruamel.yaml import YAML

from noetl.compiler.frontend import compile_source
from noetl.errors import UnsupportedByTarget
from noetl.targets.argo import TARGET
from noetl.targets.argo.slots import Slots, filled, five_fields
from noetl.targets.base import Options, Source
from noetl.targets.profile import parse

PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p}
workflow:
  - step: start
    next: [{step: load_big}]
  - step: load_big
    tool: {kind: python, code: "result = 1"}
    next: [{step: again}]
  - step: again
    case: [{when: "{{ event.name == 'step.exit' }}", then: [{next: [{step: load_more}]}]}]
    next: [{step: end}]
  - step: load_more
    tool: {kind: python, code: "result = 1"}
    next: [{step: again}]
"""


def compiled(profile: str) -> list[dict[str, Any]]:
    found = compile_source(PLAYBOOK.encode(), "p.yaml")
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    read = parse(f"profile: 1\n{profile}".encode(), "profile.yaml")
    assert read.profile is not None, read.diagnostics
    made = TARGET.compile(Source("p.yaml", found.text, found.workflow), Options(profile=read.profile))
    return list(YAML(typ="safe").load_all(made.content))


def templates(profile: str) -> dict[str, dict[str, Any]]:
    """For each task its template."""
    spec = compiled(profile)[1]["spec"]
    found = {template["name"]: template for template in spec["templates"]}
    return {task["name"]: found[task["template"]] for task in found["main"]["dag"]["tasks"]}


def test_what_is_said_of_steps_is_in_their_pods() -> None:
    found = templates("""
defaults: {retries: 2, timeout: 90, argo: {image: "example.com/noetl:1", requests: {cpu: 100m}, labels: {team: data}}}
steps:
  "load*": {argo: {requests: {memory: 2Gi}, node_selector: {disk: ssd}, annotations: {a/b: c}, priority_class: low}}
""")
    start, big = found["s-start"], found["s-load-big"]
    assert start["activeDeadlineSeconds"] == 90
    lost = " || ".join(f"lastRetry.exitCode == '{code}'" for code in (-1, 137, 143))
    expression = f"lastRetry.status == 'Error' || {lost}"
    assert start["retryStrategy"] == {"limit": "2", "retryPolicy": "Always", "expression": expression}
    assert start["container"]["resources"] == {"requests": {"cpu": "100m"}}
    assert start["metadata"] == {
        "labels": {"team": "data"},
        "annotations": {"noetl.io/unit": "{{inputs.parameters.unit}}"},
    }
    assert big["container"]["resources"] == {"requests": {"cpu": "100m", "memory": "2Gi"}}
    assert big["container"]["image"] == "example.com/noetl:1"
    assert (big["nodeSelector"], big["priorityClassName"]) == ({"disk": "ssd"}, "low")
    assert big["metadata"]["annotations"] == {"noetl.io/unit": "{{inputs.parameters.unit}}", "a/b": "c"}
    assert "nodeSelector" not in start


def test_what_is_said_of_workflows_is_in_their_spec() -> None:
    config, template = compiled("""
max_active_runs: 3
argo:
  service_account: etl
  image_pull_secrets: [registry]
  labels: {part: etl}
  annotations: {example.com/owner: data}
  ttl: 60
  credentials: {pg-prod: {secret: databases, key: pg.json}}
  env: {REGION: eu}
  values: {claim: etl-values}
""")
    spec = template["spec"]
    assert (spec["serviceAccountName"], spec["imagePullSecrets"]) == ("etl", [{"name": "registry"}])
    assert spec["ttlStrategy"] == {"secondsAfterCompletion": 60}
    assert spec["workflowMetadata"]["labels"]["part"] == "etl"
    assert spec["workflowMetadata"]["annotations"] == {"example.com/owner": "data"}
    key = {"name": config["metadata"]["name"], "key": "executions"}
    assert (spec["synchronization"], config["data"]["executions"]) == ({"semaphores": [{"configMapKeyRef": key}]}, "3")
    assert spec["volumes"][1] == {"name": "values", "persistentVolumeClaim": {"claimName": "etl-values"}}
    env = {one["name"]: one.get("value", one.get("valueFrom")) for one in spec["templates"][2]["container"]["env"]}
    assert env == {
        "NOETL_EXECUTION_ID": "{{workflow.uid}}",
        "NOETL_VALUES": "/var/noetl/values",
        "REGION": "eu",
        "NOETL_ALLOW_ENV": "REGION",
        "NOETL_CREDENTIAL_PG_PROD": {"secretKeyRef": {"name": "databases", "key": "pg.json", "optional": True}},
    }


def test_one_execution_at_a_time_is_a_mutex_of_all_versions() -> None:
    assert compiled("max_active_runs: 1")[1]["spec"]["synchronization"] == {"mutexes": [{"name": "p"}]}


def test_steps_of_a_region_with_different_settings_are_refused() -> None:
    with pytest.raises(UnsupportedByTarget) as told:
        compiled("steps: {again: {timeout: 5}, load_more: {timeout: 6}}")
    (found,) = told.value.diagnostics
    assert (found.code, found.span.line) == ("NTL511", 13)
    assert '"again" and "load_more" are one pod on Argo' in found.message


def test_a_schedule_is_a_cron_workflow() -> None:
    when = 'timezone: Europe/Berlin, start: "2026-01-01", end: "2026-12-31"'
    _, template, cron = compiled(f'schedule: {{cron: "0 6 * * mon-fri", {when}, payload: {{a: "{{{{b}}}}"}}}}')
    assert (cron["kind"], cron["metadata"]["name"]) == ("CronWorkflow", template["metadata"]["name"])
    spec = cron["spec"]
    assert (spec["schedules"], spec["timezone"]) == (["0 6 * * mon-fri"], "Europe/Berlin")
    # The first interval begins on the 1st at 6; the one that begins on the 31st of December at 6 is one too many.
    assert spec["when"] == "{{= now() >= date('2026-01-02T05:00:00Z') && now() < date('2027-01-01T05:00:00Z') }}"
    value = '{"a":"{\\u007bb}}","interval":{"end":"{{workflow.scheduledTime}}"}}'
    assert spec["workflowSpec"] == {
        "workflowTemplateRef": {"name": "p"},
        "arguments": {"parameters": [{"name": "payload", "value": value}]},
    }


def test_what_was_missed_is_not_made_up_for() -> None:
    with pytest.raises(UnsupportedByTarget, match="catchup"):
        compiled('schedule: {cron: "@daily", start: "2026-01-01", catchup: true}')


@pytest.mark.parametrize(
    ("cron", "zone", "at", "before"),
    [
        ("0 6 * * *", "UTC", "2026-03-01T06:00:00", "2026-02-28T06:00:00"),
        ("0 6 * * *", "UTC", "2026-03-01T06:00:01", "2026-03-01T06:00:00"),
        ("*/15 6-18 * * mon-fri", "UTC", "2026-03-02T06:00:00", "2026-02-27T18:45:00"),
        ("@quarterly", "UTC", "2026-03-02T06:00:00", "2026-01-01T00:00:00"),
        ("0 0 1,15 * 5", "UTC", "2026-03-08T00:00:00", "2026-03-06T00:00:00"),
        ("0 0 29 2 *", "UTC", "2027-01-01T00:00:00", "2024-02-29T00:00:00"),
        ("0 12 * * 7", "UTC", "2026-03-02T06:00:00", "2026-03-01T12:00:00"),
        ("@daily", "Europe/Berlin", "2026-07-01T22:00:00", "2026-06-30T22:00:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T12:00:00", "2026-03-28T01:30:00"),
    ],
)
def test_the_slot_before(cron: str, zone: str, at: str, before: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    wanted = datetime.fromisoformat(before).replace(tzinfo=UTC)
    slots = Slots(cron, zone)
    assert slots.before(moment) == wanted
    assert slots.after(wanted) == wanted
    found = slots.after(wanted + timedelta(minutes=1))
    assert found is not None
    assert found >= moment.replace(second=0)


def test_fields_are_those_of_argo() -> None:
    assert five_fields("0 6 * * fri-sun".replace("sun", "7").replace("fri", "5")) == "0 6 * * 0,5,6"
    assert five_fields("@quarterly") == "0 0 1 */3 *"


def test_the_interval_of_an_execution_is_filled_in() -> None:
    slots = Slots("0 6 * * *", "Europe/Berlin")
    given = filled({"a": 1, "interval": {"end": "2026-07-02T04:00:00Z"}}, slots, "interval")
    assert given == {
        "a": 1,
        "interval": {"start": "2026-07-01T04:00:00.000000+00:00", "end": "2026-07-02T04:00:00.000000+00:00"},
    }
    assert filled({"interval": {"start": 1, "end": 2}}, slots, "interval") == {"interval": {"start": 1, "end": 2}}
    assert filled({"a": 1}, slots, "interval") == {"a": 1}
    with pytest.raises(ValueError, match="Invalid isoformat string"):
        filled({"interval": {"end": "{{workflow.scheduledTime}}"}}, slots, "interval")
