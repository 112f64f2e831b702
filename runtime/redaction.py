"""Takes the values of secrets out of whatever a tool gives back (TOO-6).

A value is found as it stands and in the forms in which it commonly travels: Base64 (whatever stands before and after it
in the encoded text), percent-encoding, JSON, Python and HTML escapes, hexadecimal digits, UTF-8 read as Latin-1.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Final

from noetl.compiler.ir import Json

MASK: Final = "***"
SHORTEST: Final = 4
"""Values with fewer characters are left alone: they are found everywhere, and a mask in their place would tell them."""
_SHORTEST_ENCODED: Final = 8
LONG_LINE: Final = 16
"""A line of so many characters, of a secret of several lines such as a private key, is taken out on its own, too."""


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
        for line in secret.splitlines() if "\n" in secret else ():
            if len(line) >= LONG_LINE and not line.startswith("-----"):
                self._forms.add("".join(map(_character, line)))
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(longest_first))

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
    """Patterns for the forms in which a secret travels."""
    raw = secret.encode(errors="surrogatepass")
    yield "".join(map(_character, secret))
    if not secret.isascii():  # its UTF-8 read as Latin-1, as headers are
        yield "".join(map(_character, raw.decode("latin-1")))
    yield f"(?i:{raw.hex()})"
    for inner in _base64_forms(raw):
        if len(inner) >= _SHORTEST_ENCODED:
            yield re.escape(inner)


def _character(character: str) -> str:
    """A pattern for one character: as it is, or as URLs, JSON, Python and HTML write it, escaped once or more often."""
    if character.isascii() and (character.isalnum() or character in "-_"):
        return character
    raw = character.encode(errors="surrogatepass")
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    forms = [
        _MAYBE_ESCAPED + re.escape(character),
        f"(?i:{''.join(f'%{byte:02x}' for byte in raw)})",
        "".join(rf"{_ESCAPED}(?i:u{units[at : at + 4]})" for at in range(0, len(units), 4)),
        "".join(rf"{_ESCAPED}(?i:x{byte:02x})" for byte in raw),
        rf"{_ESCAPED}(?i:x{ord(character):02x}|U{ord(character):08x})",
        rf"&(?i:\#{ord(character)}|\#x{ord(character):x});",
    ]
    if character in _SHORT:
        forms.append(_SHORT[character])
    return f"(?:{'|'.join(forms)})"


_ESCAPED: Final = r"\\{1,8}"
_MAYBE_ESCAPED: Final = r"\\{0,8}"
"""What is escaped again has twice the backslashes; bounded, so that no text makes the search slow."""
_SHORT: Final = {
    "\\": _ESCAPED,
    "\n": _ESCAPED + "n",
    "\r": _ESCAPED + "r",
    "\t": _ESCAPED + "t",
    " ": r"\+",
    '"': "&quot;",
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The characters that depend on `raw` alone, for each of the three places at which it can start in a group."""
    for before in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            text = encode(bytes(before) + raw).decode().rstrip("=")
            start = (0, 2, 3)[before]
            whole = (before + len(raw)) * 8 // 6
            yield text[start:whole]
