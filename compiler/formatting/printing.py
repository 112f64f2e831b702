"""From a tree to text in one layout: two spaces per level, block style but for what fits on a line in brackets."""

from __future__ import annotations

import json
import re
from typing import Final

from .tree import Branch, Entry, Leaf, Sheet, Tree

WIDTH: Final = 120
"""Characters of a line up to which a map or list in brackets stays in them."""
_STEP: Final = 2
_LONGEST_KEY: Final = 1000
"""YAML asks for a sign of its own before a key of more than 1024 characters."""
_UNPRINTABLE: Final = re.compile("[\x7f-\x84\x86-\x9f\x85\u2028\u2029\ufeff\ufffe\uffff]")
_TRAILING: Final = re.compile(r"(?<!\\)[ \t]+\Z")
_BLANKS: Final = " \t"


def quote(text: str) -> str:
    """`text` in double quotes, on one line."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def print_sheet(sheet: Sheet) -> str:
    """The file, with line feeds."""
    printer = _Printer()
    head = list(sheet.head)
    if sheet.root.properties:
        head = [*(head or ["---"])[:-1], f"--- {sheet.root.properties}"]
    printer.lines += head
    printer.block(sheet.root, 0)
    if not sheet.root.entries:
        printer.emit(0, "{}")
    return "\n".join(printer.lines).rstrip("\n" if not printer.keeps else "") + "\n"


def one_line(tree: Tree) -> str | None:
    """A tree as it stands inside brackets; None where it needs lines of its own."""
    if isinstance(tree, Leaf):
        if tree.style in ("literal", "folded") or "\n" in tree.raw:
            return None
        raw = tree.raw or "null"
        return f"{tree.properties} {raw}" if tree.properties else raw
    if (not tree.flow and tree.entries) or any(tree.tail):
        return None
    parts = []
    for entry in tree.entries:
        value = one_line(entry.value)
        key = _key(entry.key) if entry.key is not None else ""
        if value is None or entry.beside or any(entry.above) or len(key) > _LONGEST_KEY:
            return None
        parts.append(f"{key}: {value}" if entry.key is not None else value)
    inner = ", ".join(parts)
    shown = f"{{{inner}}}" if tree.is_map else f"[{inner}]"
    return f"{tree.properties} {shown}" if tree.properties else shown


def _key(key: Leaf) -> str:
    if key.style == "alias":
        return f"{key.raw} "
    raw = key.raw
    if not raw or "\n" in raw or key.style in ("literal", "folded"):
        raw = quote(key.text)
    return f"{key.properties} {raw}" if key.properties else raw


class _Printer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.keeps = False
        """Whether a blank line now would belong to the text before it."""
        self._lead: str | None = None
        """What the next line starts with instead of its indentation: the dashes of the items that it opens."""

    def emit(self, indent: int, text: str) -> None:
        """One line."""
        start = " " * indent if self._lead is None else self._lead
        self._lead = None
        self.keeps = False
        self.lines.append(start + text)

    def comments(self, comments: list[str], indent: int, *, first: bool) -> None:
        """Lines of comments; blank lines but for those at the start of a map or list."""
        for comment in comments:
            if comment:
                self.emit(indent, comment)
                first = False
            elif not first and not self.keeps and self.lines and self.lines[-1]:
                self.lines.append("")

    def block(self, branch: Branch, indent: int, *, opened: bool = False) -> None:
        """The entries of a map or list; `opened` where its first comments stand above a dash."""
        for number, entry in enumerate(branch.entries):
            if not (opened and number == 0):
                self.comments(_above(entry), indent, first=number == 0)
            if entry.key is None:
                self._item(entry, indent)
            else:
                self._pair(entry, entry.key, indent)
        self.comments(branch.tail, indent, first=not branch.entries)

    def _item(self, entry: Entry, indent: int) -> None:
        value = entry.value
        if isinstance(value, Branch) and self._inline(value, indent + _STEP) is None:
            if entry.beside or value.properties:
                self.emit(indent, _joined("-", value.properties, beside=entry.beside))
                self.block(value, indent + _STEP, opened=bool(value.entries))
            else:
                self._lead = (" " * indent if self._lead is None else self._lead) + "- "
                self.block(value, indent + _STEP, opened=bool(value.entries))
            return
        self._value(value, "-", entry.beside, indent)

    def _pair(self, entry: Entry, key: Leaf, indent: int) -> None:
        name = _key(key)
        sign = f"{name}:"
        if len(name) > _LONGEST_KEY:
            self.emit(indent, f"? {name}")
            sign = ":"
        value = entry.value
        if isinstance(value, Branch) and self._inline(value, indent + len(sign) + 1) is None:
            self.emit(indent, _joined(sign, value.properties, beside=entry.beside))
            self.block(value, indent + _STEP)
            return
        self._value(value, sign, entry.beside, indent)

    def _inline(self, value: Branch, column: int) -> str | None:
        """A map or list in brackets, where it is written so and fits; an empty one has no other form."""
        shown = one_line(value)
        return shown if shown is not None and (not value.entries or column + len(shown) <= WIDTH) else None

    def _value(self, value: Tree, sign: str, beside: str, indent: int) -> None:
        """What stands behind a key or a dash and begins in its line."""
        if isinstance(value, Branch):
            self.emit(indent, _joined(sign, one_line(value) or "", beside=beside))
        elif value.style in ("literal", "folded"):
            self._text_block(value, sign, beside, indent)
        elif "\n" not in value.raw:
            self.emit(indent, _joined(sign, value.properties, value.raw, beside=beside))
        else:
            first, *middle, last = value.raw.split("\n")
            quoted = value.style != "plain"
            self.emit(indent, _joined(sign, value.properties, _cut(first)))
            for line in middle:
                text = _cut(line.lstrip(_BLANKS))
                self.lines.append(" " * (indent + _STEP) + text if text else "")
            text = last.lstrip(_BLANKS)
            self.emit(indent + _STEP, _joined(text if quoted else text.rstrip(_BLANKS), beside=beside))

    def _text_block(self, leaf: Leaf, sign: str, beside: str, indent: int) -> None:
        """Literal or folded text, its lines as they are under another indentation."""
        lines = _body(leaf)
        if lines is None:
            self.emit(indent, _joined(sign, leaf.properties, quote(leaf.text), beside=beside))
            return
        first = next((line for line in lines if line), "")
        depth = str(_STEP) if first[:1] in (" ", "\t") else ""
        ends = len(leaf.text) - len(leaf.text.rstrip("\n"))
        chomp = "-" if ends == 0 else "" if ends == 1 else "+"
        self.emit(indent, _joined(sign, leaf.properties, f"{leaf.raw[0]}{depth}{chomp}", beside=beside))
        for line in lines:
            self.lines.append(" " * (indent + _STEP) + line if line else "")
        self.lines += [""] * (ends - 1)
        self.keeps = ends > 1


def _above(entry: Entry) -> list[str]:
    """The comments above an entry; above a dash those of the first entry that it opens, too."""
    found = list(entry.above)
    value = entry.value
    while entry.key is None and isinstance(value, Branch) and value.entries and one_line(value) is None:
        entry = value.entries[0]
        found += [comment for comment in entry.above if comment]
        value = entry.value
    return found


def _body(leaf: Leaf) -> list[str] | None:
    """The lines of a block without their indentation; None where only blanks are left of it."""
    text = next((line for line in leaf.text.split("\n") if line.strip(_BLANKS)), None)
    lines = leaf.raw.split("\n")[1:]
    written = next((line for line in lines if line.strip(_BLANKS)), None)
    if text is None or written is None:
        return None
    lost = _spaces(written) - _spaces(text)
    body = [line[min(lost, _spaces(line)) :] for line in lines]
    while body and not body[-1].strip(_BLANKS):
        body.pop()
    return body


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _cut(line: str) -> str:
    """A line of a scalar that goes on without the blanks at its end, but for one that is escaped."""
    return _TRAILING.sub("", line)


def _joined(*parts: str, beside: str = "") -> str:
    """The parts of a line, and the comment behind them."""
    line = " ".join(part for part in parts if part)
    return f"{line}  {beside}" if beside else line
