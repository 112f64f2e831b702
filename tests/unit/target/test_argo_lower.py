"""What steps become on Argo, and that a file which means something else is refuted."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.errors import InternalError, UnsupportedByTarget
from noetl.targets.argo import TARGET
from noetl.targets.argo.capabilities import TABLE
from noetl.targets.argo.contract import UnitTable
from noetl.targets.argo.emit import Emitted, emit
from noetl.targets.argo.layout import Layout, lay_out
from noetl.targets.argo.verify import Written, verify
from noetl.targets.base import Options, Source, markdown_table
from noetl.targets.features import FEATURES
from noetl.targets.plan import Plan, plan

from .graphs import random_graph, workflow

DOCS = Path(__file__).parents[3] / "docs" / "argo.md"


def laid(text: str) -> tuple[ir.Workflow, Plan, Layout, Emitted]:
    found = workflow(text)
    made = plan(found)
    layout = lay_out(found, made)
    return found, made, layout, emit(Source("drawn.yaml", "text\n", found), layout)


def depends(text: str) -> dict[str, tuple[str, str]]:
    """For each task what it depends on, and when it runs; without the parts that all of them have."""
    *_, layout, emitted = laid(text)
    spec = YAML(typ="safe").load(emitted.template)["spec"]
    tasks = {task["name"]: task for task in spec["templates"][0]["dag"]["tasks"]}
    names = [task.name for task in layout.tasks if task.copy.arriving]
    return {name: (tasks[name]["depends"], tasks[name].get("when", "")) for name in names}


def refuted(text: str, old: str, new: str) -> str:
    """What is said of a file that has something else in one place."""
    found, made, layout, emitted = laid(text)
    assert old in emitted.template, emitted.template
    names = {task.copy.id: task.name for task in layout.tasks}
    with pytest.raises(InternalError, match="the manifest does not fit the plan") as told:
        verify(Written(emitted.template.replace(old, new, 1), names, emitted.tables), made, found)
    return str(told.value).removeprefix("the manifest does not fit the plan: ")


CHAIN = "start: *[a]\na: *[end]\nend: dead"
CHOICE = "start: [a] [b]\na: *[c]\nb: *[c]\nc: *[end]\nend: dead"
JOIN = "start: *[a b]\na: [c] *[d]\nb: *[c]\nc: all *[end]\nd: *[end]\nend: dead"
MANY = "start: *[a b]\na: fan [c]\nb: *[c]\nc: all *[end]\nend: dead"
GATHERS = "start: *[a b]\na: fan [c]\nb: *[c]\nc: all *[d]\nd: *[c end]\nend: dead"


def test_a_chain_needs_no_conditions() -> None:
    assert depends(CHAIN) == {"s-a": ("s-start.Succeeded", ""), "s-end": ("s-a.Succeeded", "")}


def test_a_choice_tests_the_word_of_the_next() -> None:
    found = depends(CHOICE)
    assert found["s-b"] == (
        "s-start.Succeeded",
        "{{= (tasks['s-start']?.outputs?.parameters?.edge ?? 'none') == 'e1' }}",
    )
    assert found["s-c"] == ("s-a.Succeeded || s-b.Succeeded", "")


def test_a_join_names_what_may_fail_beside_its_tokens() -> None:
    text, when = depends(JOIN)["s-c"]
    assert text == "(s-a.Succeeded || s-b.Succeeded) && (s-a || s-a.Omitted) && (s-b || s-b.Omitted)"
    guarded = "(tasks['s-a'].status == 'Succeeded' ? (tasks['s-a']?.outputs?.parameters?.edge ?? 'none') : 'none')"
    assert when == f"{{{{= {guarded} == 'e0' || tasks['s-b'].status == 'Succeeded' }}}}"


def test_a_join_of_many_tokens_asks_the_region() -> None:
    *_, layout, emitted = laid(MANY)
    assert emitted.tables["s-a"] == UnitTable(("a",), (2, 2), ((0,),), many=True, soft=True)
    assert emitted.tables["x-a"] == UnitTable(("a",), (2, 2), ((),), fails="s-a")
    (join,) = (task for task in layout.tasks if task.name == "s-c")
    assert [task.name for task in join.asked] == ["s-a"]
    assert "x-a" in emitted.template.rpartition("name: verdict")[2]


def test_a_step_that_calls_nothing_and_leads_nowhere_has_no_pod() -> None:
    *_, emitted = laid("start: [a] [end]\na: *[end]\nend:")
    assert emitted.tables["s-end"].sources == ("s-start", "s-a")
    assert laid(CHAIN)[3].tables["s-end"].sources is None


@pytest.mark.parametrize("seed", range(60))
def test_what_is_emitted_is_never_refuted(seed: int) -> None:
    found, made, layout, emitted = laid(random_graph(f"argo{seed}", wild=seed % 2 == 0))
    verify(Written(emitted.template, {task.copy.id: task.name for task in layout.tasks}, emitted.tables), made, found)


@pytest.mark.parametrize(
    ("graph", "old", "new", "why"),
    [
        (CHAIN, "s-start.Succeeded", "s-start", "s-a does not run where one of"),
        (CHAIN, "s-start.Succeeded", "s-start.Failed", "s-a does not run where one of"),
        (CHOICE, "s-a.Succeeded || s-b.Succeeded", "s-a.Succeeded", "s-c does not run where one of"),
        (CHOICE, " == 'e1'", " == 'e0'", "s-b runs for other edges"),
        (CHOICE, "?.edge ??", "?.rec ??", "s-a runs for other edges"),
        (CHOICE, "when:", "never:", "does not name every task"),
        (CHOICE, "(s-b || s-b.Omitted) &&", "", "does not name every task"),
        (CHOICE, "(s-b || s-b.Omitted) &&", "s-b &&", "does not name every task"),
        (JOIN, " && (s-a || s-a.Omitted)", "", "s-c joins tokens and does not hear of the failure of ['s-a']"),
        (JOIN, " && (s-b || s-b.Omitted)", "", "s-c joins tokens and does not hear of the failure of ['s-b']"),
        (JOIN, " && (s-a || s-a.Omitted)", " && (s-d || s-d.Omitted)", "names tasks that are not above it"),
        (JOIN, " || tasks['s-b'].status == 'Succeeded'", "", "s-c runs for other edges"),
        (JOIN, "(tasks['s-a'].status == 'Succeeded' ?", "(tasks['s-b'].status == 'Succeeded' ?", "has the condition"),
        (MANY, "?.failed ?? 'none') == 'yes'", "?.failed ?? 'none') == 'no'", "no task fails where a run in s-a did"),
        (MANY, "'s-a']?.outputs?.parameters?.e0", "'s-a']?.outputs?.parameters?.edge", "s-c runs for other edges"),
        (JOIN, "{name: unit, value: s-c}", "{name: unit, value: s-d}", "task s-c runs another unit"),
        (CHAIN, "{{workflow.parameters.payload}}", "{}", "s-start gets no payload"),
        (
            CHAIN,
            "tasks['s-start']?.outputs?.parameters?.ctx",
            "tasks['s-a']?.outputs?.parameters?.ctx",
            "other packets",
        ),
    ],
)
def test_a_file_that_means_something_else_is_refuted(graph: str, old: str, new: str, why: str) -> None:
    assert why in refuted(graph, old, new)


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("s-c", {"edges": ((1,), (0,))}, "counts other edges"),
        ("s-c", {"edges": ((0,),)}, "gets other packets"),
        ("s-c", {"above": (("a",),)}, "takes phases for those of other steps"),
    ],
)
def test_a_table_that_means_something_else_is_refuted(name: str, change: dict[str, tuple[object]], why: str) -> None:
    found, made, layout, emitted = laid(JOIN)
    tables = {**emitted.tables, name: replace(emitted.tables[name], **change)}  # type: ignore[arg-type]
    with pytest.raises(InternalError, match=why):
        verify(Written(emitted.template, {task.copy.id: task.name for task in layout.tasks}, tables), made, found)


def playbook(steps: str, metadata: str = "name: p") -> Source:
    text = f"apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {{{metadata}}}\nworkflow:\n{steps}"
    found = compile_source(text.encode(), "p.yaml")
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    return Source("p.yaml", found.text, found.workflow)


def test_the_text_is_shipped_once_as_it_is() -> None:
    odd = 'description: "{{workflow.name}} $(HOME) $$ \\" \\u2028"'
    source = playbook("  - step: start\n    next: [{step: end}]\n", f"name: p, {odd}")
    source = replace(source, playbooks={"self.yaml": source.text, "lib/other.yaml": "other: 1\n"})
    config, template = YAML(typ="safe").load_all(TARGET.compile(source).content)
    assert config["data"]["playbook.yaml"] == source.text
    assert config["data"]["playbook-1.yaml"] == "other: 1\n"
    units = json.loads(config["data"]["units.json"])
    assert units["playbooks"] == {"self.yaml": "playbook.yaml", "lib/other.yaml": "playbook-1.yaml"}
    assert template["spec"]["volumes"] == [{"name": "noetl", "configMap": {"name": config["metadata"]["name"]}}]
    assert config["immutable"] is True


def test_what_argo_shows_is_what_the_playbook_says() -> None:
    source = playbook(
        "  - step: start\n    next: [{step: end}]\n",
        'name: "\U0001f600 y", description: "a\\n\\e\u2028b", tags: [c, b]',
    )
    made = TARGET.compile(source).content
    assert "\\ud83d" not in made
    template = [*YAML(typ="safe").load_all(made)][1]
    assert template["metadata"]["annotations"] == {
        "workflows.argoproj.io/title": "\U0001f600 y",
        "workflows.argoproj.io/description": "a\n\x1b\u2028b",
        "noetl.io/path": "\U0001f600 y",
        "workflows.argoproj.io/tags": "b,c",
    }
    assert template["metadata"]["labels"]["app.kubernetes.io/name"] == "y"


def test_another_text_has_another_config_map() -> None:
    one, other = (
        TARGET.compile(playbook(f"  - step: start\n    desc: {d}\n    next: [{{step: end}}]\n")).content for d in "ab"
    )
    names = [re.findall(r"name: (p-[0-9a-f]{8})\n", text) for text in (one, other)]
    assert names[0] != names[1]
    assert TARGET.compile(playbook("  - step: start\n    desc: a\n    next: [{step: end}]\n")).content == one


def test_what_is_too_large_is_refused() -> None:
    big = "#" + "x" * 1_100_000
    with pytest.raises(UnsupportedByTarget) as told:
        TARGET.compile(playbook(f"  - step: start\n    next: [{{step: end}}]\n{big}\n"))
    (found,) = told.value.diagnostics
    assert found.code == "NTL512"
    assert found.message.startswith("the ConfigMap p-")


def chain(number: int, name: str) -> str:
    names = ["start", *(name.format(n) for n in range(number - 2)), "end"]
    steps = [f"  - step: {one}\n    tool: {{kind: python, code: 'result = 1'}}\n" for one in names]
    nexts = [f"    next: [{{step: {after}}}]\n" for after in names[1:]]
    return "".join(a + b for a, b in zip(steps, [*nexts, ""], strict=True))


@pytest.mark.parametrize("name", ["n{:03d}", "load_the_table_{:04d}"])
def test_a_step_costs_few_bytes(name: str) -> None:
    """330 and six times the name's length, besides the text of the step itself."""
    sizes = []
    for number in (50, 150):
        source = playbook(chain(number, name))
        lines = len(source.text.splitlines())
        sizes.append(len(TARGET.compile(source).content) - len(source.text) - 4 * lines)
    assert (sizes[1] - sizes[0]) / 100 <= 330 + 6 * len(name.format(0))


def test_fallbacks_are_refused_where_all_is_to_be_native() -> None:
    source = playbook("  - step: start\n    next: [{step: a}]\n  - step: a\n    next: [{step: start}]\n")
    with pytest.raises(UnsupportedByTarget) as told:
        TARGET.compile(source, Options(native=True))
    assert {d.code for d in told.value.diagnostics} == {"NTL509"}


def test_every_feature_has_a_row_and_the_guide_shows_it() -> None:
    assert {row.feature for row in TABLE} == FEATURES.keys() - {"mapped-loop"}
    assert markdown_table(TABLE, FEATURES) in DOCS.read_text("utf-8")
