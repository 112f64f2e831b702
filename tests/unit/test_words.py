"""The gate on refused words and signs finds what it should and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "words.py"
FIRST = "compre" + "hensive"
SECOND = "ens" + "ure"


def gate(*paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *paths], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        (f"a {FIRST} guide", 3, f'the word "{FIRST}"'),
        (f"{FIRST.title()}ly", 1, f'the word "{FIRST.title()}ly"'),
        (f"this {SECOND}s it", 6, f'the word "{SECOND}s"'),
        (f"{SECOND[:-1].upper()}ING", 1, f'the word "{SECOND[:-1].upper()}ING"'),
        (f"asyncio.{SECOND}_future", 9, f'the word "{SECOND}"'),
        ("done \N{WHITE HEAVY CHECK MARK}", 6, "the sign U+2705"),
        ("\N{ROCKET} go", 1, "the sign U+1F680"),
        ("flag \N{REGIONAL INDICATOR SYMBOL LETTER F}", 6, "the sign U+1F1EB"),
    ],
)
def test_find_is_shown_with_its_place(tmp_path: Path, line: str, column: int, shown: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"first\n{line}\n", encoding="utf-8")
    done = gate(page)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == f"{page}:2:{column}: {shown} is not used in this project"


def test_clean_text_and_binary_files_pass(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "comprehend, censure, licensure; a -> b, \N{RIGHTWARDS ARROW} \N{BOX DRAWINGS LIGHT VERTICAL}\n",
        encoding="utf-8",
    )
    blob = tmp_path / "blob.bin"
    blob.write_bytes(f"\0{SECOND}".encode())
    done = gate(page, blob)
    assert (done.returncode, done.stdout) == (0, "2 files read, 0 finds\n")


def test_the_project_is_clean() -> None:
    done = gate()
    assert done.returncode == 0, done.stdout
