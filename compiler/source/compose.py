"""Nodes from the events of libyaml, one by one, so that depth, number and aliases are bounded while they come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Protocol, cast

# libyaml itself: the pure-Python parser, which ruamel.yaml falls back to, is eight times slower.
from _ruamel_yaml import CParser  # type: ignore[import-not-found]
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from noetl.compiler.nodes import Map, Node, Scalar, Seq, Style
from noetl.diagnostics import START_OF_FILE, Diagnostic, Edit, Fix, Kind, Related, Span

from . import yaml_errors as errors
from .positions import Lines, Positions
from .scalars import Resolved, convert, resolve

MAX_DEPTH: Final = 100
"""Levels of lists and maps, those that aliases bring in included."""
MAX_NODES: Final = 500_000
"""Scalars, lists and maps of one file, those that aliases bring in included."""
MAX_ALIAS_TEXT: Final = 5 * 1024 * 1024
"""Characters of scalars that all aliases of one file bring in."""
MAX_DIAGNOSTICS: Final = 1000
"""Later problems of one file are not recorded."""

_STYLES: Final[dict[str, Style]] = {"": "plain", "'": "single", '"': "double", "|": "literal", ">": "folded"}
_CORE: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = {"int": "an integer", "float": "a float", "bool": "a boolean", "null": "null"}
_TAGS: Final = "!!bool, !!float, !!int, !!map, !!null, !!seq, !!str"

_BREAK: Final = re.compile(r"[\r\n]")
_TAG: Final = re.compile(r"![^ \t\r\n]*")
_PROPERTIES: Final = re.compile(r"(?:[!&][^ \t\r\n]*+(?:[ \t\r\n]++(?:#[^\r\n]*+[\r\n]++[ \t\r\n]*+)*+|\Z))*+")
_AFTER_DOCUMENT: Final = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+|\.\.\.(?=[ \t\r\n]|\Z))*+")
_NEW_DOCUMENT: Final = re.compile(r"---(?=[ \t\r\n]|\Z)")


class Stop(Exception):
    """The file cannot be read further; the reason is recorded."""


class SignRefused(Exception):
    """libyaml refused a sign that YAML 1.2 allows inside a plain scalar of a flow collection: `{at: http://x?y}`."""


class _Parser(Protocol):
    def get_event(self) -> Event | None: ...


class _Size(NamedTuple):
    """What a node is when its aliases are written out."""

    nodes: int
    characters: int
    height: int


@dataclass(slots=True)
class _Open:
    """A list or map whose end has not come yet."""

    node: Seq | Map
    start: int
    anchor: str | None
    template: int | None
    """If it starts with `{{`, and so is a template that lacks quotes: how many problems were known before it."""
    key: Scalar | None = None
    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)


_NO_KEY: Final = Scalar("", "", "plain", START_OF_FILE)
"""Stands for a key that cannot be one; what it leads to is dropped."""
_MERGE: Final = Scalar("<<", "<<", "plain", START_OF_FILE)
"""Stands for a merge key."""


class Composer:
    """Builds the nodes of one document from `fed`, which is the text of `lines` with some characters in disguise.

    `disguise` maps the code point of a stand-in to the character of the text; both have the same place.
    `refuse_signs` says whether to raise `SignRefused`, so that the caller can disguise signs too, or to report.
    """

    def __init__(
        self, lines: Lines, fed: str, disguise: Mapping[int, str], path: str, *, refuse_signs: bool = False
    ) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.root: Node | None = None
        self._lines = lines
        self._text = lines.text
        self._disguise = disguise
        self._refuse_signs = refuse_signs
        self._path = path
        self._parser: _Parser = cast(_Parser, CParser(fed))
        self._stack: list[_Open] = []
        self._end = 0  # offset of the end of the last scalar, alias or closing bracket
        self._last: Scalar | None = None
        self._nodes = 0
        self._alias_text = 0
        self._anchors: dict[str, Node] = {}
        self._sizes: dict[Node, _Size] = {}

    def compose(self) -> None:
        """Read the document into `root` and `diagnostics`; raises `Stop` or `SignRefused`."""
        while True:
            event = self._next()
            if isinstance(event, ScalarEvent):
                self._attach(self._scalar(event))
            elif isinstance(event, CollectionStartEvent):
                self._open(event)
            elif isinstance(event, CollectionEndEvent):
                self._attach(self._close(event))
            elif isinstance(event, AliasEvent):
                self._attach(self._alias(event))
            elif isinstance(event, DocumentEndEvent):
                # libyaml is not asked for more: it is quadratic in the directives of a further document.
                self._finish(event)
                return
            elif event is None:
                return

    def _next(self) -> Event | None:
        try:
            return self._parser.get_event()
        except MarkedYAMLError as error:
            at = error.problem_mark.index
            question = self._text[at : at + 1] == "?" and not self._text[at - 1 : at].isspace()
            if self._refuse_signs and (question or error.problem == "found unexpected ':'"):
                raise SignRefused from None
            since = error.context_mark.index if error.context_mark else None
            bracket = next((o.start for o in reversed(self._stack) if self._text[o.start] in "[{"), None)
            quote = self._quote_before(at)
            self._syntax_error(errors.Fault(error.problem or "", error.context or "", at, since, bracket, quote))
        except YAMLError as error:
            self._report(errors.INVALID_YAML, f"YAML cannot be read: {errors.shortened(str(error))}", START_OF_FILE)
        raise Stop

    def _quote_before(self, offset: int) -> int | None:
        """Where a quoted scalar that ends right before `offset` starts."""
        last = self._last
        if last is None or last.style not in ("single", "double") or self._text[self._end : offset].strip():
            return None
        return last.positions.start if isinstance(last.positions, Positions) else None

    def _syntax_error(self, fault: errors.Fault) -> None:
        """Record why libyaml stopped. Where it stumbled over a template without quotes, that is said, and said once."""
        opened = next((o.start for o in self._stack if o.template is not None), None)
        if opened is None:
            found = errors.syntax_error(fault, self._lines, self._path)
        else:
            found = errors.unquoted_template(self._lines, opened, None, self._path)
        if found.kind is errors.UNQUOTED_TEMPLATE:
            place = (found.span.line, found.span.column)
            self.diagnostics = [d for d in self.diagnostics if (d.span.line, d.span.column) < place]
        self.diagnostics.append(found)

    def _report(
        self, kind: Kind, message: str, span: Span, hint: str | None = None, related: tuple[Related, ...] = ()
    ) -> None:
        self._record(Diagnostic(kind, message, span, self._path, related, hint))

    def _record(self, found: Diagnostic) -> None:
        if len(self.diagnostics) < MAX_DIAGNOSTICS:
            self.diagnostics.append(found)

    def _stop(self, kind: Kind, message: str, span: Span) -> Stop:
        self.diagnostics.append(Diagnostic(kind, message, span, self._path))
        return Stop()

    def _count(self, offset: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"the file holds more than {MAX_NODES} values"
            raise self._stop(errors.FILE_TOO_LARGE, message, self._lines.span(offset, offset + 1))

    # --- scalars and aliases --------------------------------------------------------------------------------------

    def _scalar(self, event: ScalarEvent) -> Scalar:
        text: str = event.value
        if self._disguise:
            text = text.translate(self._disguise)
        style = _STYLES[event.style or ""]
        first, last = event.start_mark, event.end_mark
        start: int = first.index
        end: int = last.index
        self._count(start)
        if event.ctag is not None or event.anchor is not None:
            start = self._content(start, end)
            span = self._lines.span(start, end)
        elif start == end:
            start = end = self._empty(start)
            span = self._lines.span(start, end)
        else:
            span = Span(first.line + 1, first.column + 1, last.line + 1, last.column + 1)
        positions = Positions(self._lines, start, end, style, text)
        if style in ("literal", "folded"):
            end = self._block_end(start, end)
            span = self._lines.span(start, end)
        self._end = end
        node = Scalar(text, text, style, span, positions)
        self._last = node
        top = self._stack[-1] if self._stack else None
        if top is None or top.key is not None or isinstance(top.node, Seq):
            self._evaluate(node, event)
        elif event.ctag is not None:  # a key is its text, whatever it looks like
            self._tagged(node, event)
        if style == "double" and "\0" in text:
            self._report(errors.INVALID_SCALAR, "NUL is not allowed in a string", node.place(text.index("\0")))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
            self._sizes[node] = _Size(1, len(text), 0)
        return node

    def _content(self, start: int, end: int) -> int:
        """Where the content of a scalar starts, after its tag and its anchor."""
        found = _PROPERTIES.match(self._text, start, end)
        return found.end() if found else start

    def _empty(self, offset: int) -> int:
        """Where an empty value stands: after the sign that asks for it, however far libyaml went on to find none."""
        if offset and self._text[offset - 1] in ":-?":
            return offset
        return self._end + self._text.startswith(":", self._end)

    def _block_end(self, start: int, end: int) -> int:
        """The end of the last line with text; libyaml's own end is behind the blank lines that follow."""
        last = start + len(self._text[start:end].rstrip(" \t\r\n"))
        found = _BREAK.search(self._text, last, end)
        return found.start() if found else end

    def _evaluate(self, node: Scalar, event: ScalarEvent) -> None:
        """Give a value its YAML 1.2 core value (DOC-12); it has its text so far."""
        if event.ctag is not None:
            found = self._tagged(node, event)
        else:
            found = resolve(node.text) if node.style == "plain" else None
        if found is None:
            return
        node.value = found.value
        shown = errors.shortened(node.text)
        if found.refused:
            self._report(errors.INVALID_SCALAR, f'"{shown}" is not a value: {found.refused}', node.span)
        elif found.trap:
            boolean = "write true or false for a boolean, " if found.trap == "a boolean" else ""
            read = "a string" if isinstance(found.value, str) else f"the number {errors.shortened(repr(found.value))}"
            message = f'"{shown}" is {read}; YAML 1.1 reads {found.trap}'
            self._report(errors.YAML11_TRAP, message, node.span, f"{boolean}quote it for the string")

    def _tagged(self, node: Scalar, event: ScalarEvent) -> Resolved | None:
        """The value under the scalar's tag; None for its text, which is also what a tag that does not fit leaves."""
        tag = str(event.ctag)
        if tag in ("!", _CORE + "str"):
            return None
        name = tag.removeprefix(_CORE)
        if name == tag or name not in _SCALAR_TAGS:
            self._unsupported_tag(event)
            return None
        found = convert(node.text, name)
        if found is None:
            message = f'"{errors.shortened(node.text)}" is not {_SCALAR_TAGS[name]}, as its tag says'
            self._report(errors.INVALID_SCALAR, message, node.span)
        return found

    def _unsupported_tag(self, event: ScalarEvent | CollectionStartEvent) -> None:
        found = _TAG.search(self._text, event.start_mark.index, event.end_mark.index)
        start, end = found.span() if found else (event.start_mark.index, event.end_mark.index)
        self._report(
            errors.UNSUPPORTED_TAG,
            f'tag "{errors.shortened(self._text[start:end])}" does not fit here; tags are {_TAGS}',
            self._lines.span(start, end),
            'quote a value that starts with "!"' if isinstance(event, ScalarEvent) else None,
        )

    def _alias(self, event: AliasEvent) -> Node:
        """The very node that has the anchor, so that nothing grows; what it would grow to is counted."""
        name = str(event.anchor)
        start, end = event.start_mark.index, event.end_mark.index
        span = self._lines.span(start, end)
        self._end = end
        node = self._anchors.get(name)
        if node is None:
            hint = 'quote a value that starts with "*"'
            self._report(errors.INVALID_YAML, f'alias "*{name}" has no anchor "&{name}" before it', span, hint)
            return self._as_written(start, end)
        if any(opened.node is node for opened in self._stack):
            self._report(errors.ALIAS_EXPANSION, f'alias "*{name}" stands inside what it refers to', span)
            return self._as_written(start, end)
        size = self._sizes[node]
        self._nodes += size.nodes
        self._alias_text += size.characters
        if self._nodes > MAX_NODES or self._alias_text > MAX_ALIAS_TEXT:
            message = f'alias "*{name}" makes it more than {MAX_NODES} values or {MAX_ALIAS_TEXT} characters of aliases'
            raise self._stop(errors.ALIAS_EXPANSION, message, span)
        if len(self._stack) + size.height > MAX_DEPTH:
            raise self._too_deep(span)
        return node

    def _as_written(self, start: int, end: int) -> Scalar:
        """The text of the file from `start` to `end`, which is no scalar in YAML, as a string."""
        text = self._text[start:end]
        positions = Positions(self._lines, start, end, "plain", text)
        return Scalar(text, text, "plain", self._lines.span(start, end), positions)

    # --- lists and maps -------------------------------------------------------------------------------------------

    def _open(self, event: CollectionStartEvent) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        if len(self._stack) >= MAX_DEPTH:
            raise self._too_deep(self._lines.span(start, start + 1))
        self._count(start)
        is_map = isinstance(event, MappingStartEvent)
        if event.ctag is not None and event.ctag not in ("!", _CORE + ("map" if is_map else "seq")):
            self._unsupported_tag(event)
        if event.ctag is not None or event.anchor is not None:  # block maps have no sign of their own
            start = end - 1 if self._text[end - 1] in "[{-" else end
        node: Map | Seq = Map([], START_OF_FILE) if is_map else Seq([], START_OF_FILE)
        template = is_map and start < end and self._text.startswith("{{", start)
        self._stack.append(_Open(node, start, event.anchor, len(self.diagnostics) if template else None))
        if event.anchor is not None:
            self._anchors[event.anchor] = node

    def _too_deep(self, span: Span) -> Stop:
        return self._stop(errors.TOO_DEEP, f"lists and maps are nested deeper than {MAX_DEPTH} levels", span)

    def _close(self, event: CollectionEndEvent) -> Node:
        opened = self._stack.pop()
        if event.end_mark.index > event.start_mark.index:  # a closing bracket; the end of a block is no sign
            self._end = event.end_mark.index
        node: Node = opened.node
        node.span = self._lines.span(opened.start, self._end)
        if isinstance(node, Map):
            self._merge(opened)
            node.entries = list(opened.entries.values())
        if opened.template is not None:
            node = self._template(opened.start, opened.template)
        if opened.anchor is not None:
            if self._anchors[opened.anchor] is opened.node:
                self._anchors[opened.anchor] = node
            self._sizes[node] = self._measure(node)
        return node

    def _template(self, start: int, known: int) -> Scalar:
        """`{{ x }}` without quotes, read as the string that was meant; problems found inside the map go."""
        del self.diagnostics[known:]
        node = self._as_written(start, self._end)
        found = errors.unquoted_template(self._lines, start, self._end, self._path)
        if not _BREAK.search(node.text):
            edit = Edit(node.span, errors.quoted(node.text))
            found = replace(found, fix=Fix("quote the template", (edit,)))
        self._record(found)
        return node

    def _measure(self, node: Node) -> _Size:
        """The size of `node`; each node is counted under its nearest anchor only, so all calls together are linear."""
        known = self._sizes.get(node)
        if known is not None:
            return known
        if isinstance(node, Scalar):
            return _Size(1, len(node.text), 0)
        below = node.items if isinstance(node, Seq) else [part for entry in node.entries for part in entry]
        sizes = [self._measure(part) for part in below]
        height = 1 + max((s.height for s in sizes), default=0)
        return _Size(1 + sum(s.nodes for s in sizes), sum(s.characters for s in sizes), height)

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if isinstance(top.node, Seq):
            top.node.items.append(node)
        elif top.key is None:
            top.key = self._key(node)
        else:
            key, top.key = top.key, None
            self._enter(top, key, node)

    def _key(self, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            what = "a map" if isinstance(node, Map) else "a list"
            self._report(errors.COMPLEX_KEY, f"the key of a map is {what}; only a string can be one", node.span)
            return _NO_KEY
        if node.text == "<<" and node.style == "plain":
            message = '"<<" is no merge key in YAML 1.2'
            self._report(errors.MERGE_KEY, message, node.span, 'write the keys out, or quote a key named "<<"')
            return _MERGE
        return node

    def _enter(self, top: _Open, key: Scalar, value: Node) -> None:
        if key is _NO_KEY:
            return
        if key is _MERGE:
            top.merged.append(value)
            return
        earlier = top.entries.pop(key.text, None)
        if earlier is not None:
            message = f'key "{errors.shortened(key.text)}" is there twice; the last one counts'
            self._report(errors.DUPLICATE_KEY, message, key.span, related=(Related("the first one", earlier[0].span),))
        top.entries[key.text] = (key, value)
        if ":" in key.text and key.style == "plain" and self._text[top.start] == "{" and _follows(key.span, value.span):
            message = f'"{errors.shortened(key.text)}" is one key without a value'
            self._report(errors.INVALID_YAML, message, key.span, 'put a space after the ":"')

    def _merge(self, opened: _Open) -> None:
        """Add what merge keys bring, so that the error about them does not make keys seem to be missing."""
        for source in opened.merged:
            for part in source.items if isinstance(source, Seq) else [source]:
                for key, value in part.entries if isinstance(part, Map) else ():
                    opened.entries.setdefault(key.text, (key, value))

    # --- the end of the document ----------------------------------------------------------------------------------

    def _finish(self, event: DocumentEndEvent) -> None:
        """Nothing but comments may follow."""
        found = _AFTER_DOCUMENT.match(self._text, event.end_mark.index)
        start = found.end() if found else len(self._text)
        if start == len(self._text):
            return
        _, end_of_line = self._lines.bounds(start)
        line = self._text[start:end_of_line].rstrip()
        span = self._lines.span(start, start + len(line))
        if event.explicit or _NEW_DOCUMENT.match(self._text, start):
            self._report(errors.SECOND_DOCUMENT, "a second YAML document starts here", span, "one playbook, one file")
        else:
            message = f'"{errors.shortened(line)}" stands outside of the map or list that makes up the file'
            hint = "keys of one map start in the same column; check the first line of the file too"
            self._report(errors.INVALID_YAML, message, span, hint)


def _follows(before: Span, after: Span) -> bool:
    """Whether `after` is empty and stands at the end of `before`, which only a value that was never written does."""
    end = (before.end_line, before.end_column)
    return (after.line, after.column) == end == (after.end_line, after.end_column)
