"""Pictures in a real browser: what stands where, what can be read, what happens on click and key, and no network.

NOETL_BROWSER names the browser's program; `make test-browser` finds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from noetl.compiler.frontend import Compilation, compile_source
from noetl.compiler.graphs import Format, draw
from noetl.compiler.graphs.model import picture
from noetl.compiler.passes import analyse

pytestmark = pytest.mark.browser

ROOT: Final = Path(__file__).parents[2]
COMPLEX: Final = Path(__file__).parent / "complex.yaml"
CORPUS: Final = os.environ.get("NOETL_CORPUS")
PLAYBOOKS: Final = [
    COMPLEX,
    *sorted((ROOT / "examples").glob("*.yaml")),
    *(sorted(Path(CORPUS).glob("*.yaml")) if CORPUS else ()),
]
SLACK: Final = 1.0
"""Pixels by which things may meet."""


class Rect(NamedTuple):
    """A box on the screen."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Rect) -> bool:
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return across > SLACK and down > SLACK

    def holds(self, other: Rect) -> bool:
        return (
            self.x - SLACK <= other.x
            and self.y - SLACK <= other.y
            and other.x + other.width <= self.x + self.width + SLACK
            and other.y + other.height <= self.y + self.height + SLACK
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = os.environ["NOETL_BROWSER"]
    with sync_playwright() as playwright:
        # As root, where CI runs, Chromium starts without its sandbox only; it is shown nothing but our own pages.
        made = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    made = browser.new_page(viewport={"width": 1400, "height": 900})
    yield made
    made.close()


def compiled(path: Path) -> Compilation:
    found = compile_source(path.read_bytes(), path.name, check=False)
    assert found.workflow is not None
    return found


def written(path: Path, format: Format, folder: Path) -> str:
    """The picture of a playbook as a file; its address."""
    found = compiled(path)
    assert found.workflow is not None
    target = folder / f"{path.stem}.{format}"
    target.write_text(draw(found.workflow, found.text, format), encoding="utf-8")
    return target.as_uri()


def rects(page: Page, selector: str) -> list[Rect]:
    found = page.eval_on_selector_all(
        selector, "all => all.map(e => e.getBoundingClientRect()).map(r => [r.x, r.y, r.width, r.height])"
    )
    return [Rect(*one) for one in found]


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_nothing_lies_on_anything_else(path: Path, page: Page, tmp_path: Path) -> None:
    page.goto(written(path, "svg", tmp_path))
    steps = rects(page, ".step .front")
    workflow = compiled(path).workflow
    assert workflow is not None
    assert len(steps) == len(workflow.steps)
    labels = rects(page, ".plate")
    for one, other in combinations([*steps, *labels], 2):
        assert not one.overlaps(other), (one, other)
    (paper,) = rects(page, ".paper")
    for one in (*steps, *labels, *rects(page, "text"), *rects(page, "path.line")):
        assert paper.holds(one), one


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_text_fits_into_its_box(path: Path, page: Page, tmp_path: Path) -> None:
    page.goto(written(path, "svg", tmp_path))
    groups = page.eval_on_selector_all(
        ".step",
        """all => all.map(g => [g.querySelector('.front'), ...g.querySelectorAll('text')].map(e => {
             const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }))""",
    )
    for box, *texts in groups:
        assert all(Rect(*box).holds(Rect(*text)) for text in texts), (box, texts)


def test_lines_end_at_their_steps(page: Page, tmp_path: Path) -> None:
    page.goto(written(COMPLEX, "svg", tmp_path))
    workflow = compiled(COMPLEX).workflow
    assert workflow is not None
    lines = picture(workflow, analyse(workflow)).lines
    boxes = rects(page, ".step")
    ends = page.eval_on_selector_all(
        "g > path.line:not(.legend path)",
        """all => all.map(p => { const m = p.getScreenCTM(); return [0, p.getTotalLength()].map(at => {
             const q = p.getPointAtLength(at).matrixTransform(m); return [q.x, q.y]; }); })""",
    )
    assert len(ends) == len(lines)
    for line, (start, end) in zip(lines, ends, strict=True):
        source, target = boxes[line.source], boxes[line.target]
        assert source.x < start[0] < source.x + source.width
        assert abs(start[1] - (source.y + source.height)) < 8
        assert target.x < end[0] < target.x + target.width
        assert abs(end[1] - target.y) < 8


def test_light_and_dark(page: Page, tmp_path: Path) -> None:
    address = written(COMPLEX, "svg", tmp_path)
    colours = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(address)
        fill = "selector => getComputedStyle(document.querySelector(selector)).fill"
        colours.append((page.evaluate(fill, ".paper"), page.evaluate(fill, "text.name")))
    (paper, ink), (dark_paper, dark_ink) = colours
    assert len({paper, ink, dark_paper, dark_ink}) == 4


def test_the_page_shows_a_step_on_click_and_asks_for_nothing(page: Page, tmp_path: Path) -> None:
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    address = written(COMPLEX, "html", tmp_path)
    page.goto(address)
    assert page.locator("aside").is_hidden()
    page.click("#step-1")
    assert page.inner_text("#chosen") == "fetch"
    lines = COMPLEX.read_text("utf-8").split("\n")
    first = lines.index("  - step: fetch")
    shown = page.locator("#source code").all_text_contents()
    assert shown[0] == "- step: fetch"
    assert [line.strip() for line in shown] == [line.strip() for line in lines[first : first + len(shown)]]
    assert page.inner_text("#lines") == f"lines {first + 1} to {first + len(shown)}"
    page.click("#step-2")
    assert page.inner_text("#chosen") == "repair"
    assert page.locator(".step.chosen").count() == 1
    page.click("#close")
    assert page.locator("aside").is_hidden()
    assert asked == [address]
    assert told == []


def test_the_page_follows_the_keyboard(page: Page, tmp_path: Path) -> None:
    page.goto(written(COMPLEX, "html", tmp_path))

    def focused() -> str:
        found = page.evaluate("document.activeElement.id")
        assert isinstance(found, str)
        return found

    page.keyboard.press("Tab")
    assert focused() == "step-0"
    page.keyboard.press("ArrowDown")
    assert focused() == "step-1"
    page.keyboard.press("Enter")
    assert page.inner_text("#chosen") == "fetch"
    page.keyboard.press("ArrowUp")
    assert focused() == "step-0"
    page.keyboard.press("Escape")
    assert page.locator("aside").is_hidden()
    assert focused() == "step-1"
    label = page.get_attribute("#step-1", "aria-label")
    assert label is not None
    assert label.startswith("step fetch, tool http, part of a cycle, leads to missing (rule, on failure when ")


def test_zoom(page: Page, tmp_path: Path) -> None:
    page.goto(written(COMPLEX, "html", tmp_path))
    (before,) = rects(page, "main svg")
    page.click("#in")
    (larger,) = rects(page, "main svg")
    assert larger.width == pytest.approx(before.width * 1.25, rel=0.01)
    page.set_viewport_size({"width": 500, "height": 400})
    page.click("#fit")
    (fitting,) = rects(page, "main svg")
    assert fitting.width <= 500
    assert fitting.height <= 400


def test_what_a_playbook_says_is_text(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    odd = "</script><img src=x onerror=window.seen=1>{{title}}"
    path.write_text(
        f"""apiVersion: noetl.io/v2
kind: Playbook
metadata: {{name: "{odd}"}}
workflow:
  - step: start
    desc: "{odd}"
    case:
      - when: "{{{{ event.name == 'step.exit' and workload.x == '<b>' }}}}"
        then: {{next: [{{step: "{odd}"}}]}}
  - step: "{odd}"
""",
        encoding="utf-8",
    )
    page.goto(written(path, "html", tmp_path))
    page.click("#step-0")
    assert page.title() == odd
    assert odd in page.inner_text("#source")
    assert page.locator("img").count() == 0
    assert page.evaluate("window.seen") is None
