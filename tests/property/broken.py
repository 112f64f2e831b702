"""Texts that are playbooks no more, or never were, and what has to hold for the answer to each."""

from __future__ import annotations

import copy
import json
import os
from functools import cache
from pathlib import Path
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final
from zlib import crc32

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from noetl import schema
from noetl.compiler.frontend import Compilation, compile_source
from noetl.compiler.ir import Json
from noetl.compiler.source.positions import Lines
from noetl.conformance.authoring import Document
from noetl.conformance.strategies import clean_documents
from noetl.diagnostics import Diagnostic, Severity, in_order, render_json, render_text
from noetl.errors import UnsupportedByTarget
from noetl.runtime.capabilities import refusals
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

from . import tree
from .drawing import drawn, each_of
from .test_frontend import KEYS, PLAYBOOKS, TREES, WORDS
from .test_source import PIECES, any_text, check_span, yaml_like
from .yaml_writer import write

ROOT: Final = Path(__file__).parents[2]
FILE: Final = "fuzz.yaml"
VALIDATOR: Final = Draft202012Validator(schema.load("diagnostics"))

# -- the answer ------------------------------------------------------------------------------------------------------


def answer(data: str | bytes) -> Compilation:
    """Lint the input and check what must hold for any; an exception is a failure too."""
    compiled = compile_source(data, FILE)
    found = list(compiled.diagnostics)
    check_diagnostics(found, compiled.text)
    assert compiled.ok == all(d.severity is not Severity.ERROR for d in found)
    assert compiled.workflow is not None or not compiled.ok
    if crc32(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")) % 4 == 0:
        shown = render_json(found)
        VALIDATOR.validate(json.loads(shown))
        assert render_json(compile_source(data, FILE).diagnostics) == shown
    if compiled.ok and compiled.workflow is not None:
        check_accepted(compiled)
    return compiled


def check_diagnostics(found: list[Diagnostic], text: str) -> None:
    """In order, of one printable line each, at places that the text has, and fit to be shown."""
    assert found == in_order(found)
    lines = Lines(text)
    for diagnostic in found:
        for words in (diagnostic.message, diagnostic.hint or "", *(related.message for related in diagnostic.related)):
            assert words.isprintable(), words
        spans = [diagnostic.span, *(related.span for related in diagnostic.related)]
        spans += [edit.span for edit in diagnostic.fix.edits] if diagnostic.fix else []
        for span in spans:
            check_span(span, lines)
    assert all(line.isprintable() for line in render_text(found, {FILE: text}).split("\n"))


def check_accepted(compiled: Compilation) -> None:
    """What lint accepts is run or refused, compiled or refused: never anything else."""
    assert compiled.workflow is not None
    check_diagnostics(refusals(compiled.workflow, FILE), compiled.text)
    try:
        made = TARGET.compile(Source(FILE, compiled.text, compiled.workflow))
    except UnsupportedByTarget as refused:
        reasons = refused.diagnostics
    else:
        compile(made.content, made.file, "exec")
        return
    assert reasons
    check_diagnostics(list(reasons), compiled.text)


# -- playbooks to spoil ----------------------------------------------------------------------------------------------


@cache
def documents() -> list[Document]:
    """Small right playbooks, always the same ones."""
    return drawn(clean_documents(max_steps=3), 200, start=1)


@cache
def texts() -> list[str]:
    """The same playbooks as text, each in two styles."""
    return [write(document, Random(number)).text for number, document in enumerate(documents() * 2)]


@cache
def samples() -> list[str]:
    """Playbooks as people write them: the examples, and the corpus where there is one."""
    folders = [ROOT / "examples", *(Path(folder) for folder in [os.environ.get("NOETL_CORPUS", "")] if folder)]
    return [path.read_text("utf-8") for folder in folders for path in sorted(folder.glob("*.yaml"))]


# -- how to spoil them -----------------------------------------------------------------------------------------------

LANGUAGE: Final = WORDS.split()
JINJA: Final = (
    *("{{", "}}", "{%", "%}", "{#", "#}", "{{ }}", "{{ x", "x }}", "{% if x %}", "{% endif %}", "{% for a in b %}"),
    *("{% raw %}", "{% set a = 1 %}", "{% endfor %}", "{{ a.b.c[0]['d'] }}", "{{- x -}}", "{{ x | nofilter }}", "|"),
    *(")", "'", '"', "~", "==", " is ", " not ", "{{ range(10**9) }}", "{{ loop }}", "{{ self }}", "(", "\x85", "\\"),
    *("{{ x if }}", "{{ 1 / 0 }}", "{{ '\\x' }}", "{{ {} }}", "{{ [[[[ }}", "{{ a(b=1, b=2) }}", "{% include 'x' %}"),
    *("{% macro m(a, a) %}{% endmacro %}", "{% block x %}", "{{ x.__class__ }}", "{{ 1e999 }}", "{{ a[:1, 2] }}"),
)
SIMPLE: Final[tuple[Json, ...]] = (
    *(None, True, 0, -1, 1e300, 2**80, "", "x", " ", "{{ x }}", "{{", "start", "end", "noetl.io/v1", "http", "shell"),
    *("\u2028", "\U0001f600", "a\nb", "yes", "012", "0x1"),
)
NESTED: Final[list[Json]] = json.loads(
    """[
    [], {}, [[]], [null], ["start"], {"a": null}, {"": ""}, {"step": "start"}, {"kind": "http"}, {"when": true},
    {"in": [], "iterator": "i"}, {"from": "x"}, {"tool": {"kind": "python"}}, {"name": "x", "value": 1},
    {"strategy": "append"}, {"ctx": {"a": 1}}, {"name": []}, {"profile": "local"}
    ]"""
)


def odd(chance: Random) -> Json:
    """A value that hardly fits anywhere."""
    return chance.choice(SIMPLE) if chance.random() < 0.5 else copy.deepcopy(chance.choice(NESTED))


def spoil_tree(document: Document, chance: Random) -> None:
    """One change of the tree: another type, a key in the wrong place, a broken template."""
    places = [path for path in paths(document) if path]
    path = chance.choice(places)
    owner, value = tree.get(document, path[:-1]), tree.get(document, path)
    match chance.randrange(7):
        case 0:
            tree.put(document, path, odd(chance))
        case 1 if isinstance(owner, dict):
            tree.add(owner, chance.choice(LANGUAGE), odd(chance), chance)
        case 2 if isinstance(owner, dict):
            tree.rename(owner, str(path[-1]), chance.choice(LANGUAGE))
        case 3 if isinstance(owner, dict):
            del owner[str(path[-1])]
        case 4:
            other = chance.choice(places)
            if other[: len(path)] != path and path[: len(other)] != other:
                # A copy: one object at two places could be put into itself by the next change.
                tree.put(document, other, copy.deepcopy(value))
        case 5 if isinstance(owner, list):
            owner.insert(chance.randint(0, len(owner)), value)
        case _:
            strings = list(tree.strings(document))
            place, text = chance.choice(strings)
            at = chance.randint(0, len(text))
            tree.put(document, place, text[:at] + chance.choice(JINJA) + text[at + chance.choice((0, 0, 1, 5)) :])


def paths(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every value."""
    found = [path]
    if isinstance(value, dict):
        found += [inner for key, item in value.items() for inner in paths(item, (*path, key))]
    elif isinstance(value, list):
        found += [inner for i, item in enumerate(value) for inner in paths(item, (*path, i))]
    return found


def spoil_lines(text: str, chance: Random) -> str:
    """One change of lines: one less, one twice, two swapped, another indentation, two joined."""
    lines = text.split("\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = " " * chance.randint(1, 4) + lines[at]
        case 4:
            lines[at] = lines[at][chance.randint(1, 4) :]
        case 5:
            lines[at] = lines[at].replace(" ", "\t", 1)
        case _:
            lines[at : at + 2] = ["".join(lines[at : at + 2])]
    return "\n".join(lines)


def spoil_text(text: str, chance: Random) -> str:
    """One change of characters: some more, some less, others."""
    at = chance.randint(0, len(text))
    added = chance.choice((chance.choice(PIECES), chance.choice(JINJA), chance.choice(LANGUAGE), ""))
    return text[:at] + added + text[at + chance.choice((0, 0, 0, 1, 2, 30)) :]


def spoil_bytes(data: bytes, chance: Random) -> bytes:
    """One change of bytes: another one, some less, another encoding."""
    at = chance.randint(0, len(data))
    match chance.randrange(4):
        case 0:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 1:
            return data[:at]
        case 2:
            return data.decode("utf-8", "replace").encode(chance.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-be")))
    return data[:at] + data[at + 1 :]


def spoilt_tree(draw_seed: int) -> str:
    """A right playbook after changes of its tree, in any style."""
    chance = Random(f"tree {draw_seed}")
    document = json.loads(json.dumps(chance.choice(documents())))
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        spoil_tree(document, chance)
    if not document:
        return "{}"
    return write(document, chance).text if chance.random() < 0.8 else json.dumps(document)


def spoilt_text(draw_seed: int) -> str | bytes:
    """A playbook, drawn or as people write it, after changes of its text."""
    chance = Random(f"text {draw_seed}")
    text = chance.choice(samples() if chance.random() < 0.1 else texts())
    for _ in range(chance.randint(1, 4)):
        text = chance.choice((spoil_lines, spoil_text))(text, chance)
    if chance.random() < 0.1:
        return spoil_bytes(text.encode(), chance)
    return text


seeds: Final = st.integers(0, 2**64)
language_soup: Final = st.lists(st.sampled_from([*PIECES, *LANGUAGE, *JINJA]), max_size=30).map("".join)
styled_trees: Final = st.builds(
    lambda value, number: write(value, Random(number)).text if isinstance(value, dict | list) and value else str(value),
    PLAYBOOKS | TREES | st.dictionaries(KEYS, TREES, max_size=5),
    seeds,
)
FAMILIES: Final[dict[str, st.SearchStrategy[str | bytes]]] = {
    "text": any_text | yaml_like | st.tuples(yaml_like, any_text).map("".join),
    "bytes": st.binary(max_size=300) | yaml_like.map(str.encode),
    "soup": language_soup,
    "trees": styled_trees,
    "spoilt trees": seeds.map(spoilt_tree),
    "spoilt texts": seeds.map(spoilt_text),
}
"""Where inputs come from, by name."""


def answer_all(family: str, number: int) -> None:
    """Answer so many inputs of a family."""
    each_of(FAMILIES[family], number, answer)
