"""From a playbook to manifests: refuse, plan, verify, lay out, verify again, emit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Diagnostic, in_order
from noetl.errors import UnsupportedByTarget
from noetl.targets.base import Compiled, Options, Source
from noetl.targets.explain import fallbacks
from noetl.targets.features import refusals, used
from noetl.targets.plan import plan
from noetl.targets.requirements import requirements
from noetl.targets.verify import verify

from .capabilities import TABLE, UNKNOWN_PLAYBOOKS
from .check import verify as check
from .emit import emit
from .explain import explain
from .layout import lay_out
from .schedule import refused
from .settings import conflicts
from .verify import Written
from .verify import verify as verify_text

if TYPE_CHECKING:
    from noetl.targets.profile import Settings

NAME: Final = "argo"


def compile_playbook(source: Source, options: Options) -> Compiled:
    """The manifests of a playbook and the story of each step; UnsupportedByTarget with every reason if none."""
    found = [refused for file, workflow in _carried(source) for refused in _refused(source, file, workflow)]
    made = plan(source.workflow)
    verify(made, source.workflow)
    found += fallbacks(made, NAME, source.path) if options.native else []
    settings = _settings(source, options)
    found += [*refused(settings, source.path), *conflicts(made, settings, source.path)]
    if found:
        raise UnsupportedByTarget(in_order(found))
    layout = lay_out(source.workflow, made)
    emitted = emit(source, layout, settings)
    names = {task.copy.id: task.name for task in layout.tasks}
    verify_text(Written(emitted.template, names, emitted.tables), made, source.workflow)
    check(emitted.text, source.path)
    told = partial(explain, source, layout, emitted)
    return Compiled(layout.name, f"{layout.name}.argo.yaml", emitted.text, told, partial(requirements, source))


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


def _refused(source: Source, file: str, workflow: ir.Workflow) -> list[Diagnostic]:
    table = TABLE if source.all_playbooks else (*TABLE, UNKNOWN_PLAYBOOKS)
    return refusals(used(workflow), NAME, table, file)
