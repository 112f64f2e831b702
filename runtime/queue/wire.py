"""A tool call as JSON, on its way from the server through the queue to a worker.

Secrets travel as names (TOO-6): they stand beside the value that holds them, with the path at which they belong, so
that no data can pass for one. What python code may ask for by name (TOO-3) goes along; other kinds ask for nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Final, cast

from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING, Encoded, SecretRef, SecretText, is_undefined

from ..ports import CallPlace, ToolCall
from ..tools import RUNNERS
from ..tools.python_code import read_program

_NAMELESS: Final = frozenset(RUNNERS) - {"python"}
"""The kinds whose runners ask for no name."""
_Secrets = list[Json]
"""Pairs of a path and the secret that belongs there."""


def packed(request: ToolCall) -> dict[str, Json]:
    """The call as JSON, for `unpacked`."""
    place = request.place
    names = {name: value for name in _asked(request) if (value := request.names(name)) is not MISSING}
    return {
        "kind": request.kind,
        "fields": _packed(request.fields),
        "args": _packed(request.args),
        "names": cast(Json, names),
        "step": request.step,
        "execution_id": request.execution_id,
        "place": [place.key, place.iteration, place.call, place.attempt, place.sink],
        "timeout": request.timeout,
        "caller": request.caller,
    }


def unpacked(kept: Mapping[str, Json]) -> ToolCall:
    """The call that `packed` wrote; ValueError, KeyError or TypeError if it is another shape."""
    names = _map(kept["names"])
    timeout = kept["timeout"]
    key, iteration, call, attempt, sink = cast("list[object]", kept["place"])
    return ToolCall(
        kind=str(kept["kind"]),
        fields=_map_of(_unpacked(kept["fields"])),
        args=_map_of(_unpacked(kept["args"])),
        names=lambda name: names.get(name, MISSING),
        root_names=lambda: names,
        step=str(kept["step"]),
        execution_id=str(kept["execution_id"]),
        place=CallPlace(str(key), cast(int, iteration), cast(int, call), cast(int, attempt), str(sink)),
        timeout=float(timeout) if isinstance(timeout, int | float) else None,
        caller=str(kept["caller"]),
    )


def _asked(request: ToolCall) -> Iterable[str]:
    """The names that the runner of the kind may ask for, as far as it can be known before it does."""
    if request.kind in _NAMELESS:
        return ()
    code = _code(request.fields) if request.kind == "python" else None
    if code is None:
        return request.root_names()
    program = read_program(code)
    taken = {parameter.name for main in program.mains for parameter in main.parameters}
    names = (taken | program.reads) - request.args.keys()
    return request.root_names() if "context" in names else sorted(names)


def _code(fields: Mapping[str, object]) -> str | None:
    """The code of a python call; None where it is fetched when the call is made."""
    if fields.get("script") is not None:
        return None
    given = fields.get("code_b64")
    if isinstance(given, str):
        try:
            return base64.b64decode(given, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
    code = fields.get("code")
    return code if isinstance(code, str) else None


def _packed(value: object) -> Json:
    """`[value, secrets]`: the value with null where a secret was."""
    secrets: _Secrets = []
    return [_plain(value, [], secrets), secrets]


def _plain(value: object, path: list[Json], secrets: _Secrets) -> Json:
    if isinstance(value, SecretRef | SecretText):
        secrets.append([list(path), _secret(value)])
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(item, [*path, str(key)], secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, [*path, place], secrets) for place, item in enumerate(value)]
    return None if is_undefined(value) else cast(Json, value)


def _secret(value: SecretRef | SecretText | Encoded | str) -> Json:
    if isinstance(value, str):
        return value
    if isinstance(value, SecretRef):
        entry = None if value.entry is None else _packed(value.entry)
        return {"ref": [value.name, value.field, value.provider, entry]}
    if isinstance(value, SecretText):
        return {"text": [_secret(part) for part in value.parts]}
    return {"encoded": _secret(value.text)}


def _unpacked(kept: Json) -> object:
    if not isinstance(kept, list):
        raise ValueError("not a packed value")
    value, secrets = kept
    holder: list[object] = [value]
    for entry in cast("list[list[Json]]", secrets):
        path, secret = entry
        _put(holder, [0, *cast("list[str | int]", path)], _opened(secret))
    return holder[0]


def _put(holder: object, path: list[str | int], secret: object) -> None:
    for step in path[:-1]:
        holder = cast("dict[str | int, object]", holder)[step]
    cast("dict[str | int, object]", holder)[path[-1]] = secret


def _opened(kept: Json) -> SecretRef | SecretText | Encoded | str:
    if isinstance(kept, str):
        return kept
    match kept:
        case {"ref": [str(name), field, provider, entry]}:
            return SecretRef(
                name,
                None if field is None else str(field),
                None if provider is None else str(provider),
                None if entry is None else _map_of(_unpacked(entry)),
            )
        case {"text": list(parts)}:
            return SecretText(tuple(_part(part) for part in parts))
        case {"encoded": inner}:
            text = _opened(inner)
            if isinstance(text, SecretText):
                return Encoded(text)
    raise ValueError("not a secret")


def _part(kept: Json) -> str | SecretRef | Encoded:
    part = _opened(kept)
    if isinstance(part, SecretText):
        raise ValueError("a text of secrets holds no other")
    return part


def _map(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError("not a map")
    return value


def _map_of(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("not a map")
    return value
