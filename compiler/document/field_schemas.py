"""The JSON Schema of each field that holds a value: what `noetl schema playbook` and editors know of it.

A pattern here refuses nothing that the models take; what it cannot tell (whether Jinja parses) it lets through. The
patterns mean the same in Python and in ECMAScript.
"""

from __future__ import annotations

from typing import Final

Shape = dict[str, object]

_QUOTED: Final = r"""'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*\""""
_OPEN_QUOTE: Final = r"""'(?![\s\S]*')|"(?![\s\S]*")"""
_DEPTH: Final = 3
"""Levels of braces inside an expression that the pattern can count."""


def _balanced() -> str:
    """The inside of an expression up to its end: texts in quotes, and braces that close."""
    inner = rf"""(?:[^'"{{}}]|{_QUOTED})*"""
    for _ in range(_DEPTH):
        inner = rf"""(?:[^'"{{}}]|{_QUOTED}|\{{{inner}\}})*"""
    return inner


_TEXT_AROUND: Final = (
    r"^\s*\{[%#]",
    rf"""^(?!\s*\{{\{{)(?:[^'"{{]|\{{(?!\{{)|{_QUOTED}|{_OPEN_QUOTE})*\{{\{{""",
    rf"^\s*\{{\{{{_balanced()}\}}\}}\s*\S",
)
"""A statement or comment; text before the braces; text after them."""

TEMPLATE: Final[Shape] = {
    "title": "Template",
    "description": "Text with Jinja in it: {{ expression }}.",
    "type": "string",
    "pattern": r"\{[{%#]",
}
EXPRESSION: Final[Shape] = {
    "title": "Expression",
    "description": "One Jinja expression, in braces or bare, with no text around it.",
    "type": "string",
    "not": {"pattern": "|".join(_TEXT_AROUND)},
}
STRING: Final[Shape] = {"type": "string"}
NAME: Final[Shape] = {"type": "string", "pattern": r"\S"}
IDENTIFIER: Final[Shape] = {"type": "string", "pattern": r"^[^\s\d!-/:-@\[-^`{-~][^\s!-/:-@\[-^`{-~]*$"}
"""Every identifier; of other signs than those of ASCII the pattern does not know which are letters."""
STORE_NAME: Final[Shape] = {"type": "string", "pattern": r"^(?!(?:ctx|vars)\.)(?![\s\S]*\{[{%#])[\s\S]+$"}
"""COL-2: no template, no `ctx.` and no `vars.`."""
PLAIN: Final[Shape] = {"type": ["string", "number", "boolean"]}
FREE: Final[Shape] = {}
MAPPING: Final[Shape] = {"type": "object"}
ARGS: Final[Shape] = {"anyOf": [{"type": ["object", "null"]}, TEMPLATE]}
CONDITION: Final[Shape] = {"anyOf": [{"type": "boolean"}, EXPRESSION]}
COLLECTION: Final[Shape] = {"anyOf": [{"type": "array"}, EXPRESSION]}
RESULT: Final[Shape] = {"anyOf": [{"type": ["object", "array"]}, TEMPLATE]}
COUNT: Final[Shape] = {"anyOf": [{"type": "integer", "minimum": 1}, TEMPLATE]}
SECONDS: Final[Shape] = {"anyOf": [{"type": "number", "minimum": 0}, TEMPLATE]}
FLAG: Final[Shape] = {"anyOf": [{"type": "boolean"}, TEMPLATE]}
CODE: Final[Shape] = {"type": ["string", "null"]}
"""Text that is taken as it stands (TPL-8)."""
