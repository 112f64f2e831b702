"""The python tool on real worker processes (TOO-3, TOO-9, VAL-1)."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pytest

from noetl.compiler.ir import Json
from noetl.runtime.ports import Outcome

from .calls import run_calls
from .python_calls import failed, python, responses


def test_parameters_come_from_args_then_roots_then_defaults() -> None:
    main = "def main(a, b=2, *, c=3): return [a, b, c]"
    assert responses(
        python(main, {"a": 1}),
        python(main, {"a": 1, "b": None}, roots={"b": 5, "c": 6}),
        python(main, {}, roots={"a": {"x": [1]}}),
        python("def main(workload, x): return [workload, x]", {"x": 1}, roots={"workload": {"w": 1}, "x": 2}),
        python("def main(a, b=5, c=7, /): return [a, b, c]", {"a": 1, "c": 9}),
    ) == [[1, 2, 3], [1, None, 6], [{"x": [1]}, 2, 3], [{"w": 1}, 1], [1, 5, 9]]


def test_input_data_or_one_unmatched_parameter_is_all_args() -> None:
    args = {"a": 1, "b": None}
    assert responses(
        python("def main(input_data): return input_data", args),
        python("def main(input_data=None): return input_data", args),
        python("def main(whatever): return whatever", args),
        python("def main(a, whatever, c=3): return [a, whatever, c]", args),
        python("def main(x): return x"),
        python("def main(input_data): return input_data", {"input_data": {"own": 1}}),
        python("result = input_data", args),
    ) == [args, args, args, [1, args, 3], {}, {"own": 1}, args]


def test_two_unmatched_parameters_are_a_type_error() -> None:
    (outcome,) = run_calls(python("def main(a, b, c): return 1", {"b": 1}))
    assert failed(outcome) == {"type": "TypeError", "message": 'main() is missing a value for "a", "c"'}


def test_keywords_take_the_args_that_are_left() -> None:
    assert responses(
        python("def main(a, **more): return [a, more]", {"a": 1, "b": 2, "not a name": 3}, roots={"c": 4}),
        python("def main(*rest, **more): return [list(rest), more]", {"a": 1}),
    ) == [[1, {"b": 2, "not a name": 3}], [[], {"a": 1}]]


def test_context_is_the_scope() -> None:
    roots: dict[str, Json] = {"workload": {"a": 1}, "x": [1], "a/b": None}
    assert responses(
        python("def main(context): return context", roots=roots),
        python("result = context['a/b'], sorted(context)", roots=roots),
        python("def main(context): return context", {"context": "own"}, roots=roots),
    ) == [roots, [None, ["a/b", "workload", "x"]], "own"]


def test_bare_code_sees_the_same_names_as_globals() -> None:
    assert responses(
        python("def f():\n    return a + b\nresult = f()", {"a": 1}, roots={"b": 2}),
        python("a += 1\nresult = a", {"a": 1}),
        python("result = [x for x in xs if x > limit]", {"xs": [1, 2, 3]}, roots={"limit": 1}),
        python("print(result)", {"result": 5}),
        python("assert result['ok']\nresult = {'was': result}", {"result": {"ok": True}}),
        python("x = 1"),
        python("if False:\n    result = 1", roots={"result": 7}),
    ) == [3, 2, [2, 3], None, {"was": {"ok": True}}, None, None]


def test_a_name_that_nothing_has_is_a_name_error() -> None:
    (outcome,) = run_calls(python("result = nothing"))
    assert failed(outcome)["type"] == "NameError"


RETURNS = '''"""About this."""
from __future__ import annotations
import json
limit: int = 2
note: str
class Box:
    size: int = 3
def twice(x: int) -> int:
    return x * factor
factor = 2
try:
    1 / 0
except ZeroDivisionError as error:
    seen = str(error)
for item in items:
    if item > limit:
        return {"item": twice(item), "seen": seen, "size": Box.size, "name": __name__, "all": [i for i in items]}
else:
    result = "none"
'''


def test_bare_code_may_return() -> None:
    assert responses(
        python(RETURNS, {"items": [1, 2, 3]}),
        python(RETURNS, {"items": []}),
        python("result = 1\nreturn"),
        python("return 0"),
    ) == [{"item": 6, "seen": "division by zero", "size": 3, "name": "noetl_step", "all": [1, 2, 3]}, "none", 1, 0]


def test_main_is_called_whatever_else_the_code_does() -> None:
    assert responses(
        python("result = 'no'\ndef main(): return 'yes'\nif __name__ == '__main__': raise ValueError"),
        python("import asyncio\nasync def main(x):\n    await asyncio.sleep(0)\n    return x + 1", {"x": 1}),
        python("import functools\n@functools.lru_cache\ndef main(a, b=2): return [a, b]", {"a": 1}),
    ) == ["yes", 2, [1, 2]]


BRANCHES = "if {}:\n    def main(x): return ['first', x]\nelse:\n    def main(y, z): return ['second', y, z]"


def test_the_main_that_the_code_has_defined_counts() -> None:
    fallback = "try:\n    import {}\nexcept ImportError:\n    def main(y): return 'fallback'"
    assert responses(
        python(BRANCHES.format("True"), {"x": 1}),
        python(BRANCHES.format("False"), {"y": 1, "z": 2}),
        python("def main(x): return x\n" + fallback.format("json"), {"x": 1}),
        python("def main(x): return x\n" + fallback.format("no_such_module"), {"y": 1}),
        python(
            "import functools\n" + BRANCHES.replace("    def", "    @functools.cache\n    def").format("1"), {"x": 1}
        ),
        python("from posixpath import basename\nif 1:\n    main = basename\nelse:\n    def main(p): pass", {"p": "/a"}),
    ) == [["first", 1], ["second", 1, 2], 1, "fallback", ["first", 1], "a"]


def test_a_main_that_was_not_defined_or_lacks_a_value_is_an_error() -> None:
    lacking, none = run_calls(python(BRANCHES.format("False"), {"x": 1}), python("if 0:\n    def main(): return 1"))
    assert failed(lacking)["type"] == "TypeError"
    assert failed(lacking)["message"] == 'main() is missing a value for "y", "z"'
    assert failed(none)["type"] == "NameError"
    assert failed(none)["message"] == "the code has run without defining main()"


def test_libs_bind_modules() -> None:
    assert responses(
        python("result = json.dumps([1])", libs={"json": "json"}),
        python("result = now.__name__", libs={"now": {"from": "datetime", "import": "datetime"}}),
        python("result = path.__name__", libs={"path": {"from": "os", "import": "path"}}),
        python("result = os.path.basename('/a/b')", libs=["os.path"]),
        python(
            "result = [math.floor(2.5), e.upper()]", libs=["math", {"e": {"from": "string", "import": "ascii_letters"}}]
        ),
        python("def main(): return random.Random(1).random() < 1", roots={"random": 5}, libs={"random": None}),
        python("result = 1", libs={}),
    ) == ["[1]", "datetime", "posixpath", "b", [2, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ"], True, 1]


def test_libs_that_are_not_there() -> None:
    outcomes = run_calls(
        python("result = 1", libs={"x": "no_such_module_here"}),
        python("result = 1", libs={"x": {"from": "json", "import": "nothing"}}),
        python("result = 1", libs={"x": 5}),
        python("result = 1", libs="json"),
    )
    assert [failed(o)["type"] for o in outcomes] == ["ModuleNotFoundError", "ImportError", "TypeError", "TypeError"]


def test_values_go_in_and_come_back_unchanged() -> None:
    value = {
        "big": 2**70,
        "deep": [[[{}]]],
        "float": 0.1,
        "int": 1,
        "one": 1.0,
        "text": "{{ x }} {% y %} \" ' \\ \n\t\u2028 \U0001f600",
        "null": None,
        "b": True,
        "": "",
        "z": 1,
        "a": 2,
    }
    (back,) = responses(python("def main(v): return v", {"v": value}))
    assert back == value
    assert isinstance(back, dict)
    assert list(back) == list(value)
    assert [type(v) for v in back.values()] == [type(v) for v in value.values()]


def test_python_values_become_json() -> None:
    code = """
