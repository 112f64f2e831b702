"""Bodies of parts (`multipart/form-data`): texts, and files of text or bytes (TOO-1)."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from .failure import CallFailed

MULTIPART: Final = "multipart/form-data"
_FILE: Final = frozenset({"filename", "content", "content_b64", "content_type"})


@dataclass(frozen=True, slots=True)
class _Part:
    head: str
    content: bytes


def multipart(body: Mapping[str, object]) -> tuple[str, bytes]:
    """The content type with its boundary, and the body.

    A map with `filename` is a file: `{filename, content | content_b64, content_type?}`; a list repeats its name; nulls
    are left out. The boundary is made from the parts, so that equal calls send equal bytes.
    """
    parts = [part for name, value in body.items() for part in _parts(str(name), value)]
    boundary = sha256(repr(parts).encode()).hexdigest()[:32]
    lines = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), p.head.encode(), p.content) for p in parts]
    return f"{MULTIPART}; boundary={boundary}", b"".join([*lines, f"--{boundary}--\r\n".encode()])


def decoded(encoded: object, field: str) -> bytes:
    """The bytes of a field in Base64; CallFailed if it is none."""
    try:
        return b64decode("".join(str(encoded).split()), validate=True)
    except (binascii.Error, ValueError):
        raise CallFailed("ValueError", f'http "{field}" is not Base64') from None


def _parts(name: str, value: object) -> Iterator[_Part]:
    for item in value if isinstance(value, list) else [value]:
        if item is not None:
            yield _file(name, item) if isinstance(item, Mapping) and "filename" in item else _field(name, item)


def _field(name: str, value: object) -> _Part:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return _Part(f'content-disposition: form-data; name="{_quoted(name)}"', text.encode())


def _file(name: str, file: Mapping[str, object]) -> _Part:
    if unknown := sorted(str(key) for key in file if key not in _FILE):
        raise CallFailed("TypeError", f'the file "{name}" has {", ".join(sorted(_FILE))}; not {", ".join(unknown)}')
    content, kind = file.get("content"), file.get("content_type")
    if file.get("content_b64") is not None:
        data = decoded(file["content_b64"], f"{name}.content_b64")
    else:
        data = (content if isinstance(content, str) else json.dumps(content, separators=(",", ":"))).encode()
    usual = "text/plain" if isinstance(content, str) else "application/octet-stream"
    head = f'content-disposition: form-data; name="{_quoted(name)}"; filename="{_quoted(str(file["filename"]))}"'
    return _Part(f"{head}\r\ncontent-type: {_line(str(kind or usual))}", data)


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _line(text: str) -> str:
    if "\r" in text or "\n" in text:
        raise CallFailed("ValueError", "a content type is one line")
    return text
