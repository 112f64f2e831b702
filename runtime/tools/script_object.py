"""Scripts from object stores, through fsspec: `s3://bucket/key` by the extra "s3", `gs://bucket/name` by "gcs".

Without `auth` the place's own identity is used, as the libraries find it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

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
    """The object's bytes, one more than `limit` at most; CallFailed, which names the script, if it cannot be read."""
    kind = str(source["type"])
    if not uri.startswith(SCHEMES[kind]):
        raise CallFailed("ValueError", f'script "{uri}" of source "{kind}" does not begin with "{SCHEMES[kind]}"')
    credential = the_credential({"auth": source.get("auth")}, place.vault)
    endpoint, region = (str(source[name]) if source.get(name) else None for name in ("endpoint", "region"))
    try:
        s3 = kind == "s3"
        options = _s3(credential, region, endpoint, seconds) if s3 else _gcs(credential, endpoint, seconds)
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(_read, kind, uri, options, limit)
    except ImportError:
        raise CallFailed("Unsupported", f'script source "{kind}" needs the extra "{kind}"') from None
    except TimeoutError:
        raise CallFailed("Timeout", f'script "{uri}" was not read within {seconds:g} s') from None
    except CallFailed:
        raise
    except Exception as error:  # each library has classes of its own
        raise CallFailed(type(error).__name__, f'script "{uri}" cannot be read: {error}') from None


def _read(kind: str, uri: str, options: Mapping[str, object], limit: int) -> bytes:
    import fsspec  # type: ignore[import-untyped]

    store = fsspec.filesystem(kind, skip_instance_cache=True, use_listings_cache=False, **options)
    size = int(store.info(uri)["size"])
    data: bytes = store.cat_file(uri, 0, min(size, limit + 1)) if size else b""
    return data


def _s3(credential: Credential | None, region: str | None, endpoint: str | None, seconds: float) -> dict[str, object]:
    import s3fs  # type: ignore[import-untyped]  # noqa: F401  # said early whether it is there

    keys = aws_keys(credential) if credential else {}
    told = credential.fields if credential else {}
    client = {"region_name": region or told.get("region"), "endpoint_url": endpoint or told.get("endpoint")}
    return {
        "key": keys.get("access_key"),
        "secret": keys.get("secret_key"),
        "token": keys.get("token"),
        "client_kwargs": {name: value for name, value in client.items() if value},
        "config_kwargs": {"connect_timeout": seconds, "read_timeout": seconds, "retries": {"max_attempts": 2}},
    }


def _gcs(credential: Credential | None, endpoint: str | None, seconds: float) -> dict[str, object]:
    import gcsfs  # type: ignore[import-untyped]  # noqa: F401  # said early whether it is there

    token: object = service_account(credential) if credential else "anon" if endpoint else None
    return {"token": token, "endpoint_url": endpoint, "requests_timeout": seconds}
