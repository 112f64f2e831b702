"""Scripts from web servers: `script: {uri, source: {type: http, endpoint?, method?, headers?, auth?, timeout?}}`."""

from __future__ import annotations

from collections.abc import Mapping

from noetl.runtime.ports import NOWHERE, Credential, ToolCall

from .auth import the_credential
from .failure import CallFailed
from .http_request import prepare
from .kind import Place
from .tokens import TYPES


async def from_web(uri: str, source: Mapping[str, object], seconds: float, limit: int, place: Place) -> bytes:
    """The body of the answer; CallFailed, which names the script, for anything but a status below 300."""
    credential = the_credential({"auth": source.get("auth")}, place.vault)
    if credential is not None and credential.type in TYPES:
        token = await place.vault.tokens.access_token(credential)
        credential = Credential(credential.name, "bearer", {"token": token})
    fields = {"url": _address(uri, source.get("endpoint")), **{k: source.get(k) for k in ("method", "headers")}}
    call = ToolCall("http", fields, {}, lambda _: None, list, "", "", NOWHERE)
    made = prepare(call, credential, place.vault.redactor)
    headers = {name.decode(): value.decode() for name, value in made.wire_headers()}
    try:
        answer = await place.web.fetch(made.method, str(made.url), headers=headers, seconds=seconds, limit=limit)
    except CallFailed as failure:
        raise CallFailed(str(failure.error["type"]), f'script "{uri}" cannot be read: {failure}') from None
    if not 200 <= answer.status < 300:
        raise CallFailed("HttpStatus", f'script "{uri}" cannot be read: the server answered {answer.status}')
    return answer.content


def _address(uri: str, endpoint: object) -> str:
    if uri.startswith(("http://", "https://")):
        return uri
    if not isinstance(endpoint, str) or not endpoint:
        raise CallFailed("TypeError", f'script "{uri}" is no whole address, and its source has no "endpoint"')
    return f"{endpoint.rstrip('/')}/{uri.removeprefix('./').lstrip('/')}"
