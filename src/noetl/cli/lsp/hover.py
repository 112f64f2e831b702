"""What the word under the cursor means, with the clause of the semantics that says so."""

from __future__ import annotations

import re
from typing import Final

from lsprotocol import types

from noetl.compiler import ir, language
from noetl.compiler.document import holds_template
from noetl.compiler.language import Key, kinds, names
from noetl.compiler.language.names import Name
from noetl.compiler.nodes import Scalar
from noetl.compiler.tools import KINDS, SINK_KIND_SYNONYMS

from .cursor import EXPRESSIONS
from .playbooks import Mention, Playbook, Spot, covers, mentioned

_WORD: Final = re.compile(r"[\w.]+")
_BEFORE: Final = re.compile(r"(\||\bis\s+(?:not\s+)?|\.|^|.)\s*$", re.DOTALL)


def hover(playbook: Playbook, position: types.Position) -> types.Hover | None:
    """The words about what is at a position; None where there are none."""
    if not playbook.is_playbook:
        return None
    line, column = playbook.text.place(position)
    spot = playbook.spot(line, column)
    if spot is None or not isinstance(spot.node, Scalar):
        return None
    found = _key(spot) if spot.is_key else _value(playbook, spot, spot.node, (line, column))
    if found is None:
        return None
    content = types.MarkupContent(types.MarkupKind.Markdown, found)
    return types.Hover(content, playbook.text.range(spot.node.span) if spot.is_key else None)


def _key(spot: Spot) -> str | None:
    found = language.find(spot.path, spot.kind)
    return described(str(spot.path[-1]), found.key) if found.key is not None else None


def described(written: str, key: Key) -> str:
    """A key in Markdown."""
    lines = [f"**{written}** ({key.clause})", "", key.about]
    if written != key.name and written != "step":
        lines += ["", f"Another spelling of `{key.name}` (DOC-11)."]
    if key.default is not None:
        lines += ["", f"Default: `{_yaml(key.default)}`"]
    if key.extension:
        lines += ["", "An extension to the published language (semantics, section 10)."]
    for example in key.examples[:1]:
        lines += ["", "```yaml", f"{key.name}: {_yaml(example)}", "```"]
    return "\n".join(lines)


def _yaml(value: ir.Json) -> str:
    import json  # JSON is YAML

    return json.dumps(value, ensure_ascii=False)


def _value(playbook: Playbook, spot: Spot, scalar: Scalar, place: tuple[int, int]) -> str | None:
    name = next((part for part in reversed(spot.path) if isinstance(part, str)), "")
    if isinstance(scalar.value, str) and (holds_template(scalar.value) or name in EXPRESSIONS):
        told = _in_template(scalar, place)
        if told is not None:
            return told
    mention = mentioned(playbook, *place)
    if mention is not None:
        return _mention(playbook, mention)
    kind = SINK_KIND_SYNONYMS.get(scalar.text, scalar.text)
    if name in ("kind", "tool", "backend") and kind in KINDS:
        text = kinds.TEXTS[kind]
        fields = ", ".join(sorted(f"`{key.name}`" for key in kinds.fields(kind)))
        return f"**{kind}** ({text.clause})\n\n{text.about}\n\nFields: {fields}"
    return None


def _in_template(scalar: Scalar, place: tuple[int, int]) -> str | None:
    """The root, filter, test, function or event at a place of a template."""
    for found in _WORD.finditer(scalar.text):
        if not covers(scalar.place(found.start(), found.end()), place):
            continue
        before = scalar.text[: found.start()].rstrip(" ")
        word = found[0]
        first = word.split(".")[0]
        if before.endswith("|"):
            return _named(names.filters().get(word), f"filter **{word}**")
        if re.search(r"\bis(\s+not)?$", before):
            return _named(names.tests().get(word), f"test **{word}**")
        if word in names.EVENTS:
            return _named(names.EVENTS[word], f"event **{word}**")
        told = names.ROOTS.get(first) or names.FUNCTIONS.get(first)
        return _named(told, f"**{first}**") if told is not None else None
    return None


def _named(name: Name | None, title: str) -> str | None:
    return None if name is None else f"{title} ({name.clause})\n\n{name.about}"


def _mention(playbook: Playbook, mention: Mention) -> str | None:
    document = playbook.compilation.document
    if document is None:
        return None
    if mention.what == "step":
        for step in document.workflow:
            if step.step.text == mention.name:
                kind = step.tool.kind.text if step.tool else "no tool"
                return f"step **{mention.name}** ({kind})" + (f"\n\n{step.desc.text}" if step.desc else "")
        return "step **end**, which is not declared" if mention.name == ir.END else None
    task = next((task for task in document.workbook if task.name.text == mention.name), None)
    if task is None:
        return None
    return f"task **{mention.name}** ({task.tool.kind.text})" + (f"\n\n{task.desc.text}" if task.desc else "")
