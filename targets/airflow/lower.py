"""From a playbook to a DAG file: refuse, plan, verify, lay out, emit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Diagnostic, in_order
from noetl.errors import UnsupportedByTarget
from noetl.targets.base import Compiled, Options, Source, rows_of
from noetl.targets.explain import fallbacks
from noetl.targets.features import refusals, used
from noetl.targets.mapping import asked, why_not
from noetl.targets.mapping import refusals as unmapped
from noetl.targets.plan import plan
from noetl.targets.requirements import requirements
from noetl.targets.verify import verify

from .capabilities import TABLE, UNKNOWN_PLAYBOOKS, VERSIONS
from .emit import emit
from .explain import explain
from .layout import lay_out
from .settings import conflicts

if TYPE_CHECKING:
    from noetl.targets.profile import Settings

NAME = "airflow"


def compile_playbook(source: Source, options: Options) -> Compiled:
    """The DAG file of a playbook and the story of each step; UnsupportedByTarget with every reason if there is none."""
    version = options.version or VERSIONS[-1]
    found = [refused for file, workflow in _carried(source) for refused in _refused(source, version, file, workflow)]
    mapped = {step.name for step in asked(source.workflow, options.maps) if why_not(step) is None}
    made = plan(source.workflow, mapped=mapped)
    verify(made, source.workflow)
    found += unmapped(made, source.workflow, options.maps, source.path)
    found += fallbacks(made, NAME, source.path) if options.native else []
    layout = lay_out(source.workflow, made)
    settings = _settings(source, options)
    found += conflicts(layout, settings, source.path) if settings is not None else ()
    if found:
        raise UnsupportedByTarget(in_order(found))
    content = emit(source, layout, settings, version)
    told = partial(explain, source, layout, content, settings)
    return Compiled(layout.dag_id, f"{layout.dag_id}.py", content, told, partial(requirements, source, NAME))


def _settings(source: Source, options: Options) -> Settings | None:
    """What the profile says about the playbook. Profiles are loaded only where there is one."""
    if options.profile is None:
        return None
    from noetl.targets.profile import settings_for

    return settings_for(options.profile, source.workflow)


def _carried(source: Source) -> Iterator[tuple[str, ir.Workflow]]:
    """The playbook and those that it ships, by file; where all are shipped nobody knows which are meant."""
    yield source.path, source.workflow
    for name, text in () if source.all_playbooks else source.playbooks.items():
        child = compile_source(text, name, check=False).workflow
        if child is not None and text != source.text:
            yield name, child


def _refused(source: Source, version: str, file: str, workflow: ir.Workflow) -> list[Diagnostic]:
    table = rows_of(TABLE if source.all_playbooks else (*TABLE, UNKNOWN_PLAYBOOKS), version)
    return refusals(used(workflow), NAME, table, file)
