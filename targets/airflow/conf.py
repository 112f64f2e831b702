"""The conf of a DAG run as a payload (RUN-1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from noetl.compiler.ir import Json

WHOLE: Final = "noetl_payload"
"""As the only key of a conf: the payload as JSON text, out of reach of what Airflow's database does to a conf."""


def payload(conf: Mapping[str, Json] | None) -> dict[str, Json]:
    """The payload of a conf; ValueError, which says why, if `noetl_payload` holds none."""
    if not conf:
        return {}
    if set(conf) != {WHOLE}:
        return dict(conf)
    text = conf[WHOLE]
    if not isinstance(text, str):
        raise ValueError(f'"{WHOLE}" of the conf is a JSON text, not {type(text).__name__}')
    try:
        found: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'"{WHOLE}" of the conf is not JSON: {error}') from None
    if not isinstance(found, dict):
        raise ValueError(f'"{WHOLE}" of the conf is a JSON object, not {type(found).__name__}')
    return found
