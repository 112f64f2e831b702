"""The text of DAG files: exact, the same every time, and what Airflow takes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import noetl
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.conf import payload
from noetl.targets.airflow.connections import from_connection
from noetl.targets.airflow.layout import TAKEN
from noetl.targets.airflow.literals import json_literal, quoted, text_literal
from noetl.targets.airflow.params import comes_back
from noetl.targets.airflow.playbook import Playbook, check_version, fingerprint
from noetl.targets.base import Compiled, Source

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: "%s", tags: ["%s", noetl, b]}
workflow: [{step: start, desc: "%s", next: [a, b]}, {step: a}, {step: b}]
"""
HOSTILE = (
    'a \\" quote',
    "''' and \\\"\\\"\\\" and a backslash \\\\",
    "{{ x }} {% raw %} ${y} %s {braces}",
    "\\u2028 \\x07 \\u202e",
    "é 漢字 𠀀",
    "x" * 300,
)


def compiled(text: str, name: str = "p.yaml") -> Compiled:
    found = compile_source(text, name)
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    return TARGET.compile(Source(found.path, found.text, found.workflow))


def constant(content: str, name: str) -> object:
    """The value of a module constant of an emitted file."""
    for node in ast.parse(content).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(name)


@given(st.text())
@example("\"\"\"'''")
@example('ends with "')
@example("ends with \\")
@example("a\r\nb\rc\td\f")
@example("\u2028\u0085\x00\x1f\x7f\u202e")
def test_a_text_literal_is_the_text(text: str) -> None:
    assert ast.literal_eval(text_literal(text)) == text
    assert ast.literal_eval(quoted(text)) == text
    assert "\n" not in quoted(text)


@given(JSON, st.integers(0, 8))
def test_a_json_literal_is_the_value(value: Json, indent: int) -> None:
    found = ast.literal_eval(json_literal(value, indent))
    assert repr(found) == repr(value)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", range(3))
def test_hostile_texts_do_no_harm(text: str, place: int) -> None:
    parts = ["name", "tag", "desc"]
    parts[place] = text
    source = PLAYBOOK % tuple(parts)
    made = compiled(source, 'a"""\\.yaml')
    assert constant(made.content, "PLAYBOOK") == source
    compile(made.content, "dag.py", "exec")
    assert len(made.identity) <= 250


def test_crlf_and_tabs_of_the_playbook_stay() -> None:
    source = (PLAYBOOK % ("n", "t", "d\tx")).replace("\n", "\r\n")
    assert constant(compiled(source).content, "PLAYBOOK") == source


def test_the_same_bytes_whatever_the_seed_of_hashes(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(PLAYBOOK % ("n", "tag", "d") + "workload: {z: 1, a: {c: 1, b: 2}}\n", "utf-8")
    command = [sys.executable, "-m", "noetl", "compile", str(file), "--target", "airflow", "-o", "-", "--explain"]
    runs = []
    for seed in ("0", "1", "12345"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        runs.append((done.stdout, done.stderr))
    assert runs[0][0].startswith(b'"""Playbook n as an Airflow DAG.')
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, True),
        (True, True),
        (2**53, True),
        (2**53 + 1, False),
        (-(2**70), False),
        (0.5, True),
        (1.0, False),
        ("{{ x }}", True),
        ("a\0", False),
        (["a", 1], True),
        ([{"b": 1, "a": 2}], False),
        ({"b": 1, "a": {"x": [0.5]}}, True),
        ({"a": {"x": 2.0}}, False),
    ],
)
def test_params_are_what_the_form_gives_back(value: Json, expected: bool) -> None:
    assert comes_back(value) is expected


def test_no_step_takes_a_name_of_the_file() -> None:
    names = sorted([*TAKEN, "dag_2", "a-b", "a_b", "class", "match", "1"])
    head = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: n}\nworkflow:\n"
    steps = "".join(f"  - {{step: {json.dumps(name)}, next: end}}\n" for name in names)
    text = f"{head}  - {{step: start, next: {json.dumps(names)}}}\n{steps}"
    tree = ast.parse(compiled(text).content)
    bound = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    assert len(bound) == len(set(bound))
    assert {n.asname or n.name for i in tree.body if isinstance(i, ast.ImportFrom) for n in i.names}.isdisjoint(bound)
    assert "isinstance" not in bound


def argument(content: str, name: str) -> object:
    """The value of an argument of `DAG(...)` in an emitted file."""
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DAG":
            return ast.literal_eval(next(k.value for k in node.keywords if k.arg == name))
    raise AssertionError(name)


def test_params_leave_templates_out() -> None:
    text = PLAYBOOK % ("n", "t", "d") + 'workload: {a: 1, b: "{{ now() }}", c: {d: "{{ env.X }}"}, e: {f: [1]}}\n'
    assert compiled(text).content.endswith('\n    dag.params.update({"a": 1, "e": {"f": [1]}})\n')
    assert "params" not in compiled(PLAYBOOK % ("n", "t", "d")).content


