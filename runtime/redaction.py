"""Takes the values of secrets out of whatever a tool gives back (TOO-6).

A value is found as it stands and in the forms in which it commonly travels: Base64 (whatever stands before and after it
in the encoded text), percent-encoding, JSON and Python escapes, hexadecimal digits.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from noetl.compiler.ir import Json

MASK: Final = "***"
SHORTEST: Final = 4
"""Values with fewer characters are left alone: they are found everywhere, and a mask in their place would tell them."""
_SHORTEST_ENCODED: Final = 8


class Redactor:
    """Knows the secrets that were opened, and takes them out of values and texts."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, secret: str) -> None:
        """From now on `secret` is taken out."""
        if secret in self._known or len(secret) < SHORTEST:
            return
        self._known.add(secret)
        self._forms.update(_forms(secret))
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def holds(self, text: str) -> bool:
        """Whether a known secret is in `text`."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def text(self, text: str) -> str:
        """`text` with every known secret masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def value(self, value: Json) -> Json:
        """`value` with every known secret masked in its texts, keys and numbers; a new value where anything was."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(item) for name, item in value.items()}
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._known:
            return MASK
        return value


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode(errors="surrogatepass")
    yield secret
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda found: found.group().lower(), quoted)
    escaped = json.dumps(secret)[1:-1]
    yield escaped
    yield json.dumps(escaped)[1:-1]
    yield "".join(_SHORT_ESCAPES.get(character, character) for character in secret)
    yield repr(secret)[1:-1]
    yield raw.hex()
    for inner in _base64_forms(raw):
        if len(inner) >= _SHORTEST_ENCODED:
            yield inner


_SHORT_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The characters that depend on `raw` alone, for each of the three places at which it can start in a group."""
    for before in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            text = encode(bytes(before) + raw).decode().rstrip("=")
            start = (0, 2, 3)[before]
            whole = (before + len(raw)) * 8 // 6
            yield text[start:whole]
