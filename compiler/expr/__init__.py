"""The one evaluator of expressions and templates (section 2 of the semantics).

>>> class Names(dict):
...     def lookup(self, name):
...         return self.get(name, MISSING)
>>> evaluate("a + 1", Names(a=2))
3
>>> render("{{ a }} of {{ b.c }}", Names(a=2, b={"c": None}))
'2 of None'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, cast

from jinja2 import TemplateSyntaxError, UndefinedError, nodes
from jinja2.parser import Parser
from markupsafe import Markup

from noetl.compiler import ir
from noetl.compiler.secrets import SecretMisuse, unsealed
from noetl.compiler.values import MISSING, TemplateFailed, is_undefined, truth

from .rewrite import Rewriter
from .sandbox import NOW, SANDBOX, Scope, ScopeContext, joined
from .scan import ExpressionError, Read, RefusedFunction, Scan, TextAround, scan

__all__ = [
    "MISSING",
    "NOW",
    "ExpressionError",
    "Parsed",
    "Read",
    "RefusedFunction",
    "Scope",
    "TemplateFailed",
    "TextAround",
    "evaluate",
    "is_undefined",
    "parse_expression",
    "parse_template",
    "render",
    "render_value",
    "strip_braces",
    "truth",
]

MAX_LENGTH: Final = 1_000_000
"""Characters of a template or expression."""
_CACHE: Final = 4096
_TOKENS: Final = {"end of print statement": "}}", "begin of print statement": "{{", "end of statement block": "%}"}
_QUOTED: Final = re.compile(r"(?<!\w)'([^']*)'")
_TAGS: Final = re.compile(r"\. (?:You probably|Jinja was looking)[^']*('[^.]*)(?:\. The innermost block .*)?")
"""Where Jinja begins to tell which tags it was looking for, and these tags."""
_MISPLACED: Final = re.compile(r"Encountered unknown(?= tag '(?:end|elif|else))")
"""What Jinja says of a tag that it knows, in a wrong place."""
_HINTS: Final = {
    "!": 'write "not"',
    "&": 'write "and"',
    "=": 'write "==" to compare',
    "?": 'write "b if a else c"',
    "|": 'write "or"',
}
"""What to write instead of operators of other languages."""
_Root: TypeAlias = Callable[[ScopeContext], Iterator[object]]


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """A template, or one expression, whose syntax is right. Nothing in it may be changed."""

    source: str
    template: bool
    """Whether the source is a whole template, not one expression without braces."""
    native: bool
    """Whether it gives a native value, not text: an expression, or a template that is one `{{ expr }}` (TPL-1)."""
    root: nodes.Template
    """The AST as it is evaluated; where `found` has problems, as it was parsed."""
    found: Scan
    """What it reads, and what is wrong with it besides syntax."""


def parse_expression(source: str) -> Parsed:
    """One expression without braces; raises `ExpressionError` for the first problem."""
    return _sound(examine(source, False))


def parse_template(source: str) -> Parsed:
    """A string that may hold templates; raises `ExpressionError` for the first problem."""
    return _sound(examine(source, True))


def _sound(parsed: Parsed) -> Parsed:
    if parsed.found.problems:
        first = parsed.found.problems[0]
        raise type(first)(first.message, first.offset, first.hint, first.length)
    return parsed


@lru_cache(_CACHE)
def examine(source: str, template: bool) -> Parsed:
    """Parse; raises `ExpressionError` on bad syntax only, other problems are in `found`."""
    root = _syntax(source, template)
    found = scan(root)
    parsed = Parsed(source, template, not template or _is_single(source, root), root, found)
    if not found.problems:
        Rewriter().visit(root)
        root.set_environment(SANDBOX)
        if any(not isinstance(node, nodes.Output) for node in root.find_all(nodes.Stmt)):
            _try_statements(parsed)
    return parsed


def _syntax(source: str, template: bool) -> nodes.Template:
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"a template has more than {MAX_LENGTH} characters", 0)
    try:
        if template:
            return Parser(SANDBOX, source).parse()
        parser = Parser(SANDBOX, source, state="variable")
        expression = parser.parse_tuple()
        if not parser.stream.eos:
            parser.fail(f"unexpected {parser.stream.current.value!r} after the expression")
        return nodes.Template([nodes.Output([expression], lineno=0)], lineno=0)
    except TemplateSyntaxError as error:
        message = error.message or "syntax error"
        offset = min(len(source) if "end of template" in message else error.lineno, len(source))
        raise ExpressionError(_message(message, template), offset, _HINTS.get(source[offset : offset + 1])) from None


def _message(text: str, template: bool) -> str:
    text = _TAGS.sub(r", expected \1", " ".join(text.split()).rstrip("."))
    text = _QUOTED.sub(r'"\1"', _MISPLACED.sub("unexpected", text))
    for jinja, plain in _TOKENS.items():
        text = text.replace(jinja, plain)
    if not template:
        text = text.replace("end of template", "end of expression")
    return text[:1].lower() + text[1:]


def _is_single(source: str, root: nodes.Template) -> bool:
    text = source.removesuffix("\n")
    if not (text.startswith("{{") and text.endswith("}}")) or len(root.body) != 1:
        return False
    output = root.body[0]
    if not isinstance(output, nodes.Output):
        return False
    rest = output.nodes[1:]
    return not isinstance(output.nodes[0], nodes.TemplateData) and all(
        isinstance(part, nodes.TemplateData) and part.data == "\n" for part in rest
    )


def _try_statements(parsed: Parsed) -> None:
    """Problems that only the generated code shows, such as names that cannot be assigned."""
    try:
        _Compiled(parsed)
    except TemplateSyntaxError as error:
        parsed.found.problems.append(ExpressionError(_message(error.message or "syntax error", True), error.lineno))
    except Exception as error:  # Jinja's generator and Python's compiler raise what they like about odd syntax
        parsed.found.problems.append(ExpressionError(_reason(error), 0))


class _Compiled:
    """The code of one source, made once."""

    __slots__ = ("native", "root")

    def __init__(self, parsed: Parsed) -> None:
        self.native = parsed.native
        namespace: dict[str, object] = {"environment": SANDBOX}
        exec(compile(SANDBOX.compile(parsed.root, raw=True), "<template>", "exec"), namespace)
        self.root = cast(_Root, namespace["root"])

    def run(self, scope: Scope) -> object:
        context = ScopeContext(SANDBOX, scope)
        chunks = self.root(context)
        if not self.native:
            made = joined(chunks)
            return made if isinstance(made, str) else made.unsealed()
        value = next(chunks)
        if isinstance(value, Markup):
            return str(value)
        return unsealed(value) if context.sealed else value


@lru_cache(_CACHE)
def _compiled(source: str, template: bool) -> _Compiled:
    try:
        return _Compiled(_sound(examine(source, template)))
    except ExpressionError as error:
        raise TemplateFailed(f'"{_shown(source)}" is invalid: {error.message}') from None
    except Exception as error:  # the last net under Jinja's generator and Python's compiler
        raise TemplateFailed(f'"{_shown(source)}" is invalid: {_reason(error)}') from error


def evaluate(source: str, scope: Scope) -> object:
    """The native value of one expression without braces, or an undefined value; raises `TemplateFailed`."""
    return _run(source, False, scope)


def render(source: str, scope: Scope) -> object:
    """The value of a string that may hold templates (TPL-1); raises `TemplateFailed`.

    A native value for a single `{{ expr }}`, else a `str`, or a `SecretText` where a secret is part of the text.
    """
    return _run(source, True, scope)


def _run(source: str, template: bool, scope: Scope) -> object:
    compiled = _compiled(source, template)
    try:
        return compiled.run(scope)
    except Exception as error:  # what filters and operators raise depends on the data
        raise TemplateFailed(f'"{_shown(source)}" failed: {_reason(error)}') from error


def render_value(value: ir.Value, scope: Scope) -> object:
    """A tree with each of its templates rendered once (TPL-2); raises `TemplateFailed`.

    The parts are native values and may be shared with the scope: `plain`, `mask` or `open_secrets` makes JSON of them.
    """
    if isinstance(value, ir.Const):
        return value.value
    if isinstance(value, ir.Template):
        return render(value.source, scope)
    if isinstance(value, ir.ListValue):
        return [render_value(item, scope) for item in value.items]
    return {name: render_value(item, scope) for name, item in value.entries}


def _shown(source: str, width: int = 80) -> str:
    line = " ".join(source.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it recurses too deeply"
    if isinstance(error, UndefinedError | SecretMisuse):
        return str(error).rstrip(".")
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


@lru_cache(_CACHE)
def strip_braces(text: str) -> tuple[str, int]:
    """The one expression of a `when`, `loop.in` or `from`, in braces or bare (DOC-8), and its offset in `text`.

    White space around it counts for nothing. Raises `TextAround` where there is other text or a second expression, and
    `ExpressionError` where the braces do not close.

    >>> strip_braces("{{ a + 1 }}")
    ('a + 1', 3)
    """
    bare = text.strip()
    start = len(text) - len(text.lstrip())
    if not bare.startswith(("{{", "{%", "{#")):
        if "{{" in bare and not _is_expression(bare):
            raise TextAround("there is text around the expression", start)
        return bare, start
    if not bare.startswith("{{"):
        raise TextAround("a statement or comment stands where one expression is expected", start)
    return _inside(text, start)


def _is_expression(text: str) -> bool:
    try:
        _syntax(text, False)
    except ExpressionError:
        return False
    return True


def _inside(text: str, start: int) -> tuple[str, int]:
    begin = start
    try:
        for offset, kind, value in SANDBOX.lexer.tokeniter(text[start:], None):
            if kind == "variable_begin":
                begin = start + offset + len(value)
            elif kind == "variable_end":
                end = start + offset
                rest = text[end + len(value.rstrip()) :]
                if rest.strip():
                    after = len(text) - len(rest.lstrip())
                    raise TextAround("there is text or a second expression after the expression", after)
                inner = text[begin:end]
                return inner.strip(), begin + len(inner) - len(inner.lstrip())
    except TemplateSyntaxError as error:
        raise ExpressionError(_message(error.message or "syntax error", False), start + error.lineno) from None
    raise ExpressionError('the expression is not closed by "}}"', len(text))
