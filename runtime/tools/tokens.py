"""Tokens that a credential of type `oauth2` or `gcp` is good for: fetched, kept until they expire (TOO-6)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote_plus, urlencode

from noetl.compiler.ir import Json
from noetl.runtime.credentials.kept import Kept
from noetl.runtime.ports import Credential, CredentialMissing
from noetl.runtime.system import SystemClock

from .failure import CallFailed
from .web import Fetched, Web

if TYPE_CHECKING:
    from noetl.runtime.redaction import Redactor

TYPES: Final = frozenset({"oauth2", "gcp"})
"""The types of credentials that a token is fetched for."""
GOOGLE_TOKENS: Final = "https://oauth2.googleapis.com/token"
GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM: Final = "application/x-www-form-urlencoded"
JWT_SECONDS: Final = 3600
SECONDS: Final = 30.0
LIMIT: Final = 1024 * 1024
MARGIN: Final = 30.0
"""So many seconds before it expires a token is no longer used."""
UNTOLD: Final = 60.0
"""Seconds for which a token is used whose answer does not say how long it is good."""
_KEY_FIELDS: Final = ("service_account", "keyfile_dict", "keyfile_json", "value")
"""Fields of a `gcp` credential that may hold the whole key of a service account, as a map or as JSON text."""

Answer: TypeAlias = Mapping[str, Json]


class Tokens:
    """Fetches the tokens of one place. Every token is known to the redactor before anyone sees it."""

    def __init__(self, web: Web, redactor: Redactor) -> None:
        self._web = web
        self._redactor = redactor
        self._kept: Kept[Answer] = Kept()

    async def answer(self, credential: Credential, audience: str | None = None) -> Answer:
        """What the token endpoint answers: `access_token` and more, or `id_token` where there is an audience.

        CredentialMissing, which names the credential, if no token can be had.
        """
        return await self._kept.get(_key(credential, audience), lambda: self._fetch(credential, audience))

    async def access_token(self, credential: Credential) -> str:
        """A token that is good now; CredentialMissing like `answer`."""
        token = (await self.answer(credential)).get("access_token")
        if not isinstance(token, str) or not token:
            raise _refused(credential, 'the answer has no "access_token"')
        return token

    def forget(self, credential: Credential) -> None:
        """Fetch a new one the next time: this one was refused."""
        self._kept.forget(_key(credential, None))

    async def _fetch(self, credential: Credential, audience: str | None) -> tuple[Answer, float]:
        if credential.type == "oauth2":
            method, url, headers, content = _client_request(credential, self._redactor)
        else:
            method, url, headers, content = _google_request(credential, audience, self._redactor)
        try:
            fetched = await self._web.fetch(method, url, headers=headers, content=content, seconds=SECONDS, limit=LIMIT)
        except CallFailed as failure:
            raise _refused(credential, str(failure)) from None
        answer = _read(credential, fetched)
        for name in ("access_token", "id_token", "refresh_token"):
            if isinstance(token := answer.get(name), str):
                self._redactor.learn(token)
        return answer, _good_for(answer)


def _key(credential: Credential, audience: str | None) -> tuple[str, str, str | None]:
    fields = sha256(json.dumps(dict(credential.fields), sort_keys=True, default=str).encode()).hexdigest()
    return credential.type, fields, audience


def _good_for(answer: Answer) -> float:
    seconds = answer.get("expires_in")
    try:
        told = float(seconds) if isinstance(seconds, int | float | str) else UNTOLD
    except ValueError:
        told = UNTOLD
    return max(told - MARGIN, told / 2)


def _read(credential: Credential, fetched: Fetched) -> Answer:
    try:
        body: Json = json.loads(fetched.content)
    except ValueError:
        body = None
    told = body if isinstance(body, dict) else {}
    if fetched.status != 200:
        why = ": ".join(str(told[name]) for name in ("error", "error_description") if isinstance(told.get(name), str))
        raise _refused(credential, f"the token endpoint answered {fetched.status}{' ' if why else ''}{why}")
    if not told:
        raise _refused(credential, "the answer of the token endpoint is no JSON object")
    return told


def _refused(credential: Credential, reason: str) -> CredentialMissing:
    return CredentialMissing(f'credential "{credential.name}" of type "{credential.type}" gets no token: {reason}')


def _text(credential: Credential, *names: str) -> str:
    for name in names:
        value = credential.fields.get(name)
        if isinstance(value, str) and value:
            return value
    raise CredentialMissing(f'credential "{credential.name}" of type "{credential.type}" has no field "{names[0]}"')


def _optional(credential: Credential, name: str) -> str | None:
    value = credential.fields.get(name)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value if isinstance(value, str) and value else None


_Request: TypeAlias = tuple[str, str, dict[str, str], bytes]


def _client_request(credential: Credential, redactor: Redactor) -> _Request:
    """Client credentials, or a refresh token where there is one (RFC 6749, 4.4 and 6); `data` says all of it itself."""
    url = _text(credential, "token_url", "endpoint", "url")
    given = credential.fields.get("headers")
    headers = {str(k).lower(): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
    method = (_optional(credential, "method") or "POST").upper()
    data = credential.fields.get("data")
    if isinstance(data, dict):
        form = {"grant_type": "client_credentials", **{k: str(v) for k, v in data.items() if v is not None}}
        if "json" in headers.get("content-type", ""):
            return method, url, headers, json.dumps(form).encode()
        return method, url, {"content-type": FORM, **headers}, urlencode(form).encode()
    refresh = _optional(credential, "refresh_token")
    form = (
        {"grant_type": "refresh_token", "refresh_token": refresh} if refresh else {"grant_type": "client_credentials"}
    )
    form |= {name: text for name in ("scope", "audience", "resource") if (text := _optional(credential, name))}
    client, secret = _text(credential, "client_id"), _text(credential, "client_secret")
    if credential.fields.get("client_auth") == "post":
        form |= {"client_id": client, "client_secret": secret}
    else:
        pair = b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()
        redactor.learn(pair)
        headers["authorization"] = f"Basic {pair}"
    return method, url, {"content-type": FORM, "accept": "application/json", **headers}, urlencode(form).encode()


def _google_request(credential: Credential, audience: str | None, redactor: Redactor) -> _Request:
    """The JWT grant of a service account (RFC 7523)."""
    key = service_account(credential)
    try:
        from google.auth import crypt, jwt
    except ImportError:
        raise CallFailed("Unsupported", f'credential "{credential.name}" of type "gcp" needs the extra "gcs"') from None
    url = key.get("token_uri") or GOOGLE_TOKENS
    now = int(datetime.fromisoformat(SystemClock().now()).timestamp())
    claims = {"iss": key["client_email"], "aud": url, "iat": now, "exp": now + JWT_SECONDS}
    if subject := _optional(credential, "subject"):
        claims["sub"] = subject
    if audience is None:
        claims["scope"] = _optional(credential, "scopes") or _optional(credential, "scope") or GOOGLE_SCOPE
    else:
        claims["target_audience"] = audience
    try:
        signer = crypt.RSASigner.from_service_account_info(key)  # type: ignore[no-untyped-call]
        assertion: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    except ValueError:
        raise _refused(credential, 'its "private_key" is no key') from None
    redactor.learn(assertion.decode())
    form = urlencode({"grant_type": JWT_GRANT, "assertion": assertion.decode()}).encode()
    return "POST", str(url), {"content-type": FORM}, form


def service_account(credential: Credential) -> dict[str, str]:
    """The key of the service account that a `gcp` credential is, or holds; CredentialMissing if there is none."""
    found: Mapping[str, Json] = credential.fields
    for name in _KEY_FIELDS:
        held = credential.fields.get(name)
        if isinstance(held, str):
            try:
                held = json.loads(held)
            except ValueError:
                continue
        if isinstance(held, dict):
            found = held
            break
    key = {name: value for name, value in found.items() if isinstance(value, str)}
    if not key.get("client_email") or not key.get("private_key"):
        raise CredentialMissing(
            f'credential "{credential.name}" of type "gcp" is no service account: "client_email", "private_key"'
        )
    return key
