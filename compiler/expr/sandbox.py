"""The Jinja environment of playbooks: immutable, without chance, keys before methods, bounded (TPL-3, TPL-4, TPL-6).

Filters and tests are Jinja2's own with few changes: those that give a lazy iterator give a list, `random` is refused,
`b64encode` and `b64decode` are added, and what could make a huge value from a small text has a bound.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Final, Protocol, cast

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import FILTERS, do_pprint, do_tojson, make_attrgetter
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, Macro
from jinja2.runtime import Undefined as JinjaUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Cycler, Joiner, Namespace, missing, pass_context, pass_environment, pass_eval_context

from noetl.compiler.secrets import Reference, Sealed, SecretMisuse, SecretNames
from noetl.compiler.values import MISSING, Undefined, View, plain

from . import bounds
from .lexer import OffsetLexer
from .methods import formattable, method

NOW: Final = "now()"
"""What `Scope.lookup` is asked for by `now()`: the time as ISO 8601 text (TPL-6). No name of a playbook can be this."""

LAZY: Final = frozenset(
    ("batch", "items", "map", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "unique")
)
"""Filters of Jinja2 that give an iterator; here they give a list."""
REFUSED: Final = frozenset(("random", "lipsum"))
"""Sources of chance (TPL-3)."""
CALLED: Final = "called"
"""The context of an attribute that is called: it may be a method."""


class Scope(Protocol):
    """Where a template finds its names."""

    def lookup(self, name: str) -> object:
        """The value bound to `name`, or `MISSING`. Asked for `NOW` when a template calls `now()`."""
        ...


class ScopeContext(Context):
    """Jinja's context over a `Scope`; a name is looked up only when the template reads it."""

    def __init__(self, environment: Sandbox, scope: Scope) -> None:
        self.environment = environment
        self.scope = scope
        self.sealed = False
        """Whether the template was given something that is, or may hold, a secret."""
        self.parent = {}
        self.vars = {}
        self.exported_vars = set()
        self.globals_keys = set()
        self.blocks = {}
        self.name = None
        self.eval_ctx = environment.eval_context

    def resolve_or_missing(self, key: str) -> object:
        """What the template itself has set, else what the scope has."""
        if key in self.vars:
            return self.vars[key]
        found = self.scope.lookup(key)
        if isinstance(found, Sealed | SecretNames) or key == "steps":
            self.sealed = True
        return missing if found is MISSING else found

    def derived(self, locals: Mapping[str, object] | None = None) -> ScopeContext:
        """The same context with the template's local names."""
        made = ScopeContext(cast(Sandbox, self.environment), self.scope)
        made.vars = {**self.vars, **{k: v for k, v in (locals or {}).items() if v is not missing}}
        return made


