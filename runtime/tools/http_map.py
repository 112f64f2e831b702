"""`NOETL_HTTP_MAP`: sends requests elsewhere while everything that a playbook sees keeps the address that it wrote.

NOETL_HTTP_MAP=https://api.example.com=http://127.0.0.1:8000,https://other.example.com/v2=http://127.0.0.1:8001
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from noetl.errors import UsageError

VARIABLE: Final = "NOETL_HTTP_MAP"


@dataclass(frozen=True, slots=True)
class HttpMap:
    """Prefixes of addresses and what stands in for them, the longest prefix first."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> HttpMap:
        """From `prefix=replacement[,...]`; UsageError for anything else."""
        pairs = [_pair(entry.strip()) for entry in text.split(",") if entry.strip()]
        return cls(tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair))))

    def origins(self) -> Iterator[str]:
        """The scheme and host of every prefix, each once."""
        yield from dict.fromkeys("/".join(prefix.split("/", 3)[:3]) for prefix, _ in self.pairs)

    def apply(self, url: str) -> str:
        """The address to which a request for `url` really goes. A prefix ends at the end of a path segment.

        >>> HttpMap.parse("https://a=http://127.0.0.1:1").apply("https://a/x?y=1")
        'http://127.0.0.1:1/x?y=1'
        """
        for prefix, replacement in self.pairs:
            rest = url[len(prefix) :]
            if url.startswith(prefix) and (not rest or rest[0] in "/?#"):
                return replacement + rest
        return url


def _pair(entry: str) -> tuple[str, str]:
    prefix, separator, replacement = entry.partition("=http")
    replacement = f"http{replacement}"
    for address in (prefix, replacement):
        if not separator or not address.startswith(("http://", "https://")) or len(address.split("/", 3)[2:]) == 0:
            raise UsageError(f'{VARIABLE} holds "{entry}"; it takes pairs such as https://a=http://127.0.0.1:8000')
    return prefix.rstrip("/"), replacement.rstrip("/")
