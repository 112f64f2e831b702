"""Write what is made from code: the JSON Schemas under schema/.

    python scripts/generate.py

Prints the files that changed. Tests fail while one of them is stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from noetl import schema
from noetl.cli.schema import made

ROOT = Path(__file__).resolve().parent.parent


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file with the text that it should have."""
    for name in schema.VERSIONS:
        yield ROOT / "schema" / schema.file_name(name), made.text(name)


def main() -> int:
    """Bring every file up to date; always 0."""
    for path, text in generated():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
