"""What a playbook needs where it runs: packages, kinds of tools, credentials. What `--requirements` prints."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from importlib.metadata import entry_points
from typing import Final

import noetl
from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.compiler.parts import overrides_of_step, tools_of_step, tools_of_task
from noetl.compiler.passes.facts import Facts
from noetl.compiler.passes.sites import sites
from noetl.compiler.python import Code, codes
from noetl.compiler.tools import KINDS, PLUG_INS

from .base import Source

EXTRAS: Final[Mapping[str, str]] = {"postgres": "postgres", "duckdb": "duckdb"}
"""The extra of noetl that a kind needs."""
SCRIPTS: Final = frozenset({"s3", "gcs"})
"""The types of script sources that need the extra of that name."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """Each sorted, without repetition."""

    packages: tuple[str, ...]
    kinds: tuple[str, ...]
    """The kinds of tools and sinks that are called."""
    credentials: tuple[str, ...]
    """By name; a name that is a template as it is written."""

    modules: tuple[str, ...]
    """What python code imports that is not in Python's library, by its top name."""
    scripts: tuple[str, ...]
    """The files and addresses that code and SQL are read from; a template as it is written."""
    environment: tuple[str, ...]
    """The names that templates read as `env.NAME`."""

    def shown(self) -> str:
        """One line for each: what it is, and its name."""
        return "\n".join(f"{what.removesuffix('s')} {name}" for what, names in self._parts() for name in names)

    def to_json(self) -> dict[str, ir.Json]:
        """As `--requirements --format json` has it."""
        return {what: [*names] for what, names in self._parts()}

    def _parts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for part in fields(self):
            yield part.name, getattr(self, part.name)


def united(several: Iterable[Requirements]) -> Requirements:
    """What all of them need, once."""
    given = list(several)
    names = [part.name for part in fields(Requirements)]
    return Requirements(*(tuple(sorted({n for one in given for n in getattr(one, name)})) for name in names))


def requirements(source: Source, extra: str | None = None) -> Requirements:
    """What a playbook and those that are shipped with it need; `extra` is the target's own extra of noetl, if any."""
    children = (compile_source(text, name, check=False).workflow for name, text in source.playbooks.items())
    workflows = [source.workflow, *(child for child in children if child is not None)]
    tools = [tool for workflow in workflows for tool in _tools(workflow)]
    kinds = {tool.kind for tool in tools} - {"workbook", "playbook"}
    extras = (
        ({extra} if extra else set())
        | {EXTRAS[kind] for kind in kinds & EXTRAS.keys()}
        | ({*map(_script, tools)} & SCRIPTS)
    )
    with_extras = f"[{','.join(sorted(extras))}]" if extras else ""
    packages = {f"noetl{with_extras}=={noetl.__version__}", *_plug_ins(kinds)}
    fields = [*(tool.fields for tool in tools), *(o for w in workflows for s in w.steps for o in overrides_of_step(s))]
    names = {name for given in fields for name in _credentials(given)}
    names |= {name for workflow in workflows for name in _read_of("secret", workflow)}
    modules = {name for workflow in workflows for name in _modules(workflow)}
    scripts = {name for given in fields for name in _scripts(given)}
    environment = {name for workflow in workflows for name in _read_of("env", workflow)}
    return Requirements(*(tuple(sorted(found)) for found in (packages, kinds, names, modules, scripts, environment)))


def _tools(workflow: ir.Workflow) -> Iterator[ir.Tool]:
    for step in workflow.steps:
        yield from tools_of_step(step)
    for task in workflow.tasks:
        yield from tools_of_task(task)


def _plug_ins(kinds: set[str]) -> Iterator[str]:
    """The packages of the plug-ins that run some of the kinds."""
    for point in entry_points(group=PLUG_INS):
        known = KINDS.get(point.name)
        if point.name in kinds and point.dist is not None and (known is None or not known.runner):
            yield f"{point.dist.name}=={point.dist.version}"


def _script(tool: ir.Tool) -> str:
    """The type of the source of a tool's script; empty if there is none."""
    return _text(_entry(_entry(tool.fields.get("script"), "source"), "type")) or ""


def _modules(workflow: ir.Workflow) -> Iterator[str]:
    """The top names of what python code imports, but for Python's own library."""
    for scalar in codes(workflow):
        tree = Code(scalar.text).tree
        for node in ast.walk(tree) if tree is not None else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
                names = [node.module]
            yield from {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def _scripts(fields: ir.MapValue) -> Iterator[str]:
    """Where the script of a tool is."""
    place = _written(_entry(fields.get("script"), "uri"))
    if place is not None:
        yield place


def _credentials(fields: ir.MapValue) -> Iterator[str]:
    """The names in `auth` and `credentials` in all their forms (TOO-6), and in `auth` of a script."""
    script = _entry(fields.get("script"), "source")
    specs = [fields.get("auth"), _entry(script, "auth")]
    specs += [spec for value in (*specs, fields.get("credentials")) for spec in _aliased(value)]
    for spec in specs:
        name = _written(spec) or _written(_entry(spec, "credential")) or _text(_entry(spec, "key"))
        if name is not None:
            yield name


def _aliased(value: ir.Value | None) -> list[ir.Value | None]:
    """The entries of a map of credentials by alias."""
    if _text(_entry(value, "type")) is not None or _text(_entry(value, "credential")) is not None:
        return []
    if isinstance(value, ir.MapValue):
        return [spec for _, spec in value.entries]
    if isinstance(value, ir.Const) and isinstance(value.value, dict):
        return [ir.Const(spec, value.span) for spec in value.value.values()]
    return []


def _read_of(root: str, workflow: ir.Workflow) -> Iterator[str]:
    """The names of `{{ secret.NAME }}`, or of another root."""
    for site in sites(workflow, Facts()).sites:
        for read in site.reads:
            if read.name == root and read.path and isinstance(read.path[0], str):
                yield read.path[0]


def _entry(value: ir.Value | None, name: str) -> ir.Value | None:
    if isinstance(value, ir.MapValue):
        return value.get(name)
    if isinstance(value, ir.Const) and isinstance(value.value, dict) and name in value.value:
        return ir.Const(value.value[name], value.span)
    return None


def _written(value: ir.Value | None) -> str | None:
    """A text, or a template as it is written."""
    return value.source.strip() if isinstance(value, ir.Template) else _text(value)


def _text(value: ir.Value | None) -> str | None:
    return value.value if isinstance(value, ir.Const) and isinstance(value.value, str) else None
