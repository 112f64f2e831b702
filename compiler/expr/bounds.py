"""Bounds on what a template can make, so that a short text cannot fill the memory or run for hours.

They stop repetition, powers, products, padding, replacement, formats, ranges and the rendered text itself from growing
past a size that no playbook needs. Time spent in nested loops over real data is not bounded here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Final

MAX_TEXT: Final = 50_000_000
"""Characters of a text that a template makes."""
MAX_ITEMS: Final = 1_000_000
"""Items of a list that `*` or `+` makes."""
MAX_RANGE: Final = 100_000
"""Items of a `range`, as in Jinja's sandbox."""
MAX_WIDTH: Final = 100_000
"""Columns of padding, indentation or a format's width; digits of a precision; groups of `batch` and `slice`."""
MAX_BITS: Final = 200_000
"""Bits of an integer that `*` or `**` makes."""
WIDTHS: Final = {"batch": "linecount", "center": "width", "indent": "width", "round": "precision", "slice": "slices"}
"""Filters with a width, size or precision as their first argument, and its name."""
_PERCENT: Final = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\*|[0-9]+)?(?:\.(\*|[0-9]+))?")
_NUMBER: Final = re.compile(r"[0-9]+")


class TooLarge(Exception):
    """A template would make a value past one of the bounds."""


def check_text(size: int) -> None:
    """Refuse a text of more than `MAX_TEXT` characters."""
    if size > MAX_TEXT:
        raise TooLarge(f"a text of more than {MAX_TEXT} characters")


def check_width(width: object) -> None:
    """Refuse a width of more than `MAX_WIDTH`; anything but an integer passes."""
    if isinstance(width, int) and abs(width) > MAX_WIDTH:
        raise TooLarge(f"a width, size or precision of more than {MAX_WIDTH}")


def check_operator(operator: str, left: object, right: object) -> None:
    """Refuse `+`, `*`, `**` and `%` where the result would be past a bound."""
    if operator == "*":
        _check_product(left, right)
    elif operator == "**":
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MAX_BITS:
            raise TooLarge(f"an integer of more than {MAX_BITS} bits")
    elif operator == "+":
        if isinstance(left, str) and isinstance(right, str):
            check_text(len(left) + len(right))
        elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
            _check_items(len(left) + len(right))
    elif isinstance(left, str):
        check_percent(left, *(right if isinstance(right, tuple) else (right,)))


def _check_product(left: object, right: object) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > MAX_BITS:
            raise TooLarge(f"an integer of more than {MAX_BITS} bits")
        return
    if isinstance(left, int):
        left, right = right, left
    if isinstance(left, str) and isinstance(right, int):
        check_text(len(left) * right)
    elif isinstance(left, list | tuple) and isinstance(right, int):
        _check_items(len(left) * right)


def _check_items(size: int) -> None:
    if size > MAX_ITEMS:
        raise TooLarge(f"a list of more than {MAX_ITEMS} items")


def check_percent(pattern: str, *values: object) -> None:
    """Refuse a `%` format with a width or precision past `MAX_WIDTH`."""
    widths = {width for pair in _PERCENT.findall(pattern) for width in pair}
    _check_numbers(widths - {"*", ""})
    if "*" in widths:
        for value in values:
            check_width(value)


def check_field(spec: str) -> None:
    """Refuse the format part of a `{}` field with a width or precision past `MAX_WIDTH`."""
    _check_numbers(_NUMBER.findall(spec))


def _check_numbers(numbers: Iterable[str]) -> None:
    for number in numbers:
        check_width(int(number) if len(number) < 10 else MAX_WIDTH + 1)


def narrow(filter_: Callable[..., object], name: str) -> Callable[..., object]:
    """The filter, with its first argument, called `name`, bounded by `MAX_WIDTH`."""
    place = 2 if hasattr(filter_, "jinja_pass_arg") else 1  # Jinja's environment may come before the value

    @wraps(filter_)
    def checked(*args: object, **kwargs: object) -> object:
        check_width(args[place] if len(args) > place else kwargs.get(name))
        return filter_(*args, **kwargs)

    return checked


def padded(value: str, name: str) -> Callable[..., str]:
    """The method `name` of a text (`ljust`, `zfill`, ...), its width bounded by `MAX_WIDTH`."""

    def checked(*args: object) -> str:
        for argument in args:
            check_width(argument)
        made: str = getattr(value, name)(*args)
        check_text(len(made))
        return made

    return checked


def sized_range(*limits: int) -> list[int]:
    """`range(...)` as a list, of at most `MAX_RANGE` integers."""
    made = range(*limits)
    if len(made) > MAX_RANGE:
        raise TooLarge(f"a range of more than {MAX_RANGE} integers")
    return list(made)


def replaced(value: str, old: str, new: str, count: int = -1) -> str:
    """`value.replace(old, new, count)`, bounded by `MAX_TEXT`."""
    hits = value.count(old) if count < 0 else min(count, value.count(old))
    check_text(len(value) + hits * max(0, len(new) - len(old)))
    return value.replace(old, new, count)
