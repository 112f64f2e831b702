"""Where values are that are too large to cross Argo: a folder that all pods share, or a bucket."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

from noetl.errors import UsageError
from noetl.targets.airflow.values import KEY, LIMIT, Values

from .contract import VALUES_ENV

BUCKET: Final = "s3://"
EVERYTHING: Final = 1 << 62
"""The size up to which values stay where they are where there is no store."""


class Store(Protocol):
    """Texts by name; a name stands for one text for ever."""

    def get(self, name: str) -> str | None:
        """The text; None if there is none."""
        ...

    def put(self, name: str, text: str) -> None:
        """Keep a text. Durable, and seen by all, when it returns."""
        ...


class FolderStore:
    """A folder on a volume."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> str | None:
        """The text of a file."""
        try:
            return (self._folder / name).read_text("ascii")
        except FileNotFoundError:
            return None

    def put(self, name: str, text: str) -> None:
        """Written under another name first, as others read while this is written. UsageError if it cannot be."""
        file = self._folder / name
        written = file.with_name(f"{file.name}.{os.uname().nodename}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with written.open("w", encoding="ascii") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            written.replace(file)
        except OSError as error:
            raise UsageError(f'{VALUES_ENV} is "{self._folder}", where nothing can be kept: {error.strerror}') from None


class BucketStore:
    """Objects of a bucket, through fsspec: the extra `s3`."""

    def __init__(self, address: str) -> None:
        """UsageError where what reads buckets is not installed."""
        try:
            core = import_module("fsspec.core")
            self._files, self._root = core.url_to_fs(address)
        except ImportError:
            raise UsageError(f'{VALUES_ENV} is "{address}", which needs the extra s3') from None

    def get(self, name: str) -> str | None:
        """The text of an object."""
        try:
            found: bytes = self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        return found.decode("ascii")

    def put(self, name: str, text: str) -> None:
        """An object comes to be as a whole. UsageError if it cannot."""
        try:
            self._files.pipe_file(f"{self._root}/{name}", text.encode("ascii"))
        except OSError as error:
            raise UsageError(f'{VALUES_ENV} is "s3://{self._root}", where nothing can be kept: {error}') from None


def store_at(address: str) -> Store | None:
    """The store that `NOETL_VALUES` names; None where it names none."""
    if not address:
        return None
    return BucketStore(address) if address.startswith(BUCKET) else FolderStore(Path(address))


class Large:
    """The large values of one execution as one unit sees them."""

    def __init__(self, unit: str, execution_id: str, store: Store | None) -> None:
        self._store = store
        self._execution_id = execution_id
        self.values = Values(unit, self._pull, EVERYTHING if store is None else LIMIT)

    @property
    def kept(self) -> bool:
        """Whether there is a store."""
        return self._store is not None

    def get(self, digest: str) -> str | None:
        """The text of a value."""
        return None if self._store is None else self._store.get(f"{self._execution_id}/{digest}")

    def _pull(self, unit: str, key: str) -> str | None:
        del unit  # a value is called by what it is, whoever left it
        return self.get(key.removeprefix(KEY))

    def put(self, digest: str, text: str) -> None:
        """Keep the text of a value; there has to be a store."""
        assert self._store is not None
        self._store.put(f"{self._execution_id}/{digest}", text)

    def leave(self) -> None:
        """Keep every value that was made here."""
        for key, text in self.values.fresh.items():
            self.put(key.removeprefix(KEY), text)