import datetime, decimal, pathlib, uuid
result = {
    "when": datetime.datetime(2026, 1, 2, 3, 4, 5), "day": datetime.date(2026, 1, 2), "at": datetime.time(1, 2),
    "id": uuid.UUID(int=1), "path": pathlib.Path("a/b"), "pair": (1, 2), "set": {3, 1, 2},
    "whole": decimal.Decimal("2.0"), "part": decimal.Decimal("2.5"), 1: "int", None: "null", False: "false",
}
"""
    assert responses(python(code)) == [
        {
            "when": "2026-01-02T03:04:05",
            "day": "2026-01-02",
            "at": "01:02:00",
            "id": "00000000-0000-0000-0000-000000000001",
            "path": "a/b",
            "pair": [1, 2],
            "set": [1, 2, 3],
            "whole": 2,
            "part": 2.5,
            "1": "int",
            "null": "null",
            "false": "false",
        }
    ]


@pytest.mark.parametrize(
    "value",
    [
        "float('nan')",
        "float('inf')",
        "1e400",
        "'a\\0b'",
        "'\\ud800'",
        "{'a': ['\\udfff']}",
        "b'x'",
        "object()",
        "{1: 'a', '1': 'b'}",
        "{(1, 2): 'a'}",
        "10 ** 5000",
        "(i for i in [])",
        "loop",
        "deep",
    ],
)
def test_what_is_not_json_is_a_failed_call(value: str) -> None:
    setup = "loop = []\nloop.append(loop)\ndeep = []\nfor _ in range(100_000):\n    deep = [deep]\n"
    broken, after = run_calls(python(f"{setup}result = {value}"), python("result = 'still here'"))
    assert failed(broken)["type"] == "NotSerializable"
    assert after.response == "still here"


def test_an_exception_has_type_message_and_the_frames_of_the_code() -> None:
    code = "import json\ndef main(text):\n    try:\n        return json.loads(text)\n    except ValueError as e:\n"
    code += "        raise KeyError('no ä') from e\n"
    (outcome,) = run_calls(python(code, {"text": "{"}, step="a b/c"))
    error = failed(outcome)
    assert (error["type"], error["message"]) == ("KeyError", "'no ä'")
    assert error["traceback"] == (
        "Traceback (most recent call last):\n"
        '  File "<step a b/c>", line 4, in main\n'
        "    return json.loads(text)\n"
        "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n"
        "\nThe above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "<step a b/c>", line 6, in main\n'
        "    raise KeyError('no ä') from e\n"
        "KeyError: 'no ä'\n"
    )


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("x = (", "SyntaxError", "'(' was never closed (<step s>, line 1)"),
        ("def main():\n    return 1\nreturn 2", "SyntaxError", "'return' outside function (<step s>, line 3)"),
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("import sys\nsys.exit()", "SystemExit", ""),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        (
            "class Odd(BaseException):\n    def __str__(self): raise self\nraise Odd",
            "Odd",
            "(an error without a readable message)",
        ),
        ("raise ValueError('a\\0\\ud800')", "ValueError", "a\\x00\\ud800"),
        ("assert 1 == 2, 'no'", "AssertionError", "no"),
        ("input()", "EOFError", "EOF when reading a line"),
        ("def f(): f()\nf()", "RecursionError", "maximum recursion depth exceeded"),
        ("async def main():\n    raise OSError(2, 'gone')", "FileNotFoundError", "[Errno 2] gone"),
    ],
)
def test_errors_end_the_call_and_not_the_worker(code: str, kind: str, message: str) -> None:
    first, broken, after = run_calls(
        python("import os\nresult = os.getpid()"), python(code), python("import os\nresult = os.getpid()")
    )
    error = failed(broken)
    assert (error["type"], error["message"]) == (kind, message)
    assert isinstance(error["traceback"], str)
    assert len(error["traceback"]) < 10_000
    assert os.path.dirname(os.__file__) not in error["traceback"]
    assert after.response == first.response


def test_prints_are_kept_apart_from_the_answer() -> None:
    code = """
