"""The `python` tool (TOO-3): binds parameters here, runs the code in a worker process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, TypeAlias

from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING
from noetl.runtime.credentials import HIDDEN
from noetl.runtime.ports import Outcome, ToolCall

from .failure import CallFailed, clean
from .kind import RESPONSE_BYTES, Attempt, KindRunner, Place
from .python_code import Parameter, Program, Signature, read_program
from .python_pool import Pool
from .script import source_text

SHOWN: Final = {"type": 1024, "message": 64 * 1024, "traceback": 256 * 1024}
"""Characters of the parts of an error."""
Lib: TypeAlias = "tuple[str | None, str, str | None]"
"""Name to bind, module, attribute of it; without a name the module is only imported."""


class Python:
    """Runs python code in a pool of warm processes, each call with fresh globals.

    What modules keep may survive from call to call of one process, so code must not count on it, nor on its absence.
    """

    default_timeout: Final = None

    def __init__(self, place: Place) -> None:
        self._place = place
        self._pool = Pool({k: v for k, v in place.environ.items() if not k.startswith(HIDDEN)})

    async def call(self, request: ToolCall, attempt: Attempt) -> Outcome:
        """Run the code once."""
        code = await source_text(request.fields, "code", self._place)
        order = {
            "code": code,
            "file": f"<step {clean(request.step)}>",
            "libs": list(_libs(request.fields.get("libs"))),
            "limit": RESPONSE_BYTES,
            **_bound(read_program(code), request),
        }
        answer: dict[str, Json] = json.loads(await self._pool.run(json.dumps(order).encode(), attempt))
        return Outcome(response=answer.get("value"), error=self._cleaned(answer.get("error")))

    async def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def _cleaned(self, error: Json) -> Json:
        """An error of the worker, its texts fit for JSON; cut after secrets were taken out, so that none is cut."""
        if not isinstance(error, dict):
            return None
        redact = self._place.vault.redactor.text
        return {name: _cut(redact(clean(str(text))), SHOWN[name]) for name, text in error.items()}


def make(place: Place) -> KindRunner:
    """The runner of kind `python`."""
    return Python(place)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}..."


def _bound(program: Program, request: ToolCall) -> dict[str, object]:
    """The part of an order that says what the code is given."""
    if program.form == "main":
        return {"form": "main", "mains": [_arguments(main, request, len(program.mains)) for main in program.mains]}
    # All args, as code may spell a name where no reading of it finds it: eval(formula), globals()["name"].
    given = dict(request.args)
    given |= {name: value for name in sorted(program.reads) if (value := _find(name, request)) is not MISSING}
    return {"form": program.form, "names": given, "result": program.assigns_result}


def _arguments(main: Signature, request: ToolCall, mains: int) -> dict[str, object]:
    """What a `main` is called with: found values by name, positional-only ones as pairs, the rest to `**kwargs`.

    The only one fails before the code runs where a value is missing; of several the worker knows which one counts.
    """
    found: dict[str, object] = {}
    missing: list[Parameter] = []
    for parameter in main.parameters:
        value = _find(parameter.name, request)
        if value is not MISSING:
            found[parameter.name] = value
        elif parameter.required:
            missing.append(parameter)
    if len(missing) == 1:
        found[missing.pop().name] = dict(request.args)
    if missing:
        names = ", ".join(f'"{parameter.name}"' for parameter in missing)
        message = f"main() is missing a value for {names}"
        if mains == 1:
            raise CallFailed("TypeError", message)
        return {"line": main.line, "missing": message}
    only = [p.name for p in main.parameters if p.positional_only]
    if main.takes_any:
        known = {p.name for p in main.parameters}
        found.update({name: value for name, value in request.args.items() if name not in known})
    return {
        "line": main.line,
        "positional": [[name, name in found, found.get(name)] for name in only],
        "keywords": {name: value for name, value in found.items() if name not in only},
    }


def _find(name: str, request: ToolCall) -> object:
    """What code gets for a name: from the args, the roots, or all of the args or roots; MISSING if nothing has it."""
    if name in request.args:
        return request.args[name]
    value = request.names(name)
    if value is MISSING and name == "input_data":
        return dict(request.args)
    if value is MISSING and name == "context":
        roots = {root: request.names(root) for root in request.root_names()}
        return {root: held for root, held in roots.items() if held is not MISSING}
    return value


def _libs(libs: object) -> Iterator[Lib]:
    """Every lib of `{name: module}`, `{name: {from: module, import: attribute}}`, or a list of modules and maps."""
    match libs:
        case None:
            return
        case dict():
            for name, module in libs.items():
                yield _lib(str(name), module)
        case list():
            for entry in libs:
                if isinstance(entry, str):  # as `import a.b` does: the name that is bound is `a`
                    yield None, entry, None
                    yield entry.partition(".")[0], entry.partition(".")[0], None
                else:
                    yield from _libs(entry)
        case _:
            raise CallFailed("TypeError", '"libs" is a map of names to modules, or a list of modules')


def _lib(name: str, module: object) -> Lib:
    match module:
        case None:
            return name, name, None
        case str():
            return name, module, None
        case {"from": str(source), "import": str(attribute)}:
            return name, source, attribute
    raise CallFailed("TypeError", f'lib "{name}" is a module name or {{from: module, import: name}}')
