"""The report of `noetl conform` in a real browser: all of it is in the file, and nothing is asked of a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from noetl.conformance.case import Case
from noetl.conformance.conform import Judged
from noetl.conformance.header import Header
from noetl.conformance.law import clauses
from noetl.conformance.observation import Observation
from noetl.conformance.reports.page import page
from noetl.conformance.results import Record, Results

pytestmark = pytest.mark.browser

PLAYBOOK = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow: [{step: start}]\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=os.environ["NOETL_BROWSER"], args=["--no-sandbox"])
        yield opened
        opened.close()


def case(name: str) -> Case:
    told = {"format": 1, "id": name, "clauses": ["RUN-2"], "title": "a <b>title</b>", "playbook": PLAYBOOK}
    return Case.model_validate({**told, "expect": {"output": "<script>document.title = 'run'</script>"}})


def test_a_report(browser: Browser, tmp_path: Path) -> None:
    seen = Observation({"status": "completed", "output": None, "runs": []})
    records = (
        Judged(case("RUN-2-passed"), tmp_path, "passed", (), seen),
        Judged(case("RUN-2-failed"), tmp_path, "failed", ("output: expected 1, found 2",), seen),
        Judged(case("RUN-2-left"), tmp_path, "not run", ("the budget was used up",)),
    )
    file = tmp_path / "report.html"
    header = Header("runtime", "a", "b", 0, "smoke")
    results = Results(header, tuple(Record.of(one, header) for one in records), left=("tier <two>: it needs more",))
    file.write_text(page(results, ["rules: 1 of 2"]), "utf-8")
    opened = browser.new_page()
    asked: list[str] = []
    problems: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(file.as_uri())
    assert (asked, problems) == ([file.as_uri()], [])
    assert opened.title() == "noetl conform: runtime"
    assert opened.locator("#word").inner_text() == "not conformant"
    assert [opened.locator(f"#count-{name}").inner_text() for name in ("passed", "failed", "not-run")] == ["1"] * 3
    assert opened.locator("#not-asked + ul").inner_text() == "tier <two>: it needs more"
    assert opened.locator("details[id='RUN-2-failed'] pre").is_visible()
    assert "again     noetl conform --target runtime" in opened.locator("details[id='RUN-2-failed'] pre").inner_text()
    reason = opened.locator("summary", has_text="the budget was used up: 1")
    reason.click()
    assert opened.get_by_text("RUN-2-left", exact=True).is_visible()
    assert opened.locator("#matrix + table tbody tr td:first-child").count() == len(clauses())
    opened.close()
