"""The process that runs python code for `python.py`. Started as a script; answers one message after the other.

It imports little, because the first call waits for it. Messages are JSON after a length of eight bytes, on a socket
whose number is the only argument, so that nothing that code prints can be taken for an answer.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from _thread import start_new_thread
from contextlib import suppress
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, TextIO, cast

from noetl.compiler.jsonable import NotSerializable, to_json

if TYPE_CHECKING:
    import ast
    from collections.abc import Awaitable, Callable

MODULE = "noetl_step"
"""The name under which code finds its own module."""
BODY = "<module>"
KEPT_CODES = 256
MESSAGE_CHARACTERS = 16 * 1024 * 1024
"""Characters of a message that cross to the other process, which cuts it to a readable length once it has no secret."""
FRAMES = 20
"""So many frames are shown at each end of a traceback."""
_codes: dict[tuple[str, str, str], CodeType] = {}


def serve(number: int) -> None:
    """Answer messages until the other side goes away."""
    os.set_inheritable(number, False)
    start_new_thread(_watch, (number,))
    sys.argv = [""]
    home, pid = os.open(".", os.O_RDONLY), os.getpid()  # a handle, because a folder can be deleted
    environ, path = dict(os.environ), list(sys.path)
    with open(number, "rb", closefd=False) as questions, open(number, "wb", closefd=False) as answers:
        answers.write(bytes(8))  # an empty message: ready
        answers.flush()
        while len(head := questions.read(8)) == 8:
            answer = _answer(json.loads(questions.read(int.from_bytes(head, "big"))))
            if os.getpid() != pid:
                os._exit(0)  # a child that the code forked, and that came back out of it
            answers.write(len(answer).to_bytes(8, "big") + answer)
            answers.flush()
            _restore(home, environ, path)


def _watch(number: int) -> None:
    """When the other side is gone, end with every child, whatever the code is doing."""
    poll = select.poll()
    poll.register(number, 0)
    poll.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _restore(home: int, environ: dict[str, str], path: list[str]) -> None:
    """Undo what a call did to the process that the next one would notice first."""
    sys.path[:] = path
    if dict(os.environ) != environ:
        os.environ.clear()
        os.environ.update(environ)
    os.fchdir(home)


def _answer(order: dict[str, object]) -> bytes:
    sys.stdout, sys.stderr = _stream(1), _stream(2)
    module = sys.modules[MODULE] = ModuleType(MODULE)
    file, code = str(order["file"]), str(order["code"])
    try:
        answer = _encoded({"value": to_json(_run(order, file, code, module.__dict__))})
        limit = cast("int", order["limit"])
        return (
            answer if len(answer) <= limit else _failed("LimitExceeded", f"the response is larger than {limit} bytes")
        )
    except NotSerializable as error:
        return _failed("NotSerializable", str(error))
    except BaseException as error:  # SystemExit and KeyboardInterrupt end the call, not the process
        return _failed(type(error).__name__, _message(error), traceback=_traceback(error, file, code))
    finally:
        sys.modules.pop(MODULE, None)
        for stream in (sys.stdout, sys.stderr):
            with suppress(BaseException):  # code may have closed or replaced it
                stream.flush()


def _stream(number: int) -> TextIO:
    return open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _encoded(answer: object) -> bytes:
    return json.dumps(answer, allow_nan=False).encode()


def _failed(kind: str, message: str, **more: str) -> bytes:
    return _encoded({"error": {"type": kind, "message": message, **more}})


def _run(order: dict[str, object], file: str, code: str, space: dict[str, object]) -> object:
    space.update(cast("dict[str, object]", order.get("names", {})))
    for name, module, attribute in cast("list[tuple[str | None, str, str | None]]", order["libs"]):
        loaded = _imported(module, attribute)
        if name is not None:
            space[name] = loaded
    form = str(order["form"])
    exec(_compiled(form, file, code), space)
    if form == "main":
        return _called(space, file, cast("list[dict[str, object]]", order["mains"]))
    if form == "returns":
        value = cast("Callable[[], object]", space.pop(BODY))()
        if value is not None:
            return value
    return space.get("result") if order["result"] else None


def _imported(module: str, attribute: str | None) -> object:
    if attribute is None:
        __import__(module)
        return sys.modules[module]
    loaded = __import__(module, fromlist=[attribute])
    try:
        return getattr(loaded, attribute)
    except AttributeError:
        raise ImportError(f'cannot import name "{attribute}" from "{module}"') from None


def _called(space: dict[str, object], file: str, mains: list[dict[str, object]]) -> object:
    """What `main` answers: whatever the code has made of that name, with the values for its definition."""
    if "main" not in space:
        raise NameError("the code has run without defining main()")
    main = cast("Callable[..., object]", space["main"])
    line = _line_of(main, file)
    values = next((one for one in mains if one["line"] == line), mains[-1])
    if "missing" in values:
        raise TypeError(values["missing"])
    given = cast("list[tuple[str, bool, object]]", values["positional"])
    while given and not given[-1][1]:
        given.pop()
    positional = [value if found else _default(main, name) for name, found, value in given]
    answer = main(*positional, **cast("dict[str, object]", values["keywords"]))
    if not hasattr(answer, "__await__"):
        return answer
    import asyncio

    async def awaited() -> object:
        return await cast("Awaitable[object]", answer)

    return asyncio.run(awaited())


def _line_of(function: object, file: str) -> int | None:
    """Where the code defines a function, under what decorators made of it; None if it comes from elsewhere."""
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    made = getattr(function, "__code__", None)
    return made.co_firstlineno if isinstance(made, CodeType) and made.co_filename == file else None


def _default(main: Callable[..., object], name: str) -> object:
    import inspect

    return inspect.signature(main).parameters[name].default


def _compiled(form: str, file: str, code: str) -> CodeType:
    key = (form, file, code)
    if key not in _codes:
        if len(_codes) >= KEPT_CODES:
            _codes.clear()
        _codes[key] = _wrapped(code, file) if form == "returns" else compile(code, file, "exec", dont_inherit=True)
    return _codes[key]


def _wrapped(code: str, file: str) -> CodeType:
    """Code with a `return` of its own, as a function whose names are all global, so that it runs as without one."""
    import ast

    class Unannotated(ast.NodeTransformer):
        """An annotated name cannot be declared global; the names of inner scopes are left alone."""

        def leave(self, node: ast.AST) -> ast.AST:
            return node

        visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = leave  # noqa: N815

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            made = ast.Assign([node.target], node.value) if node.value else ast.Pass()
            return ast.copy_location(made, node) if isinstance(node.target, ast.Name) else node

    tree = ast.parse(code, file)
    body = [cast("ast.stmt", Unannotated().visit(statement)) for statement in tree.body]
    start = next(i for i, s in enumerate(body) if not _stays_first(i, s))
    function = cast("ast.FunctionDef", ast.parse(f"def {MODULE}(): pass", file).body[0])
    function.name, function.body = BODY, body[start:]
    tree.body = [*body[:start], function]
    whole = compile(tree, file, "exec", dont_inherit=True)
    inner = next(c for c in whole.co_consts if isinstance(c, CodeType) and c.co_name == BODY)
    names = sorted({n for n in (*inner.co_varnames, *inner.co_cellvars) if n.isidentifier()})
    if names:
        function.body.insert(0, ast.fix_missing_locations(ast.Global(names, lineno=1, col_offset=0)))
    return compile(tree, file, "exec", dont_inherit=True)


def _stays_first(index: int, statement: ast.stmt) -> bool:
    """Whether a statement has to stay at the beginning of a module: its docstring, and imports from `__future__`."""
    import ast

    future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
    return future or (index == 0 and isinstance(statement, ast.Expr))


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # the class is the code's own
        return "(an error without a readable message)"
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[:MESSAGE_CHARACTERS]}..."


def _traceback(error: BaseException, file: str, code: str) -> str:
    """The error and those that led to it, with the frames of the code itself: the same text on every machine."""
    lines, link = code.splitlines(), ""
    parts: list[str] = []
    seen: set[int] = set()
    shown: BaseException | None = error
    while shown is not None and id(shown) not in seen and len(seen) < FRAMES:
        seen.add(id(shown))
        message = _message(shown)
        words = f"{type(shown).__name__}: {message}" if message else type(shown).__name__
        parts.append(f"{_frames(shown, file, lines)}{words}\n{link}")
        if shown.__cause__ is not None:
            shown, link = shown.__cause__, "\nThe above exception was the direct cause of the following exception:\n\n"
        else:
            shown = None if shown.__suppress_context__ else shown.__context__
            link = "\nDuring handling of the above exception, another exception occurred:\n\n"
    return "".join(reversed(parts))


def _frames(error: BaseException, file: str, lines: list[str]) -> str:
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            places.append(_place(file, trace.tb_lineno, lines, f", in {trace.tb_frame.f_code.co_name}"))
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == file:
        places.append(_place(file, error.lineno or 1, lines, ""))
    if len(places) > 2 * FRAMES:
        places[FRAMES:-FRAMES] = [f"  ... {len(places) - 2 * FRAMES} more frames\n"]
    return "".join(["Traceback (most recent call last):\n", *places]) if places else ""


def _place(file: str, number: int, lines: list[str], where: str) -> str:
    source = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return f'  File "{file}", line {number}{where}\n' + (f"    {source}\n" if source else "")


if __name__ == "__main__":
    try:
        serve(int(sys.argv[1]))
    except OSError:  # code closed what was not its own; where that happened is no news for its author
        os._exit(1)
