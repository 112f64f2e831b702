"""From the fields of an `http` tool to a request (TOO-1)."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

import httpx

from noetl.compiler.values import truth
from noetl.runtime.ports import Credential, CredentialMissing, ToolCall
from noetl.runtime.redaction import Redactor

from .failure import CallFailed
from .http_multipart import MULTIPART, decoded, multipart

FORM: Final = "application/x-www-form-urlencoded"
BINARY: Final = "application/octet-stream"
JSON_TYPE: Final = "application/json"
AUTH_TYPES: Final = ("api_key", "basic", "bearer", "gcp", "oauth2")
MAX_PORT: Final = 65535
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS: Final = re.compile(r"[\r\n\0]")


@dataclass(slots=True)
class Prepared:
    """A request that is ready to be sent."""

    method: str
    url: httpx.URL
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    content: bytes | None = None
    verify: bool = True
    follow_redirects: bool = False

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as they are sent, values in UTF-8; CallFailed for what no header can hold."""
        for name, value in self.headers.items():
            if not _NAME.fullmatch(name) or _BREAKS.search(value):
                raise CallFailed("ValueError", f'http header "{name}" has a name or value that no header can have')
        return [(name.encode(), value.encode()) for name, value in self.headers.items()]


def prepare(call: ToolCall, credential: Credential | None, redactor: Redactor) -> Prepared:
    """The request of a call; CallFailed where a field has a wrong type, CredentialMissing where a credential lacks one.

    The credential is one that goes into a request as it is: a token was fetched before.
    """
    fields = call.fields
    method = fields.get("method") or "GET"
    if not isinstance(method, str) or not _NAME.fullmatch(method):
        raise CallFailed("TypeError", 'http "method" is not a word such as "GET"')
    made = Prepared(
        method.upper(),
        _url(fields.get("url")),
        {name.lower(): text for name, text in _pairs(fields, "headers")},
        verify=_flag(fields.get("verify_ssl"), True),
        follow_redirects=_flag(fields.get("follow_redirects"), False),
    )
    made.url = _with_params(made.url, list(_pairs(fields, "params")))
    _add_body(made, fields)
    if _flag(fields.get("idempotency_key"), False):
        made.headers["idempotency-key"] = call.idempotency_key
    if credential is not None:
        _authorise(made, credential, redactor)
    return made


def _url(url: object) -> httpx.URL:
    if not isinstance(url, str) or not url:
        raise CallFailed("TypeError", 'http "url" is not a text')
    try:
        made = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise CallFailed("ValueError", f'http "url" is not an address: {error}') from None
    if made.scheme not in ("http", "https") or not made.host:
        raise CallFailed("ValueError", 'http "url" is not an address that begins with "http://" or "https://"')
    if not 0 < (made.port or 1) <= MAX_PORT:
        raise CallFailed("ValueError", f'http "url" has port {made.port}; the largest is {MAX_PORT}')
    return made


def _pairs(fields: Mapping[str, object], name: str) -> Iterator[tuple[str, str]]:
    """The entries of a map as texts: nulls left out, a list repeated where params can be."""
    entries = fields.get(name)
    if entries is None:
        return
    if not isinstance(entries, Mapping):
        raise CallFailed("TypeError", f'http "{name}" is not a map')
    for key, value in entries.items():
        repeated = value if isinstance(value, list) and name != "headers" else [value]
        yield from ((str(key), _text(item)) for item in repeated if item is not None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _flag(value: object, default: bool) -> bool:
    return default if value is None else truth(value)


def _with_params(url: httpx.URL, pairs: list[tuple[str, str]]) -> httpx.URL:
    """The address with params; one that the address itself has too is replaced."""
    if not pairs:
        return url
    given = {name for name, _ in pairs}
    kept = [(name, value) for name, value in url.params.multi_items() if name not in given]
    return url.copy_with(query=urlencode([*kept, *pairs]).encode())


def _add_body(made: Prepared, fields: Mapping[str, object]) -> None:
    """Bytes of `body_b64`; else JSON by default, with a content type a text as it stands, and a map as a form where
    the type says so."""
    body, encoded = fields.get("body"), fields.get("body_b64")
    declared = made.headers.get("content-type")
    kind = (declared or JSON_TYPE).partition(";")[0].strip().lower()
    if encoded is not None:
        made.content = decoded(encoded, "body_b64")
        made.headers.setdefault("content-type", BINARY)
    elif body is None:
        return
    elif isinstance(body, str) and declared is not None:
        made.content = body.encode()
    elif kind in (FORM, MULTIPART):
        if not isinstance(body, Mapping):
            raise CallFailed("TypeError", f'http "body" of content type "{kind}" is not a map or a text')
        if kind == FORM:
            made.content = urlencode(list(_pairs({"body": body}, "body"))).encode()
        else:
            made.headers["content-type"], made.content = multipart(body)
    else:
        made.content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        made.headers.setdefault("content-type", JSON_TYPE)


def _authorise(made: Prepared, credential: Credential, redactor: Redactor) -> None:
    """Put the credential of `auth` (TOO-6) into the request."""
    match credential.type:
        case "bearer" | "text":
            made.headers["authorization"] = f"Bearer {_part(credential, 'token', 'value')}"
        case "basic":
            pair = f"{_part(credential, 'username', 'user')}:{_part(credential, 'password')}"
            encoded = b64encode(pair.encode()).decode()
            redactor.learn(encoded)
            made.headers["authorization"] = f"Basic {encoded}"
        case "api_key":
            _add_key(made, credential)
        case other:
            known = ", ".join(f'"{name}"' for name in AUTH_TYPES)
            raise CallFailed("Unsupported", f'http cannot use a credential of type "{other}"; types: {known}')


def _add_key(made: Prepared, credential: Credential) -> None:
    key = _part(credential, "key", "api_key", "value", "token")
    named = (credential.fields.get(n) for n in ("name", "header", "header_name", "param"))
    name = next((n for n in named if isinstance(n, str) and n), None)
    if credential.fields.get("in") == "query":
        made.url = _with_params(made.url, [(name or "api_key", key)])
    else:
        made.headers[(name or "X-API-Key").lower()] = key


def _part(credential: Credential, *names: str) -> str:
    """The first of these fields that the credential has; CredentialMissing if it has none."""
    for name in names:
        value = credential.fields.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
    raise CredentialMissing(f'credential "{credential.name}" of type "{credential.type}" has no field "{names[0]}"')
