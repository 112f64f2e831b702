"""Secrets as names (TOO-6, TOO-7, TOO-11): no value of a secret is known before the moment of the call.

While a template runs, a secret is a `Sealed` text, which can be joined to other text and encoded, and refuses all else,
so that nothing silently takes its name for its value. Once the template has run it is a `SecretRef` or `SecretText`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Literal, NoReturn, TypeAlias

from noetl.errors import NoetlError

from .ir import Json


class SecretMisuse(NoetlError):
    """A secret can only be joined to text with "~" or "+", or encoded with "b64encode"."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """One secret by name: `secret.NAME`, `keychain.NAME.FIELD`, or what a `secrets` tool answered, and its fields."""

    name: str
    field: str | None = None
    provider: str | None = None
    """Where a `secrets` tool looks for it; None for the two roots."""
    entry: Mapping[str, object] | None = attribute(default=None, compare=False, repr=False)
    """The playbook's entry of `keychain`, its templates rendered (TOO-11); of a `secrets` tool what it answered."""

    def __str__(self) -> str:
        root = "secret" if self.field is None or self.provider is not None else "keychain"
        return f"<{root} {self.name}>" if self.field is None else f"<{root} {self.name}.{self.field}>"


@dataclass(frozen=True, slots=True)
class Encoded:
    """The Base64 form of a text that holds secrets."""

    text: SecretText

    def __str__(self) -> str:
        return f"<b64encode {self.text}>"


Part: TypeAlias = "str | SecretRef | Encoded"


@dataclass(frozen=True, slots=True)
class SecretText:
    """A text with secrets in it, in order; `str()` shows their names."""

    parts: tuple[Part, ...]

    @staticmethod
    def of(value: SecretRef | SecretText) -> SecretText:
        """The same text as a `SecretText`."""
        return SecretText((value,)) if isinstance(value, SecretRef) else value

    def __str__(self) -> str:
        return "".join(map(str, self.parts))

    def open(self, resolve: Callable[[SecretRef], str]) -> str:
        """The real text; `resolve` gives the value of each secret."""
        return "".join(_open_part(part, resolve) for part in self.parts)


def _open_part(part: Part, resolve: Callable[[SecretRef], str]) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, SecretRef):
        return resolve(part)
    return b64encode(part.text.open(resolve).encode()).decode()


def _no_entry(_name: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class SecretNames:
    """What the roots `secret` and `keychain` are in a scope: any name below them is a secret."""

    root: Literal["secret", "keychain"]
    name: str | None = None
    entries: Callable[[str], Mapping[str, object] | None] = attribute(default=_no_entry, compare=False, repr=False)
    """The playbook's entry of `keychain` with a name."""

    def __str__(self) -> str:
        return self.root if self.name is None else f"{self.root}.{self.name}"

    def read(self, name: str) -> SecretNames | Sealed:
        """The secret, or for the root `keychain` first the entry, that is called `name`."""
        if self.root == "secret":
            return Sealed((SecretRef(name),))
        if self.name is None:
            return SecretNames("keychain", name, self.entries)
        return Sealed((SecretRef(self.name, name, entry=self.entries(self.name)),))


def _misuse(_self: object, *_others: object) -> NoReturn:
    raise SecretMisuse


class Sealed:
    """A text with secrets, as a running template sees it: what would need its value raises `SecretMisuse`."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts

    def __add__(self, other: object) -> Sealed:
        return Sealed(self.parts + _parts(other))

    def __radd__(self, other: object) -> Sealed:
        return Sealed(_parts(other) + self.parts)

    def encoded(self) -> Sealed:
        """Its Base64 form."""
        return Sealed((Encoded(SecretText(_merged(self.parts))),))

    def unsealed(self) -> SecretRef | SecretText:
        """What leaves the template."""
        parts = _merged(self.parts)
        return parts[0] if len(parts) == 1 and isinstance(parts[0], SecretRef) else SecretText(parts)

    __str__ = __repr__ = __format__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _misuse
    __hash__ = __index__ = __int__ = __float__ = __abs__ = __round__ = __neg__ = __pos__ = __call__ = _misuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _misuse
    __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _misuse
    __mod__ = __rmod__ = __pow__ = __rpow__ = _misuse


class Reference(Sealed):
    """What a `secrets` tool answered, as a running template sees it: a secret, and its fields by name (TOO-7).

    That a result is one is told by its kind (VAL-2), so no data can pass for it.
    """

    __slots__ = ("envelope",)

    def __init__(self, envelope: Mapping[str, Json]) -> None:
        self.envelope = envelope
        """`{provider, name, auth?}`: names, which may be shown and kept."""
        super().__init__((self._reference(None),))

    def read(self, name: str) -> Sealed:
        """Itself for the forgiving reads `data` and `result` (TPL-9), else the field of the secret with this name."""
        return self if name in ("data", "result") else Sealed((self._reference(name),))

    def _reference(self, name: str | None) -> SecretRef:
        provider = str(self.envelope.get("provider") or "")
        return SecretRef(str(self.envelope.get("name")), name, provider, self.envelope)


def _parts(value: object) -> tuple[Part, ...]:
    if isinstance(value, Sealed):
        return value.parts
    if isinstance(value, str):
        return (value,)
    raise SecretMisuse


def _merged(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts with neighbouring texts as one, and without empty ones."""
    made: list[Part] = []
    for part in parts:
        last = made[-1] if made else None
        if isinstance(part, str) and isinstance(last, str):
            made[-1] = last + part
        elif part != "":
            made.append(part)
    return tuple(made)


def unsealed(value: object) -> object:
    """The same value with every `Sealed` in its lists and maps as a `SecretRef` or `SecretText`."""
    if isinstance(value, Sealed):
        return value.unsealed()
    if isinstance(value, list | tuple):
        return [unsealed(item) for item in value]
    if isinstance(value, dict):
        return {key: unsealed(item) for key, item in value.items()}
    return value
