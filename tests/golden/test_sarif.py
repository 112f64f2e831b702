"""What `--format sarif` prints is SARIF 2.1.0, for every fixture of the checks and for every kind of finding.

`sarif/part.json` is a closed schema of the part that noetl writes: what is valid there is valid SARIF. One report is
kept, to be read; `--update-golden` rewrites it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft202012Validator

from noetl.cli.linting import pages, sarif
from noetl.compiler.checks import Check
from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Diagnostic, Edit, Fix, Related, Span

from .test_checks import CHECKS, HEAD, fixture

FOLDER: Final = Path(__file__).parent / "sarif"
VALIDATOR: Final = Draft202012Validator(json.loads((FOLDER / "part.json").read_text(encoding="utf-8")))
SAMPLE: Final = HEAD + "workflow:\n  - step: start\n    tool: {kind: http, endpoint: 'http://x'}\n    next: [gone, a]\n"
TWICE: Final = "  - step: a\n  - step: a\n"


def report(found: list[Diagnostic], sources: dict[str, str]) -> dict[str, object]:
    shown = json.loads(sarif.render(found, sources))
    VALIDATOR.validate(shown)
    assert isinstance(shown, dict)
    return shown


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize("check", CHECKS)
def test_every_fixture_is_valid(check: Check) -> None:
    for part in fixture(check).wrong:
        compiled = compile_source(HEAD + part.playbook, "playbook.yaml", everything=True)
        shown = report(list(compiled.diagnostics), {"playbook.yaml": compiled.text})
        run = shown["runs"][0]  # type: ignore[index]  # validated
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert [(r["ruleId"], rules[r["ruleIndex"]]) for r in run["results"]] == [
            (d.code, d.code) for d in compiled.diagnostics
        ]
        prints = [r["partialFingerprints"][sarif.FINGERPRINT] for r in run["results"]]
        assert len(prints) == len(set(prints))


def test_every_kind_is_valid() -> None:
    kinds = sorted({kind.code: kind for kind in pages.kinds().values()}.values(), key=lambda kind: kind.code)
    span = Span(1, 1, 2, 3)
    fix = Fix("mend it", (Edit(span, ""), Edit(Span(3, 1, 3, 1), "x\n")))
    found = [Diagnostic(k, "odd", span, "a b/é.yaml", (Related("first", span),), "do", fix) for k in kinds]
    report(found, {"a b/é.yaml": "a: 1\n\nb: 2"})


def test_a_report_to_read(update_golden: bool) -> None:
    compiled = compile_source(SAMPLE + TWICE, "flows/my playbook.yaml")
    shown = report(list(compiled.diagnostics), {"flows/my playbook.yaml": compiled.text})
    text = json.dumps(shown, indent=2) + "\n"
    kept = FOLDER / "report.json"
    if update_golden:
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("<stdin>", "stdin"),
        ("./a/../b c.yaml", "b%20c.yaml"),
        ("/nowhere/é#.yaml", "file:///nowhere/%C3%A9%23.yaml"),
    ],
)
def test_paths_become_references(path: str, uri: str) -> None:
    (found,) = compile_source("", path).diagnostics
    assert f'"uri": "{uri}"' in sarif.render([found], {})


def test_a_fingerprint_stays_where_lines_move() -> None:
    def prints(text: str) -> list[str]:
        found = compile_source(text, "p.yaml").diagnostics
        shown = json.loads(sarif.render(found, {"p.yaml": text}))
        return [one["partialFingerprints"][sarif.FINGERPRINT] for one in shown["runs"][0]["results"]]

    assert prints(SAMPLE + TWICE) == prints("# moved\n\n" + SAMPLE.replace("    next", "\n    next") + TWICE)
