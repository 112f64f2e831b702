"""Where a tool's code comes from: `script` before `<name>_b64` before `<name>` (TOO-5). None of it is ever rendered."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .failure import CallFailed
from .kind import Place

MAX_BYTES: Final = 10 * 1024 * 1024
SECONDS: Final = 30.0
"""How long a source that is not here may take, where it does not say; it is no part of an attempt's time."""


@dataclass(frozen=True, slots=True)
class Script:
    """A `script` as a tool has it."""

    uri: str
    source: Mapping[str, object]
    seconds: float


async def source_text(fields: Mapping[str, object], name: str, place: Place) -> str:
    """The text that the fields give for `name` (`code` or `command`); CallFailed if there is none to read."""
    if fields.get("script") is not None:
        return await _script(fields["script"], place)
    if (encoded := fields.get(f"{name}_b64")) is not None:
        return _decoded(encoded, f"{name}_b64")
    text = fields.get(name)
    if not isinstance(text, str):
        found = "" if text is None else f', and "{name}" is no text'
        raise CallFailed("TypeError", f'the tool has none of "script", "{name}_b64" and "{name}"{found}')
    return text


def _decoded(encoded: object, field: str) -> str:
    try:
        return b64decode("".join(str(encoded).split()), validate=True).decode()
    except (binascii.Error, ValueError):
        raise CallFailed("ValueError", f'"{field}" is not UTF-8 text in Base64') from None


async def _script(script: object, place: Place) -> str:
    given = script if isinstance(script, Mapping) else {}
    source = given.get("source")
    source = source if isinstance(source, Mapping) else {}
    kind, uri = source.get("type", "file"), given.get("uri")
    if kind == "inline":
        if not isinstance(source.get("code"), str):
            raise CallFailed("TypeError", 'a script of source "inline" has its text in "source.code"')
        return str(source["code"])
    read = SOURCES.get(kind) if isinstance(kind, str) else None
    if read is None:
        known = ", ".join(f'"{name}"' for name in sorted((*SOURCES, "inline")))
        raise CallFailed("Unsupported", f'script source "{kind}" cannot be read here; sources: {known}')
    if not isinstance(uri, str) or not uri:
        raise CallFailed("TypeError", f'a script of source "{kind}" has its place in "uri"')
    data = await read(Script(uri, source, _seconds(source.get("timeout"))), place)
    if len(data) > MAX_BYTES:
        raise CallFailed("LimitExceeded", f'script "{uri}" is larger than {MAX_BYTES} bytes')
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CallFailed("ValueError", f'script "{uri}" is not UTF-8 text') from None


def _seconds(timeout: object) -> float:
    try:
        seconds = SECONDS if timeout is None else float(str(timeout))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise CallFailed("TypeError", '"timeout" of a script is a number of seconds above 0')
    return seconds


async def _file(script: Script, place: Place) -> bytes:
    try:
        with (place.folder / script.uri.removeprefix("file://")).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CallFailed(type(error).__name__, f'script "{script.uri}" cannot be read: {reason}') from None


async def _web(script: Script, place: Place) -> bytes:
    from .script_web import from_web

    return await from_web(script.uri, script.source, script.seconds, MAX_BYTES, place)


async def _object(script: Script, place: Place) -> bytes:
    from .script_object import read_object

    return await read_object(script.uri, script.source, script.seconds, MAX_BYTES, place)


SOURCES: Final[Mapping[str, Callable[[Script, Place], Awaitable[bytes]]]] = {
    "file": _file,
    "gcs": _object,
    "http": _web,
    "s3": _object,
}
"""The sources of `script` besides `inline`: each gives at most one byte more than `MAX_BYTES`."""