import os, subprocess, sys
print("to stdout")
print("to stderr", file=sys.stderr)
os.write(1, b"to fd 1\\n")
subprocess.run(["sh", "-c", "echo from a child; echo and its errors >&2"])
os.write(1, (8).to_bytes(8, "big") + b'{"a": 1}\\n')
print("odd \\ud800 \\0")
result = 1
"""
    outcome, silent = run_calls(python(code), python("result = 2"))
    assert outcome.response == 1
    assert outcome.stdout.splitlines()[:3] == ["to stdout", "to fd 1", "from a child"]
    assert outcome.stdout.endswith("odd \\ud800 \\x00\n")
    assert outcome.stderr == "to stderr\nand its errors\n"
    assert (silent.stdout, silent.stderr) == ("", "")


def test_a_flood_of_prints_and_a_large_answer() -> None:
    flood, large, too_large, after = run_calls(
        python("for _ in range(2000): print('x' * 999)\nresult = 'done'"),
        python("result = 'y' * 5_000_000"),
        python("result = 'z' * (64 * 1024 * 1024)"),
        python("def main(v): return len(v)", {"v": "w" * 5_000_000}),
    )
    assert flood.response == "done"
    assert len(flood.stdout) < 70_000
    assert flood.stdout.endswith("\n... 1934464 more bytes\n")
    assert large.response == "y" * 5_000_000
    assert failed(too_large)["type"] == "LimitExceeded"
    assert after.response == 5_000_000


def test_each_call_has_fresh_globals_and_surroundings(tmp_path: Path) -> None:
    dirty = """
