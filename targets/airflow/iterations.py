"""The iterations of a loop, cut into parts where there are more than Airflow has tasks for."""

from __future__ import annotations


def chunks(length: int, most: int) -> list[str]:
    """The iterations in a row, cut into at most so many parts, such as `0-3`: the indexes of the first and the last."""
    size = max(1, -(-length // most))
    return [f"{first}-{min(first + size, length) - 1}" for first in range(0, length, size)]


def indexes(chunk: str) -> range:
    """The iterations of a part."""
    first, _, last = chunk.partition("-")
    return range(int(first), int(last) + 1)
