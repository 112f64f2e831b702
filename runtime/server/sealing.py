"""The key of the credentials that a server keeps: what is in the database cannot be read without it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from noetl.compiler.ir import Json
from noetl.errors import UsageError

from ..credentials import credential
from ..ports import Credential
from .refusals import NotOpened

FILE: Final = "credentials.key"
"""In the data folder, where no key is set."""
VARIABLE: Final = "NOETL_CREDENTIALS_KEY"


class Sealer:
    """Seals with the first of several keys and opens what was sealed with any of them."""

    def __init__(self, keys: str) -> None:
        """Keys of Fernet with commas between them; UsageError, which shows none, where one is no key."""
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
        except ValueError as error:
            raise UsageError(
                f"{VARIABLE} is one key of Fernet, or several with commas between them: 32 bytes in URL-safe Base64"
            ) from error

    def seal(self, found: Credential) -> bytes:
        """The credential with its name, so that a row cannot pass for another one's."""
        whole = {"name": found.name, "type": found.type, "fields": dict(found.fields)}
        return self._fernet.encrypt(json.dumps(whole).encode())

    def opened(self, name: str, sealed: bytes) -> Credential:
        """What was sealed under this name; NotOpened where it was under another key or name."""
        try:
            whole: dict[str, Json] = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise NotOpened(f'credential "{name}" was kept under another key: see {VARIABLE}') from error
        if whole["name"] != name:
            raise NotOpened(f'credential "{name}" holds what was kept under another name')
        return credential(name, {**cast("dict[str, Json]", whole["fields"]), "type": whole["type"]})


def sealer(keys: str | None, data: Path) -> Sealer:
    """That of the keys that are set, else of the key in the data folder, which is made when there is none."""
    return Sealer(keys or _kept_key(data / FILE))


def _kept_key(file: Path) -> str:
    """The key of a file that its owner alone can read; of two servers that make it at once one wins."""
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
                output.write(Fernet.generate_key())
                output.flush()
                os.fsync(output.fileno())
            try:
                os.link(beside, file)
            except FileExistsError:
                return file.read_text("ascii")
            finally:
                beside.unlink()
        if file.stat().st_mode & 0o077:
            raise UsageError(f'others may read the key "{file}": chmod 600 it, and take the credentials for known')
        return file.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f'the key "{file}" cannot be read or made: {error}') from error
