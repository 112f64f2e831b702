"""Which entries of the workload become `params`: the defaults that Airflow's form shows, and sends back as data."""

from __future__ import annotations

from typing import Final

from noetl.compiler import ir
from noetl.compiler.ir import Json

_EXACT: Final = 2**53
"""Integers beyond this become others in a browser."""


def form_params(workload: ir.MapValue) -> dict[str, Json]:
    """The entries that hold no template and that come back from the form unchanged.

    A templated entry would come back as its text, which is data and never rendered (TPL-2). A number that a browser
    or a JSON column would change, and text that PostgreSQL refuses, would change the workload or break the DAG.
    """
    return {n: v.value for n, v in workload.entries if isinstance(v, ir.Const) and comes_back(v.value)}


def comes_back(value: Json) -> bool:
    """Whether a value survives the form, the REST API and a JSON column of PostgreSQL.

    That column sorts the keys of maps. A map's order stays nevertheless, as it is merged into the workload's; a list is
    replaced whole (RUN-1), so none with a map in it comes back.
    """
    match value:
        case bool() | None:
            return True
        case int():
            return abs(value) <= _EXACT
        case float():
            return not value.is_integer()
        case str():
            return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
        case list():
            return all(comes_back(item) and not isinstance(item, dict) for item in value)
        case dict():
            return all(comes_back(name) and comes_back(item) for name, item in value.items())
