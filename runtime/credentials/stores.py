"""Credentials by name, from a file or from the environment (TOO-6).

A file is YAML or JSON and maps names to credentials, each a map with `type` and its fields, or a bare secret text:

    warehouse: {type: postgres, host: db, user: etl, password: "..."}
    stripe: {type: bearer, token: "..."}
    webhook: "..."

In the environment `NOETL_CREDENTIAL_<NAME>` holds the same as a JSON object or as bare text. `<NAME>` is the name of
the credential in upper case, with `_` for every character that is no ASCII letter or digit: `my-api.v2` is looked up as
`NOETL_CREDENTIAL_MY_API_V2`.

The types and their fields are in docs/credentials.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.runtime.ports import Credential, CredentialMissing, Credentials, FarCredentials

PREFIX: Final = "NOETL_CREDENTIAL_"
HIDDEN: Final = "NOETL_CREDENTIAL"
"""How the names of variables begin that no code of a playbook is given."""
_INTEGER: Final = re.compile("0|-?[1-9][0-9]{0,18}")
TEXT: Final = "text"
"""The type of a credential that is a bare secret; its only field is `value`."""


def variable(name: str) -> str:
    """The environment variable of a credential.

    >>> variable("my-api.v2")
    'NOETL_CREDENTIAL_MY_API_V2'
    """
    return PREFIX + re.sub("[^A-Z0-9]", "_", name.upper())


def missing(name: str) -> CredentialMissing:
    """The error of every store: outcomes are the same wherever a playbook runs (CAU-5)."""
    return CredentialMissing(f'no credential is called "{name}"; as a variable it is {variable(name)}')


def credential(name: str, entry: Json) -> Credential:
    """A credential from its entry in a file or variable; UsageError, which shows no value, if it is neither form."""
    if isinstance(entry, str):
        return Credential(name, TEXT, {"value": entry})
    if isinstance(entry, dict) and isinstance(entry.get("type", TEXT), str):
        return Credential(name, str(entry.get("type", TEXT)), {k: v for k, v in entry.items() if k != "type"})
    raise UsageError(f'credential "{name}" is neither a text nor a map with a type and fields')


class MappedCredentials:
    """Credentials that are given as one map of names, as in a file."""

    def __init__(self, entries: Mapping[str, Json]) -> None:
        self._known = {name: credential(name, entry) for name, entry in entries.items()}

    def get(self, name: str) -> Credential:
        """The credential called `name`; CredentialMissing if there is none."""
        if name not in self._known:
            raise missing(name)
        return self._known[name]


class EnvironmentCredentials:
    """Credentials from `NOETL_CREDENTIAL_<NAME>` variables; each is read when it is asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def get(self, name: str) -> Credential:
        """The credential called `name`; CredentialMissing if its variable is not set."""
        text = self._environ.get(variable(name))
        if text is None:
            raise missing(name)
        try:
            entry: Json = json.loads(text) if text.lstrip().startswith("{") else text
        except ValueError:
            entry = text
        return credential(name, entry)


class ChainedCredentials:
    """The first of several stores that has the credential."""

    def __init__(self, *stores: Credentials) -> None:
        self._stores = stores

    def get(self, name: str) -> Credential:
        """The credential called `name`; CredentialMissing if none has it, with the reason of a store that refused."""
        none, reason = missing(name), None
        for store in self._stores:
            try:
                return store.get(name)
            except CredentialMissing as error:
                reason = reason or (None if str(error) == str(none) else error)
        raise reason or none

    async def fetch(self, name: str) -> None:
        """Have the far stores ready for `name`, up to the first store that has it."""
        for store in self._stores:
            try:
                if isinstance(store, FarCredentials):
                    await store.fetch(name)
                store.get(name)
            except CredentialMissing:
                continue
            return


def _load(text: str) -> object:
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor
    from ruamel.yaml.nodes import ScalarNode

    class AsWritten(SafeConstructor):
        """A class of its own, since constructors are added to classes."""

    def number(_constructor: AsWritten, node: ScalarNode) -> object:
        written = str(node.value)
        return int(written) if _INTEGER.fullmatch(written) else written

    for name in ("int", "float", "timestamp"):
        AsWritten.add_constructor(f"tag:yaml.org,2002:{name}", number)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = AsWritten
    loaded: object = yaml.load(text)
    return loaded


def from_file(path: Path) -> MappedCredentials:
    """The credentials of a YAML or JSON file; UsageError, which shows none of its text, if it cannot be read.

    What YAML reads as a number or date in another form is a text as it stands: `0123` is no 123.
    """
    from ruamel.yaml.error import YAMLError

    try:
        loaded = _load(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f'the credentials file "{path}" cannot be read: {error.strerror}') from None
    except (YAMLError, ValueError):
        raise UsageError(f'the credentials file "{path}" is not valid YAML or JSON') from None
    if loaded is None:
        return MappedCredentials({})
    if not isinstance(loaded, dict) or not all(isinstance(name, str) for name in loaded):
        raise UsageError(f'the credentials file "{path}" is not a map of names')
    return MappedCredentials(loaded)


def local_credentials(given: str | Path | None, environ: Mapping[str, str]) -> Credentials:
    """The store of a machine: what is given, a file or the address of a server, then the environment.

    UsageError if the file cannot be read, or the address is none.
    """
    environment = EnvironmentCredentials(environ)
    if given is None:
        return environment
    if str(given).startswith(("http:", "https:")):
        from .server import ServerCredentials

        return ChainedCredentials(ServerCredentials(str(given), environ), environment)
    return ChainedCredentials(from_file(Path(given)), environment)
