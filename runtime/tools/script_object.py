"""Scripts from object stores, through fsspec: `s3://bucket/key` by the extra "s3", `gs://bucket/name` by "gcs".

Without `auth` the place's own identity is used, as the libraries find it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from noetl.runtime.ports import Credential

from .auth import the_credential
from .failure import CallFailed
from .kind import Place
from .secret_managers import aws_keys
from .tokens import service_account

SCHEMES: Final = {"s3": "s3://", "gcs": "gs://"}
for _name in ("aiobotocore", "botocore", "s3fs", "gcsfs", "google", "urllib3", "fsspec"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below that they write headers, secrets and all


async def read_object(uri: str, source: Mapping[str, object], seconds: float, limit: int, place: Place) -> bytes:
    """The object's bytes, `limit` at most; CallFailed, which names the script, if it cannot be read."""
    kind = str(source["type"])
    if not uri.startswith(SCHEMES[kind]):
        raise CallFailed("ValueError", f'script "{uri}" of source "{kind}" does not begin with "{SCHEMES[kind]}"')
    credential = the_credential({"auth": source.get("auth")}, place.vault)
    endpoint, region = (str(source[name]) if source.get(name) else None for name in ("endpoint", "region"))
    try:
        open_store = (_s3 if kind == "s3" else _gcs)(credential, region, endpoint, seconds)
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(_read, open_store, uri, limit)
    except ImportError:
        raise CallFailed("Unsupported", f'script source "{kind}" needs the extra "{kind}"') from None
    except TimeoutError:
        raise CallFailed("Timeout", f'script "{uri}" was not read within {seconds:g} s') from None
    except CallFailed:
        raise
    except Exception as error:  # each library has classes of its own
        raise CallFailed(type(error).__name__, f'script "{uri}" cannot be read: {error}') from None


class _Store(Protocol):
    """What is used of a file system of fsspec."""

    retries: int

    def info(self, path: str) -> Mapping[str, object]: ...
    def cat_file(self, path: str) -> bytes: ...


def _read(open_store: Callable[[], _Store], uri: str, limit: int) -> bytes:
    store = open_store()
    if int(str(store.info(uri)["size"])) > limit:
        raise CallFailed("LimitExceeded", f'script "{uri}" is larger than {limit} bytes')
    return store.cat_file(uri)


def _s3(
    credential: Credential | None, region: str | None, endpoint: str | None, seconds: float
) -> Callable[[], _Store]:
    from s3fs import S3FileSystem  # type: ignore[import-untyped]

    keys = aws_keys(credential) if credential else {}
    told = credential.fields if credential else {}
    client = {"region_name": region or told.get("region"), "endpoint_url": endpoint or told.get("endpoint")}
    config = {"connect_timeout": seconds, "read_timeout": seconds, "retries": {"total_max_attempts": 1}}

    def open_store() -> _Store:
        store: _Store = S3FileSystem(
            key=keys.get("access_key"),
            secret=keys.get("secret_key"),
            token=keys.get("token"),
            client_kwargs={name: value for name, value in client.items() if value},
            config_kwargs=config,
            skip_instance_cache=True,
        )
        store.retries = 1  # a rule of the playbook says what is tried again
        return store

    return open_store


def _gcs(
    credential: Credential | None, _region: str | None, endpoint: str | None, seconds: float
) -> Callable[[], _Store]:
    from gcsfs.core import GCSFileSystem  # type: ignore[import-untyped]

    token: object = service_account(credential) if credential else "anon" if endpoint else None
    return partial(
        GCSFileSystem, token=token, endpoint_url=endpoint, requests_timeout=seconds, skip_instance_cache=True
    )