class Generator(NativeCodeGenerator):
    """Generates code that yields values, not their text, and that computes nothing at compile time."""

    def _output_child_to_const(self, node: nodes.Expr, _frame: Frame, _finalize: CodeGenerator._FinalizeInfo) -> str:
        if isinstance(node, nodes.TemplateData):
            return node.data
        raise nodes.Impossible

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 (Jinja's name)
        """`a.b`, and what is called by `a.b()`."""
        self.write(f"environment.{'callee' if node.ctx == CALLED else 'getattr'}(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r})")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 (Jinja's name)
        """`a ~ b`, by the same joining as the text around expressions."""
        self.write("environment.concat((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Sandbox(ImmutableSandboxedEnvironment):
    """The one environment; see the module."""

    code_generator_class = Generator
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self) -> None:
        super().__init__(undefined=Undefined, optimized=False, keep_trailing_newline=True, cache_size=0)
        self._lexer = OffsetLexer(self)
        self.eval_context = EvalContext(self)
        self.absent = Undefined(hint='a conditional expression without "else" has no value')
        self.functions: dict[str, Callable[..., object]] = {
            "cycler": Cycler,
            "dict": dict,
            "joiner": Joiner,
            "namespace": Namespace,
            "range": bounds.sized_range,
        }
        self.globals.clear()
        self.filters = _filters()
        self.tests = {**TESTS, "in": contains}
        self.policies["json.dumps_function"] = _dumps

    @property
    def lexer(self) -> OffsetLexer:
        """The lexer whose line numbers are offsets."""
        return self._lexer

    @staticmethod
    def concat(values: Iterable[object]) -> str | Sealed:  # type: ignore[override]
        """The values as one text."""
        return joined(values)

    def getattr(self, obj: object, attribute: str) -> object:
        """`obj.attribute` and `obj["attribute"]` as a value: of a map a key, never a method (TPL-3)."""
        found = self.callee(obj, attribute)
        if isinstance(obj, Mapping) and isinstance(found, _FUNCTIONS):
            return Undefined(obj=obj, name=attribute)
        return found

    def callee(self, obj: object, attribute: str) -> object:
        """What is called by `obj.attribute()`: a key first, then a method (TPL-3)."""
        if type(obj) is dict:
            if attribute in obj:
                return obj[attribute]
        elif isinstance(obj, View):
            found = obj.read(attribute)
            if found is not MISSING:
                return found
        elif isinstance(obj, JinjaUndefined):
            return obj
        elif isinstance(obj, SecretNames | Reference):
            return obj.read(attribute)
        elif isinstance(obj, Sealed):
            raise SecretMisuse
        elif isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return self._method(obj, attribute)

    def _method(self, obj: object, name: str) -> object:
        found = method(self, obj, name)
        return Undefined(obj=obj, name=name) if found is MISSING else found

    def getitem(self, obj: object, argument: object) -> object:
        """`obj[argument]` for an argument that is computed or no string: an item only, never a method."""
        if isinstance(obj, SecretNames):
            if not isinstance(argument, str):
                raise SecretMisuse
            return obj.read(argument)
        if isinstance(obj, JinjaUndefined):
            return obj
        try:
            return obj[argument]  # type: ignore[index]
        except (TypeError, LookupError):
            if isinstance(obj, tuple) and argument in ("grouper", "list"):  # as in map(attribute="grouper")
                return self._method(obj, str(argument))
            return Undefined(obj=obj, name=str(argument) if isinstance(argument, str | int) else None)

    def call_binop(self, _context: Context, operator: str, left: object, right: object) -> object:
        """The operators whose result could be huge."""
        bounds.check_operator(operator, left, right)
        if operator == "%" and isinstance(left, str):
            return left % (tuple(map(formattable, right)) if isinstance(right, tuple) else formattable(right))
        return self.binop_table[operator](left, right)


def text(value: object) -> str | Sealed:
    """A value as it stands in text (TPL-1): `str` of its JSON value, null as `None`, undefined as nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sealed):
        return value
    if isinstance(value, JinjaUndefined):
        return ""
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, Macro | SecretNames):
        raise SecretMisuse if isinstance(value, SecretNames) else TypeError("a macro is not a value")
    return str(plain(value))


def joined(values: Iterable[object]) -> str | Sealed:
    """The values as one text; a secret among them keeps it sealed."""
    pieces: list[str | Sealed] = []
    size = 0
    for value in values:
        piece = value if type(value) is str else text(value)
        if not isinstance(piece, Sealed):
            size += len(piece)
            bounds.check_text(size)
        pieces.append(piece)
    if not any(isinstance(piece, Sealed) for piece in pieces):
        return "".join(cast("list[str]", pieces))
    made = Sealed(())
    for piece in pieces:
        made = made + piece
    return made


def contains(value: object, container: object) -> bool:
    """`value in container`; an undefined value is in nothing and nothing is in it (TPL-4)."""
    if isinstance(value, JinjaUndefined):
        return False
    if isinstance(value, Sealed):
        raise SecretMisuse
    return value in container  # type: ignore[operator]


def _listed(filter_: Callable[..., object]) -> Callable[..., object]:
    @wraps(filter_)
    def eager(*args: object, **kwargs: object) -> object:
        made = filter_(*args, **kwargs)
        return made if isinstance(made, str) else list(cast("Iterable[object]", made))

    return eager


def _dumps(value: object, **options: object) -> str:
    bounds.check_width(options.get("indent"))
    return json.dumps(
        plain(value), sort_keys=bool(options.get("sort_keys")), indent=cast("int | None", options.get("indent"))
    )


def _open_text(value: object) -> str:
    made = text(value)
    if isinstance(made, Sealed):
        raise SecretMisuse
    return made


def _b64encode(value: object) -> str | Sealed:
    made = text(value)
    return made.encoded() if isinstance(made, Sealed) else b64encode(made.encode()).decode()


def _b64decode(value: object) -> str:
    return b64decode("".join(_open_text(value).split()), validate=True).decode()


@pass_environment
def _join(
    environment: Sandbox, value: Iterable[object], d: object = "", attribute: str | int | None = None
) -> str | Sealed:
    items = value if attribute is None else map(make_attrgetter(environment, attribute), value)
    pieces: list[object] = []
    for item in items:
        pieces += (d, item)
    return joined(pieces[1:])


def _replace(value: object, old: object, new: object, count: int | None = None) -> str:
    return bounds.replaced(_open_text(value), _open_text(old), _open_text(new), -1 if count is None else count)


def _format(value: object, *args: object, **kwargs: object) -> object:
    if args and kwargs:
        raise TypeError("format takes positional or keyword arguments, not both")
    pattern = _open_text(value)
    bounds.check_percent(pattern, *args)
    if kwargs:
        return pattern % {name: formattable(item) for name, item in kwargs.items()}
    return pattern % tuple(map(formattable, args))


def _pprint(value: object) -> str:
    return do_pprint(plain(value))


@pass_eval_context
def _tojson(eval_context: EvalContext, value: object, indent: int | None = None) -> str:
    # as plain text: Markup, which Jinja gives, would escape what is joined to it with "+"
    return str(do_tojson(eval_context, value, indent))


def _slice(value: object, start: object = None, stop: object = None, step: object = None) -> object:
    if isinstance(value, JinjaUndefined):
        return value
    return value[slice(start, stop, step)]  # type: ignore[index]


@pass_context
def _now(context: ScopeContext, _nothing: object) -> object:
    found = context.scope.lookup(NOW)
    if found is MISSING:
        raise LookupError("now() is not known here")
    return found


def _filters() -> dict[str, Callable[..., object]]:
    made: dict[str, Callable[..., object]] = {k: v for k, v in FILTERS.items() if k not in REFUSED}
    for name in LAZY:
        made[name] = _listed(made[name])
    for name, argument in bounds.WIDTHS.items():
        made[name] = bounds.narrow(made[name], argument)
    made |= {
        "b64decode": _b64decode,
        "b64encode": _b64encode,
        "format": _format,
        "join": _join,
        "replace": _replace,
        "pprint": _pprint,
        "string": text,
        "tojson": _tojson,
        "(now)": _now,
        "(slice)": _slice,
    }
    return {name: function if name in _SEALABLE else _guarded(function) for name, function in made.items()}


_SEALABLE: Final = frozenset(("b64encode", "d", "default", "join", "string"))
"""Filters that a secret may pass through."""
_FUNCTIONS: Final = (BuiltinFunctionType, FunctionType, MethodType, Macro, Cycler, Joiner, type)


def _as_map(value: object) -> object:
    """A view that acts like its map, as that map, which Jinja's filters know; a view of rows stays."""
    return value.value if isinstance(value, View) and value.kind != "sql" else value


def _guarded(filter_: Callable[..., object]) -> Callable[..., object]:
    """The filter, refusing secrets and functions, of which Jinja's filters would take the text of `repr`."""

    @wraps(filter_)
    def guarded(*args: object, **kwargs: object) -> object:
        for value in args:
            if isinstance(value, Sealed):
                raise SecretMisuse
            if isinstance(value, _FUNCTIONS):
                raise TypeError("a function is not a value")
        return filter_(*map(_as_map, args), **kwargs)

    return guarded


SANDBOX: Final = Sandbox()
