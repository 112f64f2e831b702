from __future__ import annotations

from .build import facts_of

BODY = """
workload: {a: "{{ payload.a }}", b: 1}
workbook:
  - name: task
    tool: {kind: http, url: "{{ args.url }}"}
    sink: {tool: {kind: event_log, data: "{{ result }}"}}
workflow:
  - step: start
    args: {x: "{{ workload.a }}", y: 1}
    loop: {in: "{{ workload.xs }}", iterator: n, max_in_flight: "{{ workload.most }}"}
    tool: {kind: python, code: "result = '{{ not_rendered }}'", args: {n: ["{{ n }}"]}}
    sink: {tool: {kind: event_log, data: "{{ response }}"}}
    vars: {last: "{{ result.stats }}"}
    case:
      - when: "{{ event.name == 'call.error' }}"
        then:
          - set: {ctx: {why: "{{ error.type }}"}, kind: x}
          - collect: {from: error, into: errors}
          - log: "{{ why }}"
          - retry: {max_attempts: "{{ ctx.most }}"}
      - when: "{{ response.more }}"
        then:
          - collect: {strategy: append, path: items, into: pages}
          - result: {a: "{{ ctx.pages }}"}
          - next: [{step: b, args: {p: "{{ n }}", q: "{{ last }}"}}, {step: b}]
    next: [{step: b, args: {r: "{{ errors }}"}}]
  - step: b
    tool: {kind: workbook, name: task}
    case:
      - {when: "{{ a. }}", then: {skip: {reason: "{{ result }}"}}}
"""


def test_every_template_is_one_site() -> None:
    sites = facts_of(BODY).sites
    assert [(site.part, site.value.source, site.is_template) for site in sites] == [
        ("workload", "{{ payload.a }}", True),
        ("task", "{{ args.url }}", True),
        ("task", "{{ result }}", True),
        ("args", "{{ workload.a }}", True),
        ("tool", "{{ n }}", True),
        ("loop", "workload.xs", False),
        ("loop", "{{ workload.most }}", True),
        ("when", "event.name == 'call.error'", False),
        ("action", "{{ error.type }}", True),
        ("action", "error", False),
        ("action", "{{ why }}", True),
        ("action", "{{ ctx.most }}", True),
        ("when", "response.more", False),
        ("action", "{{ ctx.pages }}", True),
        ("edge", "{{ n }}", True),
        ("edge", "{{ last }}", True),
        ("edge", "{{ errors }}", True),
        ("vars", "{{ result.stats }}", True),
        ("sink", "{{ response }}", True),
        ("when", "a.", False),
        ("action", "{{ result }}", True),
    ]
    assert [site.value.source for site in sites if site.problems] == ["a."]
    assert [(s.step.name if s.step else None, s.rule.index if s.rule else None) for s in sites[-3:]] == [
        ("start", None),
        ("b", 0),
        ("b", 0),
    ]
    edges = [(site.edge.rule, site.edge.entry) for site in sites if site.edge is not None]
    assert edges == [(1, 0), (1, 0), (None, 0)]


def test_names_by_step_and_edge() -> None:
    names = facts_of(BODY).names
    assert names.reads["start"] == {"workload", "n", "response", "result", "event", "error", "why", "ctx"}
    assert names.reads["b"] == {"result"}
    assert names.edge_reads == {("start", 1, 0): {"n", "last"}, ("start", None, 0): {"errors"}}
    assert [(write.name, write.step) for write in names.writes] == [
        ("why", "start"),
        ("kind", "start"),
        ("errors", "start"),
        ("pages", "start"),
        ("last", "start"),
    ]
    assert names.stored == {"why", "kind", "errors", "pages", "last"}
    assert str(names.writes[0].span) == "20:25"


def test_code_may_read_any_name() -> None:
    names = facts_of(
        """
        workbook:
          - {name: query, tool: {kind: duckdb, command: "SELECT 1"}}
          - {name: code, tool: {kind: python, code: "result = 1"}}
        workflow:
          - {step: start, tool: {kind: http, url: "http://example.com"}, next: [a, b, c, d]}
          - {step: a, tool: {kind: workbook, name: query}}
          - {step: b, tool: {kind: workbook, name: code}}
          - {step: c, tool: {kind: workbook, name: "{{ workload.task }}"}}
          - {step: d, tool: {kind: duckdb, command: x}, sink: {tool: {kind: python, code: "1"}}}
        """
    ).names
    assert names.code == {"b", "c", "d"}
