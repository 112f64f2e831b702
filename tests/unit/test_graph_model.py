"""What a picture shows of a playbook, and what the textual pictures say."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from noetl.compiler.frontend import compile_source
from noetl.compiler.graphs import FORMATS, draw
from noetl.compiler.graphs.lettering import cut, width
from noetl.compiler.graphs.model import Box, Line, Picture, picture
from noetl.compiler.passes import analyse

COMPLEX: Final = Path(__file__).parents[1] / "browser" / "complex.yaml"
HEAD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: example}\nworkflow:\n"


def shown(text: str) -> Picture:
    workflow = compile_source(text, "p.yaml", check=False).workflow
    assert workflow is not None
    return picture(workflow, analyse(workflow))


def box(of: Picture, name: str) -> Box:
    return next(one for one in of.boxes if one.name == name)


def line(of: Picture, source: str, target: str) -> Line:
    (found,) = (one for one in of.lines if (of.boxes[one.source].name, of.boxes[one.target].name) == (source, target))
    return found


def test_what_a_step_is() -> None:
    complex = shown(COMPLEX.read_text("utf-8"))
    assert box(complex, "score").details == ("for city in workload.cities in parallel",)
    assert box(complex, "gather").joins
    assert box(complex, "gather").details == ("waits for all",)
    assert [one.name for one in complex.boxes if one.forks] == ["start", "score"]
    assert [one.name for one in complex.boxes if one.ways == "choice"] == ["fetch", "repair", "c", "gather"]
    assert [one.name for one in complex.boxes if not one.reached] == ["orphan"]
    assert {one.name for one in complex.boxes if one.cyclic} == {"fetch", "repair", "score", "a", "b", "c", "gather"}
    assert (box(complex, "start").kind, box(complex, "fetch").kind) == ("marker", "http")


def test_when_a_transition_is_taken() -> None:
    complex = shown(COMPLEX.read_text("utf-8"))
    assert line(complex, "start", "fetch").role == "next"
    assert line(complex, "start", "fetch").forked
    assert line(complex, "fetch", "missing").role == "failure"
    assert line(complex, "fetch", "missing").labels == ("error.status == 404",)
    assert line(complex, "fetch", "repair").labels == ()
    assert line(complex, "fetch", "fetch").role == "success"
    assert line(complex, "fetch", "score").role == "default"
    assert line(complex, "fetch", "missing").conditions == ("event.name == 'call.error' and error.status == 404",)


@pytest.mark.parametrize(
    ("when", "label"),
    [
        ("event.name == 'step.exit'", ()),
        ("event.name == 'step.exit' and response is defined", ()),
        ("event.name == 'step.exit' and response is defined and response.n > 1", ("response.n > 1",)),
        ("response.n > 1 and event.name == 'call.done'", ("response.n > 1",)),
        ("response.n > 1", ("response.n > 1",)),
        (
            "event.name == 'call.done' or event.name == 'step.exit'",
            ("event.name == 'call.done' or event.name == 'step.exit'",),
        ),
        ("not event.name == 'step.exit'", ("not event.name == 'step.exit'",)),
        ("event.name == 'step.exit' and not response is defined", ("not response is defined",)),
        ("event.name == 'step.exit' and (response.a or response.b)", ("(response.a or response.b)",)),
    ],
)
def test_labels(when: str, label: tuple[str, ...]) -> None:
    found = shown(
        f"""{HEAD}  - step: start
    tool: {{kind: python, code: "result = 1"}}
    case: [{{when: "{{{{ {when} }}}}", then: {{next: [{{step: end}}]}}}}]
  - step: end
"""
    )
    assert found.lines[0].labels == label


def test_mermaid() -> None:
    text = f"""{HEAD}  - step: start
    tool: {{kind: http, url: http://a.invalid}}
    case:
      - when: "{{{{ event.name == 'call.error' and error.status == 404 }}}}"
        then: {{next: [{{step: "a \\"b\\" [c]"}}]}}
    next: end
  - step: 'a "b" [c]'
    loop: {{in: [1, 2], iterator: x}}
    tool: {{kind: python, code: "result = 1"}}
    next: end
  - step: end
  - step: lost
"""
    workflow = compile_source(text, "p.yaml", check=False).workflow
    assert workflow is not None
    assert (
        draw(workflow, text, "mermaid")
        == """\
---
title: "example"
---
flowchart TD
    s0(["start<br>http"])
    s1[["a #34;b#34; #91;c#93;<br>python<br>for x in a list"]]
    s2(["end<br>marker<br>waits for all"])
    s3["lost<br>marker"]
    s0 -.->|"error.status == 404"| s1
    s0 -->|"otherwise"| s2
    s1 --> s2
    linkStyle 0 stroke:#c0312b
    classDef lost stroke-dasharray:4 3
    class s3 lost
"""
    )
    assert (
        draw(workflow, text, "dot")
        == """\
digraph "example" {
  rankdir=TB;
  node [shape=box style=rounded fontname="monospace"];
  edge [fontname="monospace" fontsize=10];
  s0 [label="start\\nhttp"];
  s1 [label="a \\"b\\" [c]\\npython\\nfor x in a list" peripheries=2];
  s2 [label="end\\nmarker\\nwaits for all"];
  s3 [label="lost\\nmarker" style="rounded,dashed"];
  s0 -> s1 [color=firebrick style=dashed label="error.status == 404"];
  s0 -> s2 [color=gray40 style=dotted label="otherwise"];
  s1 -> s2 [color=gray40];
}
"""
    )


def test_every_format_is_the_same_each_time() -> None:
    text = COMPLEX.read_text("utf-8")
    workflow = compile_source(text, "p.yaml", check=False).workflow
    assert workflow is not None
    for format in FORMATS:
        assert draw(workflow, text, format) == draw(workflow, text, format)


def test_a_playbook_without_steps_has_a_picture() -> None:
    assert shown(f"{HEAD[:-1]} []\n").boxes == ()


def test_letters() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd  e", 4) == "abc\u2026"
    assert cut("\u65e5\u672c\u8a9e", 5) == "\u65e5\u672c\u2026"
    assert width("\u65e5", 10) == width("ab", 10)
