"""Comments that suppress findings, and what is said about those that do not."""

from __future__ import annotations

import pytest

from noetl.compiler.checks import registry
from noetl.compiler.frontend import compile_source
from noetl.compiler.linting import fixes, suppression
from noetl.diagnostics import Diagnostic, Kind, registered

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\n"


def known() -> dict[str, Kind]:
    assert registry()
    return {name: kind for kind in registered() for name in (kind.code, kind.name)}


def review(text: str, *, inactive: str = "") -> suppression.Reviewed:
    found = compile_source(text, "p.yaml").diagnostics
    return suppression.review(text, "p.yaml", found, known=known, active=lambda kind: kind.code != inactive)


def told(text: str) -> list[tuple[str, str]]:
    return sorted((one.code, str(one.span)) for one in review(text).kept)


def steps(*lines: str) -> str:
    return HEAD + "workflow:\n" + "".join(f"{line}\n" for line in lines)


WRONG = "    next: nowhere"


@pytest.mark.parametrize(
    "lines",
    [
        ["  - step: start", f"{WRONG}  # noetl: ignore[NTL203]"],
        ["  - step: start", f"{WRONG}  # noetl: ignore[unknown-step]"],
        ["  - step: start", f"{WRONG}  # why # noetl: ignore[ NTL203 ] on purpose"],
        ["  - step: start", f"{WRONG}  #noetl:ignore[NTL203]"],
        ["  - step: start", "    # noetl: ignore[NTL203]", WRONG],
        ["  - step: start", "# noetl: ignore[NTL203]", "", "    # more words", WRONG],
        ["  # noetl: ignore-file[NTL203]", "  - step: start", WRONG],
        ["  - step: start", WRONG, "# noetl: ignore-file"],
    ],
)
def test_a_comment_suppresses(lines: list[str]) -> None:
    reviewed = review(steps(*lines))
    assert (reviewed.kept, reviewed.suppressed) == ((), 1)


def test_only_the_line_meant_and_only_the_kind_named() -> None:
    assert told(steps("  - step: start", "    # noetl: ignore[NTL203]", "    desc: x", WRONG)) == [
        ("NTL203", "8:11"),
        ("NTL701", "6:21"),
    ]
    assert told(steps("  - step: start", f"{WRONG} # noetl: ignore[NTL204]")) == [
        ("NTL203", "6:11"),
        ("NTL701", "6:35"),
    ]


def test_a_comment_beside_a_scalar_is_about_all_of_its_lines() -> None:
    text = steps(
        "  - step: start",
        "    tool:",
        "      kind: python",
        "      code: |  # noetl: ignore[NTL302]",
        "        # noetl: ignore[NTL203] is text of the code",
        "        x = 1",
        "        result = '{{ workload.x }}'",
    )
    assert told(text) == []
    above = text.replace("  # noetl: ignore[NTL302]", "").replace(
        "      code:", "      # noetl: ignore[NTL302]\n      code:"
    )
    assert told(above) == []


def test_text_of_a_scalar_is_no_comment() -> None:
    assert told(steps("  - step: start", '    desc: "# noetl: ignore-file"', WRONG)) == [("NTL203", "7:11")]


@pytest.mark.parametrize(
    ("comment", "message", "column"),
    [
        ("# noetl: ignore[NTL999]", '"NTL999" is no code or name of a kind', 17),
        ("# noetl: ignore[NTL2]", '"NTL2" is no code or name of a kind', 17),
        ("# noetl: ignore", "the comment does not say what it ignores", 1),
        ("# noetl: ignore[]", "the comment does not say what it ignores", 1),
        ("# noetl: ignore-file[]", "the comment does not say what it ignores", 1),
        ("# noetl: ignore[NTL203", 'the list of the comment has no "]"', 1),
        ("# noetl: ignore-line[NTL203]", '"ignore-line" suppresses nothing; a comment may say: ignore, ignore-file', 1),
    ],
)
def test_comments_that_suppress_no_known_kind(comment: str, message: str, column: int) -> None:
    found = [one for one in review(comment + "\n" + steps("  - step: start")).kept if one.code == "NTL702"]
    assert [(one.message, str(one.span)) for one in found] == [(message, f"1:{column}")]
    assert found[0].hint


def test_what_else_a_comment_says_is_its_own_business() -> None:
    assert told("# noetl: the tool that checks this\n" + steps("  - step: start")) == []


def test_a_kind_that_was_not_looked_for_is_not_unused() -> None:
    text = steps("  - step: start  # noetl: ignore[NTL204]")
    assert [one.code for one in review(text).kept] == ["NTL701"]
    assert review(text, inactive="NTL204").kept == ()


def test_findings_about_comments_can_be_suppressed() -> None:
    assert told("# noetl: ignore-file[NTL701]\n" + steps("  - step: start  # noetl: ignore[NTL204]")) == []


def mended(text: str) -> str:
    found: list[Diagnostic] = [one for one in review(text).kept if one.code == "NTL701"]
    assert found
    after = fixes.apply(text, [one.fix for one in found if one.fix])
    assert not [one for one in review(after).kept if one.code == "NTL701"]
    return after


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  - step: start  # noetl: ignore[NTL204]\n", "  - step: start\n"),
        ("  - step: start\t # noetl: ignore[NTL204]  \n", "  - step: start\n"),
        ("  - step: start  # why # noetl: ignore[NTL204]\n", "  - step: start  # why\n"),
        ("  - step: start  # noetl: ignore[NTL204] so it is\n", "  - step: start  # so it is\n"),
        ("  # noetl: ignore[NTL204]\n  - step: start\n", "  - step: start\n"),
        ("  - step: start\n  # noetl: ignore[NTL204]", "  - step: start"),
        ("  - step: start\n  # noetl: ignore-file", "  - step: start"),
        ("  - step: start # noetl: ignore[NTL204, NTL999]\n", "  - step: start # noetl: ignore[NTL999]\n"),
        ("  - step: start # noetl: ignore[NTL204,NTL201 ,  NTL202]\n", "  - step: start\n"),
        (
            "  - step: start\n    next: x # noetl: ignore[NTL204, NTL203]\n",
            "  - step: start\n    next: x # noetl: ignore[NTL203]\n",
        ),
    ],
)
def test_the_fix_takes_out_what_is_unused(before: str, after: str, line_break: str) -> None:
    texts = [(steps()[:-1] + "\n" + part).replace("\n", line_break) for part in (before, after)]
    assert mended(texts[0]) == texts[1]
