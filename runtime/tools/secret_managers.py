"""Secrets that a cloud keeps: what the provider of a `secrets` tool or of a keychain entry gives (TOO-7, TOO-11).

- `gcp`, also `google`: the name is `projects/<project>/secrets/<secret>`, and `/versions/<version>` where it is not
  the latest; `auth` is a credential of type `gcp` or `bearer`.
- `aws`: the name or ARN in Secrets Manager; `auth` is of type `aws`, with `region`, maybe with an `endpoint`.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import quote

from noetl.compiler.ir import Json
from noetl.runtime.ports import Credential, CredentialMissing

from .failure import CallFailed
from .tokens import LIMIT, SECONDS, Tokens
from .web import Fetched, Web

GOOGLE: Final = "https://secretmanager.googleapis.com/v1/"
GOOD_FOR: Final = 60.0
"""Seconds for which a secret is kept."""
_AWS_TARGET: Final = "secretsmanager.GetSecretValue"


class SecretManagers:
    """Reads secrets from providers."""

    def __init__(self, web: Web, tokens: Tokens) -> None:
        self._web = web
        self._tokens = tokens

    async def read(self, provider: str, name: str, auth: Credential | None) -> str:
        """The text of a secret; CredentialMissing, which names it, if it cannot be had."""
        ask = _PROVIDERS.get(provider.lower())
        if ask is None:
            known = ", ".join(f'"{known}"' for known in sorted(_PROVIDERS))
            raise CallFailed("Unsupported", f'no secrets can be had from provider "{provider}"; providers: {known}')
        if auth is None:
            raise CredentialMissing(
                f'secret "{name}" of provider "{provider}" needs the name of a credential in "auth"'
            )
        try:
            return await ask(self, name, auth)
        except CallFailed as failure:
            raise _refused(name, str(failure)) from None

    async def _google(self, name: str, auth: Credential) -> str:
        token = auth.fields.get("token", auth.fields.get("value")) if auth.type in ("bearer", "text") else None
        token = token if isinstance(token, str) else await self._tokens.access_token(auth)
        version = name if "/versions/" in name else f"{name}/versions/latest"
        headers = {"authorization": f"Bearer {token}"}
        answer = await self._web.fetch(
            "GET", f"{GOOGLE}{quote(version)}:access", headers=headers, seconds=SECONDS, limit=LIMIT
        )
        payload = _object(name, answer).get("payload")
        data = payload.get("data") if isinstance(payload, dict) else None
        try:
            return b64decode(data).decode() if isinstance(data, str) else _none(name)
        except ValueError:
            raise _refused(name, "it is no text") from None

    async def _aws(self, name: str, auth: Credential) -> str:
        region = str(auth.fields.get("region") or "us-east-1")
        url = str(auth.fields.get("endpoint") or f"https://secretsmanager.{region}.amazonaws.com")
        content = json.dumps({"SecretId": name}).encode()
        headers = _signed(auth, region, url, content)
        answer = await self._web.fetch("POST", url, headers=headers, content=content, seconds=SECONDS, limit=LIMIT)
        text = _object(name, answer).get("SecretString")
        return text if isinstance(text, str) else _none(name)


_PROVIDERS: Final[Mapping[str, Callable[[SecretManagers, str, Credential], Awaitable[str]]]] = {
    "aws": SecretManagers._aws,
    "gcp": SecretManagers._google,
    "google": SecretManagers._google,
}


def _refused(name: str, reason: str) -> CredentialMissing:
    return CredentialMissing(f'secret "{name}" cannot be had: {reason}')


def _none(name: str) -> str:
    raise _refused(name, "the answer holds no text")


def _object(name: str, answer: Fetched) -> dict[str, Json]:
    if answer.status != 200:
        raise _refused(name, f"the provider answered {answer.status}")
    try:
        body: Json = json.loads(answer.content)
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def _signed(auth: Credential, region: str, url: str, content: bytes) -> dict[str, str]:
    """The headers of a request to Secrets Manager, signed (Signature Version 4)."""
    try:
        from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
        from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
        from botocore.credentials import Credentials as Keys  # type: ignore[import-untyped]
    except ImportError:
        raise CallFailed("Unsupported", 'the provider "aws" needs the extra "s3"') from None
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": _AWS_TARGET}
    request = AWSRequest("POST", f"{url.rstrip('/')}/", data=content, headers=headers)
    SigV4Auth(Keys(**aws_keys(auth)), "secretsmanager", region).add_auth(request)
    return {str(key): str(value) for key, value in request.headers.items()}


def aws_keys(auth: Credential) -> dict[str, str | None]:
    """`access_key`, `secret_key` and `token` of an `aws` credential; CredentialMissing if it has no keys."""
    found = {
        ours: next((str(auth.fields[n]) for n in theirs if auth.fields.get(n)), None)
        for ours, theirs in {
            "access_key": ("access_key_id", "aws_access_key_id", "key_id"),
            "secret_key": ("secret_access_key", "aws_secret_access_key", "secret"),
            "token": ("session_token", "aws_session_token"),
        }.items()
    }
    if not found["access_key"] or not found["secret_key"]:
        raise CredentialMissing(
            f'credential "{auth.name}" of type "{auth.type}" has no fields "access_key_id" and "secret_access_key"'
        )
    return found
