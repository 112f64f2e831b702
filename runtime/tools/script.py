"""Where a tool's code comes from: `script` before `<name>_b64` before `<name>` (TOO-5). None of it is ever rendered."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .failure import CallFailed

MAX_BYTES: Final = 10 * 1024 * 1024
SOURCES: Final = ("file", "inline")
"""The sources of `script` that can be read here."""


def source_text(fields: Mapping[str, object], name: str, folder: Path) -> str:
    """The text that the fields give for `name` (`code` or `command`); CallFailed if there is none to read."""
    if fields.get("script") is not None:
        return _script(fields["script"], folder)
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


def _script(script: object, folder: Path) -> str:
    given = script if isinstance(script, Mapping) else {}
    source = given.get("source")
    source = source if isinstance(source, Mapping) else {}
    match source.get("type", "file"):
        case "inline" if isinstance(source.get("code"), str):
            return str(source["code"])
        case "inline":
            raise CallFailed("TypeError", 'a script of source "inline" has its text in "source.code"')
        case "file" if isinstance(given.get("uri"), str):
            return _file(str(given["uri"]), folder)
        case "file":
            raise CallFailed("TypeError", 'a script of source "file" has its path in "uri"')
        case other:
            known = ", ".join(f'"{name}"' for name in SOURCES)
            raise CallFailed("Unsupported", f'script source "{other}" cannot be read here; sources: {known}')


def _file(uri: str, folder: Path) -> str:
    try:
        with (folder / uri.removeprefix("file://")).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise CallFailed("LimitExceeded", f'script "{uri}" is larger than {MAX_BYTES} bytes')
        return data.decode()
    except UnicodeDecodeError:
        raise CallFailed("ValueError", f'script "{uri}" is not UTF-8 text') from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CallFailed(type(error).__name__, f'script "{uri}" cannot be read: {reason}') from None
