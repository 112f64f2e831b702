"""Texts as YAML scalars: readable where they allow it, exact always."""

from __future__ import annotations

import json
import re
from typing import Final

from noetl.compiler.ir import Json

_PLAIN: Final = re.compile(r"[A-Za-z][-A-Za-z0-9_./]*")
_WORDS: Final = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
"""What YAML, in one version or another, does not take for a text."""
_ODD: Final = re.compile("[^\n\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What is no text, or a break of lines, for some reader of YAML."""
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def scalar(text: str) -> str:
    """A text on one line.

    >>> print(scalar("pod-1"), scalar("no"), scalar('say "hi"'))
    pod-1 "no" "say \\"hi\\""
    """
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else quoted(text)


def quoted(text: str) -> str:
    r"""A text in double quotes.

    >>> print(quoted("a\tb\x07"))
    "a\tb\x07"
    """
    return '"' + re.sub(f'["\\\\\n\t]|{_ODD.pattern}', _escaped, text) + '"'


def flow(value: Json) -> str:
    """A value on one line: JSON, but for characters that JSON writes as two halves, which YAML's readers refuse.

    >>> print(flow({"a b": [1, True, None, "\U0001f600"]}))
    {"a b": [1, true, null, "\U0001f600"]}
    """
    match value:
        case dict():
            return "{" + ", ".join(f"{quoted(key)}: {flow(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str():
            return quoted(value)
    return json.dumps(value)


def _escaped(found: re.Match[str]) -> str:
    sign = found[0]
    return _SHORT.get(sign) or (f"\\x{ord(sign):02x}" if ord(sign) < 256 else f"\\u{ord(sign):04x}")


def block(text: str, indent: int) -> str:
    """A text of any size after a key, as it stands if YAML can hold it so; lines are indented by so many spaces."""
    if _ODD.search(text) or "\n" not in text or not text.strip():
        return quoted(text)
    left = " " * indent
    lines = "\n".join(f"{left}{line}" if line else "" for line in text.removesuffix("\n").split("\n"))
    kept = "+" if text.endswith("\n\n") else "" if text.endswith("\n") else "-"
    # Without the number, spaces before the first line would be taken for indentation.
    number = "2" if text[0] in " \n\t" else ""
    return f"|{number}{kept}\n{lines}"
