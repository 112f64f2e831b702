"""What the parent process reads out of python code before it runs (TOO-3)."""

from __future__ import annotations

import pytest

from noetl.runtime.tools.python_code import Parameter, read_program


def test_main_has_its_parameters() -> None:
    program = read_program("import os\nasync def main(a, /, b, c=1, *rest, d, e=2, **more):\n    return a")
    assert program.form == "main"
    (main,) = program.mains
    assert main.takes_any
    assert main.line == 2
    assert main.parameters == (
        Parameter("a", positional_only=True, required=True),
        Parameter("b", positional_only=False, required=True),
        Parameter("c", positional_only=False, required=False),
        Parameter("d", positional_only=False, required=True),
        Parameter("e", positional_only=False, required=False),
    )


BRANCHES = "try:\n    import x\nexcept ImportError:\n    def main(b):\n        pass\n"


@pytest.mark.parametrize(
    ("code", "mains"),
    [
        ("def main(a): pass\n" + BRANCHES, [(1, "a"), (5, "b")]),
        (BRANCHES + "def main(a): pass\n", [(6, "a")]),
        ("def main(a): pass\ndef main(b): pass\n", [(2, "b")]),
        ("if y:\n    @cache\n    def main(a): pass\nelse:\n    def main(b): pass\n", [(2, "a"), (5, "b")]),
        ("if x:\n    pass\n" + "elif x:\n    pass\n" * 1500 + "else:\n    def main(a): pass", [(3004, "a")]),
    ],
)
def test_every_main_that_may_count_is_read(code: str, mains: list[tuple[int, str]]) -> None:
    assert [(main.line, main.parameters[0].name) for main in read_program(code).mains] == mains


@pytest.mark.parametrize(
    "code",
    [
        "def run():\n    def main(x):\n        pass\n",
        "class A:\n    def main(self):\n        pass\n",
        "main = 1",
        "result = 1",
    ],
)
def test_a_main_of_something_else_is_bare_code(code: str) -> None:
    assert read_program(code).form == "bare"


@pytest.mark.parametrize(
    ("code", "form"),
    [
        ("return 1", "returns"),
        ("for i in []:\n    return i", "returns"),
        ("try:\n    pass\nfinally:\n    return 1", "returns"),
        ("try:\n    pass\nexcept E:\n    return 1", "returns"),
        ("match x:\n    case 1:\n        return 2", "returns"),
        ("def f():\n    return 1", "bare"),
        ("f = lambda: 1", "bare"),
        ("if x:\n    pass\n" + "elif x:\n    pass\n" * 1500 + "else:\n    return 1", "returns"),
    ],
)
def test_a_return_of_the_code_itself(code: str, form: str) -> None:
    assert read_program(code).form == form


@pytest.mark.parametrize(
    ("code", "assigns"),
    [
        ("result = 1", True),
        ("if x:\n    result = 1", True),
        ("result += 1", True),
        ("result: int = 1", True),
        ("import json as result", True),
        ("def result(): pass", True),
        ("[result := i for i in x]", True),
        ("def f():\n    global result\n    result = 1\nf()", True),
        ("for result in x: pass", True),
        ("print(result)", False),
        ("def f():\n    result = 1", False),
        ("class A:\n    result = 1", False),
        ("[result for result in x]", False),
        ("{a: b for a, (b, result) in x}", False),
        ("lambda: (result := 1)", False),
        ("def f():\n    global result\n    def g():\n        result = 1", False),
        ("match x:\n    case {**result}: pass", True),
        ("match x:\n    case [*result]: pass", True),
        ("try:\n    f()\nexcept E as result:\n    g()", True),
        ("with f() as (a, result): pass", True),
        ("import result.part", True),
        ("result['a'] = 1", False),
    ],
)
def test_whether_the_code_assigns_result(code: str, assigns: bool) -> None:
    assert read_program(code).assigns_result is assigns


def test_names_that_bare_code_may_read() -> None:
    program = read_program("a += 1\ndel b\nc = d['e'].f\ndef g():\n    return h\n[i for j in k]")
    assert {"a", "b", "d", "h", "i", "k"} <= program.reads
    assert not {"c", "e", "f", "g", "j"} & program.reads


@pytest.mark.parametrize("code", ["x = (", "a\0b", "(" * 5000, "-" * 100_000 + "1"])
def test_code_that_does_not_compile_is_left_to_the_worker(code: str) -> None:
    assert read_program(code).form == "bare"
