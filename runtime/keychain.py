"""The `keychain` of a playbook as templates see it (TOO-11): entries by name, rendered, nothing in them opened.

In scope of an entry's templates are `workload`, `execution_id`, `job`, `env`, `spec`, `now()`, `secret` and `keychain`
with its other entries: what is the same for every run of the execution.
"""

from __future__ import annotations

from typing import Final

from noetl.compiler.expr import NOW, Scope, TemplateFailed, render
from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING, SecretNames

SCOPE: Final = frozenset({"workload", "execution_id", "job", "env", "spec", "secret", NOW})
"""The names, besides `keychain`, that an entry's templates see."""


class Keychain:
    """The entries of one playbook, as seen from one scope."""

    def __init__(self, entries: Json, scope: Scope) -> None:
        listed = entries if isinstance(entries, list) else []
        self._entries = {str(entry.get("name")): entry for entry in listed if isinstance(entry, dict)}
        self._scope = scope
        self._reading: list[str] = []

    def entry(self, name: str) -> dict[str, object] | None:
        """The entry called `name`, rendered; secrets in it stay names. TemplateFailed where it reads itself."""
        found = self._entries.get(name)
        if found is None:
            return None
        if name in self._reading:
            raise TemplateFailed(f"keychain entries read each other: {' -> '.join([*self._reading, name])}")
        self._reading.append(name)
        try:
            return {key: self._rendered(value) for key, value in found.items()}
        finally:
            self._reading.remove(name)

    def lookup(self, name: str) -> object:
        """A name in a template of an entry, or MISSING."""
        if name == "keychain":
            return SecretNames("keychain", entries=self.entry)
        return self._scope.lookup(name) if name in SCOPE else MISSING

    def _rendered(self, value: Json) -> object:
        if isinstance(value, str):
            return render(value, self) if "{" in value else value
        if isinstance(value, list):
            return [self._rendered(item) for item in value]
        if isinstance(value, dict):
            return {key: self._rendered(item) for key, item in value.items()}
        return value
