"""Whether two executions of a playbook came to the same, apart from what may differ (CAU-5)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from noetl.compiler.ir import Json

VOLATILE: Final = ("elapsed", "headers")
"""What is masked in the envelope of an http call (TOO-1)."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
"""The form of `now()`."""
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""The form of `execution_id`."""
_SHOWN: Final = 200


def differences(left: Mapping[str, Json], right: Mapping[str, Json]) -> list[str]:
    """One line for each place where two objects of `noetl run --json` differ.

    Masked are times in the form of `now()`, `elapsed` and `headers` of http envelopes, and identities: a UUID of one
    side may stand for any of the other, but everywhere for the same. `1`, `1.0`, `"1"` and `true` differ, and so does
    the order of keys.

    >>> differences({"status": "completed", "output": 1}, {"status": "completed", "output": 1.0})
    ['output: 1 against 1.0']
    """
    return list(_differ("", masked(dict(left)), masked(dict(right))))


def masked(value: Json) -> Json:
    """The value with all that may differ replaced by its name; the same value for the same execution elsewhere."""
    return _masked(value, {})


def _masked(value: Json, ids: dict[str, str]) -> Json:
    if isinstance(value, str):
        return _ID.sub(lambda m: ids.setdefault(m[0], f"<id {len(ids)}>"), _TIME.sub("<time>", value))
    if isinstance(value, list):
        return [_masked(item, ids) for item in value]
    if isinstance(value, dict):
        # Identities get their numbers in the order of the keys, so that another order is one difference, not many.
        inner = {name: _masked(value[name], ids) for name in sorted(value)}
        hidden = VOLATILE if "status_code" in value else ()
        return {_TIME.sub("<time>", n): f"<{n}>" if n in hidden else inner[n] for n in value}
    return value


def _differ(path: str, left: Json, right: Json) -> Iterator[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() ^ right.keys()):
            yield f"{_join(path, name)}: only on the {'left' if name in left else 'right'}"
        if left.keys() == right.keys() and list(left) != list(right):
            yield f"{path or 'all'}: keys in the order {list(left)} against {list(right)}"
        for name in left:
            if name in right:
                yield from _differ(_join(path, name), left[name], right[name])
    elif isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            yield f"{path}: {len(left)} entries against {len(right)}: {_shown(left)} against {_shown(right)}"
            return
        for n, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _differ(f"{path}[{n}]", one, other)
    elif type(left) is not type(right) or left != right:
        yield f"{path}: {_shown(left)} against {_shown(right)}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
