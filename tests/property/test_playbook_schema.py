"""The schema of playbooks says of every text what lint says of its structure (families 0 and 1)."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final, cast

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from noetl import schema
from noetl.compiler import source
from noetl.compiler.document import field_schemas
from noetl.compiler.expr import ExpressionError, TextAround, strip_braces
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.compiler.nodes import Map, Node, Scalar
from noetl.conformance.authoring import Document
from noetl.conformance.strategies import clean_documents
from noetl.diagnostics import Severity

from . import mistakes_structure
from .broken import seeds, spoilt_tree
from .drawing import rounds
from .planting import planters
from .yaml_writer import write

ROOT: Final = Path(__file__).parents[2]
SAMPLES: Final = sorted(Path(os.environ.get("NOETL_CORPUS", ROOT / "examples")).glob("*.yaml"))
FIXTURES: Final = sorted((ROOT / "tests" / "golden" / "checks").glob("*.yaml"))
HEAD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: example}\n"
VALIDATOR: Final = Draft202012Validator(schema.load("playbook"))
PLANTERS: Final = planters(mistakes_structure)
WARNED: Final = {"NTL108"}
"""Mistakes of which lint only warns."""


def data(node: Node) -> Json:
    """What a YAML 1.2 parser gives."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Map):
        return {key.text: data(value) for key, value in node.entries}
    return [data(item) for item in node.items]


def structural(text: str) -> list[str]:
    """The structural errors that lint finds, and expressions in which Jinja cannot even tell the signs apart."""
    found = compile_source(text, "p.yaml", check=False).diagnostics
    return [d.code for d in found if d.severity is Severity.ERROR and (d.code < "NTL2" or d.code == "NTL301")]


def refusals(text: str) -> list[str] | None:
    """What the schema refuses; None where YAML cannot be read, so that there is nothing to validate."""
    parsed = source.parse(text, "p.yaml")
    if parsed.root is None or any(d.severity is Severity.ERROR for d in parsed.diagnostics):
        return None
    return [f"{error.json_path}: {error.message}"[:200] for error in VALIDATOR.iter_errors(data(parsed.root))]


def check(text: str, unsure: frozenset[str] = frozenset(("NTL301",))) -> bool:
    """Schema and lint agree, but where nothing except the `unsure` is wrong; gives whether the structure is sound."""
    refused, errors = refusals(text), structural(text)
    if refused is not None and not (errors and unsure.issuperset(errors)):
        assert bool(refused) == bool(errors), f"schema: {refused}\nlint: {errors}\n{text}"
    return not errors


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples(path: Path) -> None:
    check(path.read_text("utf-8"))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_fixtures_of_the_checks(path: Path) -> None:
    fixture = cast("dict[str, list[dict[str, str]]]", YAML(typ="safe").load(path.read_text("utf-8")))
    for part in [*fixture["wrong"], *fixture["near"]]:
        check(HEAD + part["playbook"])


@given(clean_documents(), st.randoms(use_true_random=True))
def test_right_playbooks_are_valid(document: Document, chance: Random) -> None:
    assert check(write(document, chance).text)


@pytest.mark.parametrize("mistake", sorted(PLANTERS))
def test_mistakes_in_the_structure_are_refused(mistake: str) -> None:
    planted: set[str] = set()

    @settings(max_examples=max(5, settings().max_examples // 8))
    @given(clean_documents(max_steps=4), st.randoms(use_true_random=True))
    def each(document: Document, chance: Random) -> None:
        spoilt = copy.deepcopy(document)
        expected = PLANTERS[mistake](spoilt, chance)
        if expected is not None:
            planted.add(mistake)
            assert check(write(spoilt, chance).text) == (expected.code in WARNED)

    for number in rounds(lambda: {mistake} - planted):
        seed(number)(each)()


@settings(max_examples=settings().max_examples * 3, suppress_health_check=list(HealthCheck))
@given(seeds)
def test_spoilt_playbooks(number: int) -> None:
    """What Jinja itself cannot read is another matter: there only lint can tell text from an expression."""
    check(spoilt_tree(number), frozenset(("NTL133", "NTL301")))


@pytest.mark.parametrize(
    "text",
    [
        *("a", "{{ a }}", " {{ a }}\n", "{{- a -}}", "a == '{{'", 'a == "}}"', "{'a': {'b': 1}}"),
        *("{{ {'a': {'b': 1}} }}", "{{ a }} b", "b {{ a }}", "{{ a }}{{ b }}", "{% if a %}b{% endif %}", "{# a #}"),
        *("it's {{ a }}", "{{ '}}' }} b", "", " ", "{", "}}", "{{ a", "a }}", "{{ '}}' }}", "{{ {'a': 1}['a'] }}"),
        *('{{ "it\'s" }}', "a ~ '{% x %}'", "\n {{ a }} b", "a\n{{ b }}"),
    ],
)
def test_text_around_an_expression(text: str) -> None:
    try:
        strip_braces(text)
        alone = True
    except TextAround:
        alone = False
    except ExpressionError:
        alone = True  # it is no expression at all, which is no matter of structure
    assert Draft202012Validator(field_schemas.EXPRESSION).is_valid(text) == alone
