"""A target's table of capabilities, held against what its cases came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Severity
from noetl.targets.base import Capability
from noetl.targets.features import used

from .adapters.base import Adapter
from .conform import Judged


def unproven(adapter: Adapter, records: Sequence[Judged]) -> list[str]:
    """A line for each row of the table that the records contradict.

    A row that refuses a feature is contradicted by a case that uses it and was run all the same, and by a refusal
    without its code. That what it carries is carried is what the cases themselves say.
    """
    rows = {row.feature: row for row in adapter.table()}
    return list(dict.fromkeys(line for one in records for line in _against(one, rows)))


def _against(one: Judged, rows: Mapping[str, Capability]) -> Iterator[str]:
    if one.seen is None or one.seen.problem is not None or one.case.expect.refused is not None:
        return
    workflow = compile_source(one.case.text(), one.case.path).workflow
    if workflow is None:
        return
    features = sorted({use.feature for use in used(workflow)} & rows.keys())
    refused = [rows[name] for name in features if rows[name].code is not None]
    codes = {d.code for d in one.seen.diagnostics if d.severity is Severity.ERROR}
    if one.seen.summary is not None:
        for row in refused:
            yield f"the table refuses {row.feature}, and {one.case.id}, which uses it, was run"
        return
    for row in refused:
        if row.code is not None and row.code.code not in codes:
            told = ", ".join(sorted(codes)) or "nothing"
            yield f"the table refuses {row.feature} with {row.code.code}; {one.case.id} was refused with {told}"