def test_tags_are_sorted_unique_and_short_enough() -> None:
    text = PLAYBOOK % ("n", "t" * 120, "d")
    assert argument(compiled(text).content, "tags") == ["noetl", "b", "t" * 100]


def test_the_description_of_the_playbook_is_the_dags() -> None:
    assert '    description="NoETL playbook n",\n' in compiled(PLAYBOOK % ("n", "t", "d")).content


# -- what the file calls when it is parsed and run -----------------------------------------------------------------


def playbook(text: str, made_by: str = noetl.__version__) -> Playbook:
    return Playbook(
        text,
        '\na 2-4\n    next.0 4 -> .62\n.62 5 "b"\n',
        file="a.yaml",
        description="What it is.",
        digest=fingerprint(text, {}),
        made_by=made_by,
    )


def test_an_edited_playbook_is_told() -> None:
    with pytest.raises(UsageError, match="edit the playbook and compile it again"):
        Playbook("a", "", file="a.yaml", description="", digest=fingerprint("b", {}), made_by=noetl.__version__)


@pytest.mark.parametrize(
    ("made_by", "installed", "fits"),
    [
        ("0.1.0", "0.1.0", True),
        ("0.1.0", "0.1.7", True),
        ("0.1.7", "0.1.0", False),
        ("0.1.0", "0.2.0", False),
        ("1.2.3", "1.4.0", True),
        ("1.4.0", "1.2.3", False),
        ("1.9.0", "2.0.0", False),
        ("0.1.0.dev1", "0.1", True),
    ],
)
def test_the_version_that_made_a_file_must_fit(made_by: str, installed: str, fits: bool) -> None:
    if fits:
        check_version(made_by, installed)
    else:
        with pytest.raises(UsageError, match=f"made by noetl {made_by}, and noetl {installed} is installed"):
            check_version(made_by, installed)


def test_a_step_is_shown_with_its_lines() -> None:
    made = playbook("workflow:\n  - step: a\n    desc: ```x\n    next: b\n  - step: b\n")
    expected = "Step `a`, line 2 of the playbook:\n\n````yaml\n- step: a\n  desc: ```x\n  next: b\n````\n"
    assert made.fragment("a") == expected
    assert made.doc.startswith("What it is.\n\nA NoETL playbook, run by noetl ")
    assert made.doc.endswith("| step | line | tasks |\n|---|---|---|\n| `a` | 2 | `a` |\n| `b` | 5 | `.62` |\n")


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"a": 1}, {"a": 1}),
        ({"noetl_payload": '{"b": 1, "a": 1180591620717411303424}'}, {"b": 1, "a": 2**70}),
        ({"noetl_payload": "x", "a": 1}, {"noetl_payload": "x", "a": 1}),
    ],
)
def test_the_conf_is_the_payload(conf: dict[str, Json] | None, expected: dict[str, Json]) -> None:
    assert payload(conf) == expected


@pytest.mark.parametrize("text", ["", "{", "[1]", "1", "[" * 100_000, 5, None])
def test_a_payload_that_is_none_is_told(text: Json) -> None:
    with pytest.raises(ValueError, match='"noetl_payload" of the conf is'):
        payload({"noetl_payload": text})


class Connection:
    """A connection as Airflow has it."""

    def __init__(self, conn_type: str, extra: dict[str, Json] | None = None, **columns: Json) -> None:
        self.conn_type = conn_type
        self.extra_dejson = extra or {}
        for name in ("login", "password", "host", "schema", "port"):
            setattr(self, name, columns.get(name))


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        (Connection("http", login="u", password="p"), ("basic", {"username": "u", "password": "p"})),
        (Connection("http", password="t"), ("bearer", {"token": "t"})),
        (
            Connection("http", {"type": "api_key", "in": "query"}, login="key", password="k"),
            ("api_key", {"name": "key", "value": "k", "in": "query"}),
        ),
        (
            Connection("postgres", host="h", port=5432, schema="d", login="u", password="p"),
            ("postgres", {"host": "h", "port": 5432, "dbname": "d", "user": "u", "password": "p"}),
        ),
        (Connection("generic", {"type": "text"}, password="s"), ("text", {"value": "s"})),
        (
            Connection("aws", {"region": "eu"}, login="id", password="s"),
            ("aws", {"access_key_id": "id", "secret_access_key": "s", "region": "eu"}),
        ),
        (Connection("http", {"type": "other", "a": 1}, login="u"), ("other", {"username": "u", "a": 1})),
    ],
)
def test_connections_are_credentials(connection: Connection, expected: tuple[str, dict[str, Json]]) -> None:
    assert from_connection(connection) == expected
