from __future__ import annotations

from .build import facts_of

BODY = """
workbook:
  - {name: outer, tool: {kind: workbook, name: inner}}
  - {name: inner, tool: {kind: duckdb, command: "SELECT 1"}}
workflow:
  - step: start
    tool: {kind: workbook, name: outer}
    vars: {a: "{{ result.rows }}"}
    case:
      - {when: "{{ response.x and this.y }}", then: {log: "{{ error.z }}"}}
    next: loop
  - step: loop
    loop: {in: [1], iterator: start}
    args: {a: "{{ start.b }}"}
    tool: {kind: http, url: "http://example.com"}
    case:
      - {when: "{{ event.name == 'loop.done' }}", then: {log: "{{ response.c }}"}}
      - {when: "{{ response.d }}", then: {log: x}}
    next: nothing
  - step: nothing
    args: {a: "{{ start.e }} {{ loop.index }}"}
    next: [{step: end, args: {start: 1}}]
  - step: set
    tool: {kind: python, code: "result = 1"}
    case:
      - {when: "{{ event.name == 'step.exit' and result.f }}", then: {result: {a: 1}}}
  - step: end
    args: {a: "{{ start.g }} {{ steps['start'].h }} {{ steps['loop'] }} {{ nothing.i }} {{ set.j }}"}
"""


def test_who_gave_what_is_read() -> None:
    found = [
        (o.read.name, ".".join(map(str, o.path)), o.step.name, o.tool.kind if o.tool else None, o.shape)
        for o in facts_of(BODY).outcomes
    ]
    assert found == [
        ("response", "x", "start", "duckdb", "tool"),
        ("this", "y", "start", "duckdb", "tool"),
        ("result", "rows", "start", "duckdb", "tool"),
        ("response", "c", "loop", None, "loop"),
        ("response", "d", "loop", "http", "tool"),
        ("start", "e", "start", "duckdb", "tool"),
        ("steps", "h", "start", "duckdb", "tool"),
        ("steps", "", "loop", None, "loop"),
        ("nothing", "i", "nothing", None, "none"),
    ]
