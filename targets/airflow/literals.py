"""JSON values and texts as Python source: readable where they allow it, exact always."""

from __future__ import annotations

from typing import Final

from noetl.compiler.ir import Json

WIDTH: Final = 116
"""Characters of a line, up to which a value stays on it."""


def text_literal(text: str) -> str:
    r'''A triple-quoted literal for a text of any size, without escapes where such a literal can hold it.

    >>> print(text_literal("a \\d c"), text_literal("bell\a"))
    r"""a \d c""" """bell\x07"""
    '''
    if text.replace("\n", "").isprintable():
        for quotes in ('"""', "'''"):
            if quotes not in text and not text.endswith((quotes[0], "\\")):
                return f"{'r' if chr(92) in text else ''}{quotes}{text}{quotes}"
    return '"""' + "".join(c if c == "\n" else _escaped(c, '"') for c in text) + '"""'


def quoted(text: str) -> str:
    r"""A string in double quotes on one line.

    >>> print(quoted('say "hi"\n'))
    "say \"hi\"\x0a"
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_escaped(c, '"') for c in text) + '"'


def json_literal(value: Json, indent: int = 0) -> str:
    """A JSON value, on one line if it fits, else with one entry per line, indented by so many spaces.

    >>> json_literal({"a": [1, None, True]})
    '{"a": [1, None, True]}'
    """
    flat = _flat(value)
    if len(flat) + indent <= WIDTH or not value:
        return flat
    pad, inner = " " * indent, " " * (indent + 4)
    if isinstance(value, dict):
        entries = [f"{inner}{quoted(name)}: {json_literal(item, indent + 4)}," for name, item in value.items()]
        return "\n".join(["{", *entries, pad + "}"])
    if isinstance(value, list):
        entries = [f"{inner}{json_literal(item, indent + 4)}," for item in value]
        return "\n".join(["[", *entries, pad + "]"])
    return flat


def _flat(value: Json) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{quoted(name)}: {_flat(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flat, value)) + "]"
        case str():
            return quoted(value)
    return repr(value)


def _escaped(character: str, quote: str) -> str:
    code = ord(character)
    if character in ("\\", quote):
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