import builtins, os, sys
leak = 1
os.chdir(folder)
os.environ["LEAK"] = "1"
sys.path.insert(0, folder)
sys.stdout.close()
sys.stdout = None
result = os.getpid()
"""
    look = """
import os, sys
print("seen")
result = [os.getpid(), "leak" in globals(), os.getcwd() == folder, "LEAK" in os.environ, folder in sys.path]
"""
    first, second = run_calls(python(dirty, {"folder": str(tmp_path)}), python(look, {"folder": str(tmp_path)}))
    assert second.response == [first.response, False, False, False, False]
    assert second.stdout == "seen\n"


def test_a_current_folder_that_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert responses(python("result = 1"), python("result = 2")) == [1, 2]


def test_the_current_folder_is_no_place_for_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the current folder')")
    monkeypatch.chdir(tmp_path)
    assert responses(python("import json, http.client\nresult = json.dumps(1)")) == ["1"]


def test_classes_of_the_code_work_with_the_library() -> None:
    code = """
from __future__ import annotations
import dataclasses, pickle, typing
@dataclasses.dataclass
class A:
    x: typing.ClassVar[int] = 1
    y: int = 2
result = [dataclasses.asdict(pickle.loads(pickle.dumps(A()))), sorted(typing.get_type_hints(A))]
"""
    assert responses(python(code)) == [[{"y": 2}, ["x", "y"]]]


def test_code_from_base64_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("def main(name):\n    return 'file {{ ' + name")
    encoded = b64encode(b"result = 'b64 ' + name").decode()
    outcomes = run_calls(
        python("", {"name": "n"}, code_b64=encoded),
        python("", {"name": "n"}, code_b64=encoded, script={"uri": "code.py", "source": {"type": "file"}}),
        python("", {"name": "n"}, script={"source": {"type": "inline", "code": "result = 'inline ' + name"}}),
        python("", {"name": "n"}, script={"uri": "none.py", "source": {"type": "file"}}),
        folder=tmp_path,
    )
    assert [o.response for o in outcomes] == ["b64 n", "file {{ n", "inline n", None]
    assert failed(outcomes[3])["type"] == "FileNotFoundError"


def test_the_order_of_a_set_is_the_same_in_every_process() -> None:
    code = "import time\ntime.sleep(0.1)\nresult = list({str(i) for i in range(50)})"
    outcomes: Sequence[Outcome] = run_calls(*[python(code)] * 2, together=True)
    assert outcomes[0].response == outcomes[1].response
