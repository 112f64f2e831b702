"""NTL208: a template of the workload that reads the workload (RUN-1)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL208", "workload-reads-workload", Severity.ERROR, 'a template of the workload that reads "workload"')


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name, wherever it is read: it is undefined whatever surrounds it."""
    for site in playbook.facts.sites:
        if site.part != "workload":
            continue
        for read in site.reads:
            if read.name == "workload":
                place = site.value.place(read.offset, read.offset + len(read.name))
                message = (
                    '"workload" is undefined while the workload is rendered; '
                    "in scope: env, execution_id, job, now(), payload and the keys of the payload"
                )
                hint = f"write {_instead(read.path)} for what the request sends"
                yield playbook.found(KIND, message, place, hint=hint)


def _instead(path: tuple[str | int, ...]) -> str:
    return f'"payload.{path[0]}"' if path and str(path[0]).isidentifier() else '"payload"'
