"""Formatting by example: what goes in, what comes out."""

from __future__ import annotations

import pytest

from noetl.compiler.formatting import format_source

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata:\n  name: example\n"


def formatted(text: str) -> str:
    done = format_source(text, "p.yaml")
    assert done.text is not None, done.diagnostics
    return done.text


def test_keys_come_in_the_order_of_a_run() -> None:
    written = """\
workflow:
  - next: end
    case:
      - then: {log: a}
        when: "{{ event.name == 'step.exit' }}"
    tool: {url: http://a.invalid, kind: http}
    loop: {iterator: x, in: [1]}
    desc: first
    step: start
  - step: end
metadata: {path: a/b, name: example}
kind: Playbook
apiVersion: noetl.io/v2
"""
    assert (
        formatted(written)
        == """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: example, path: a/b}
workflow:
  - step: start
    desc: first
    loop: {in: [1], iterator: x}
    tool: {kind: http, url: http://a.invalid}
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {log: a}
    next: end
  - step: end
"""
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("workload:   {a: 1,b: [ x , y ]}\n", "workload: {a: 1, b: [x, y]}\n"),
        ("workload:\n- a\n", "workload:\n  - a\n"),
        ("workload:\n     a: 1\n     b:\n          c: 2\n", "workload:\n  a: 1\n  b:\n    c: 2\n"),
        ("workload: {a: 1, # one\n  b: 2}\n", "workload:\n  a: 1  # one\n  b: 2\n"),
        (
            "workload: # all\n  # first\n  a: 1 # one\n\n\n\n  # end\n",
            "workload:  # all\n  # first\n  a: 1  # one\n\n  # end\n",
        ),
        ("workload:\n  a: >-\n      x\n      y\n", "workload:\n  a: >-\n    x\n    y\n"),
        ("workload:\n  a: |2\n      x\n", "workload:\n  a: |2\n      x\n"),
        ("workload:\n  a: |+\n    x\n\n\n  b: 1\n", "workload:\n  a: |+\n    x\n\n\n  b: 1\n"),
        ("workload:\n  a: |+2\n\n    x\n", "workload:\n  a: |\n\n    x\n"),
        ('workload:\n  a: "x\n     y"\n', 'workload:\n  a: "x\n    y"\n'),
        ("workload:\n  ? a\n  : 1\n", "workload:\n  a: 1\n"),
        ("workload: {? a : 1, b}\n", "workload: {a: 1, b: null}\n"),
        ("workload:\n  a: &x {b: 1}\n  c: *x\n", "workload:\n  a: &x {b: 1}\n  c: *x\n"),
        ("workload:\n  a: !!str 5\n", "workload:\n  a: !!str 5\n"),
        ("workload:\n  -\n    # about a\n    a: 1\n    b: 2\n", "workload:\n  # about a\n  - a: 1\n    b: 2\n"),
        ("workload: 'it''s' \n", "workload: 'it''s'\n"),
        ("workload: []  # none\n", "workload: []  # none\n"),
        ("workload: [ # none\n  ]\n", "workload: []\n# none\n"),
        ("workload:\n  - - a\n    - b\n  - - c\n", "workload:\n  - - a\n    - b\n  - - c\n"),
    ],
)
def test_layout(written: str, expected: str) -> None:
    assert formatted(f"{HEAD}{written}") == f"{HEAD}{expected}"


def test_a_map_in_brackets_that_does_not_fit_gets_lines() -> None:
    names = [f"a_long_name_{n}" for n in range(8)]
    lines = "".join(f"  {name}: {n}\n" for n, name in enumerate(names))
    flow = ", ".join(f"{name}: {n}" for n, name in enumerate(names))
    assert formatted(f"{HEAD}workload: {{{flow}}}\n") == f"{HEAD}workload:\n{lines}"


def test_a_secret_gives_its_name_first() -> None:
    written = f"{HEAD}keychain: [{{scope: a, kind: oauth2, name: k}}]\nworkflow: [{{step: start}}]\n"
    assert "keychain: [{name: k, kind: oauth2, scope: a}]" in formatted(written)


def test_what_has_a_meaning_keeps_its_order() -> None:
    kept = f"""{HEAD}workload:
  b: 1
  a: 2
workflow:
  - step: start
    args:
      z: 1
      y: 2
    tool:
      kind: http
      url: http://a.invalid
      method: GET
    case:
      - when: "{{{{ event.name == 'step.exit' }}}}"
        then:
          log: done
          set:
            b: 1
            a: 2
"""
    assert formatted(kept) == kept


def test_spellings() -> None:
    written = f"""{HEAD}workbook:
  - name: t
    tool: python  # the kind
    assert:
      expects: [a]
    with: {{a: 1}}
    code: result = a
workflow:
  - step: start
    tool: {{kind: http, endpoint: http://a.invalid, payload: {{a: 1}}}}
    next: {{step: end}}
  - step: end
    tool: {{kind: workbook, task: t}}
    sink: {{kind: event, from: result}}
"""
    assert (
        formatted(written)
        == f"""{HEAD}workbook:
  - name: t
    assert:
      expects: [a]
    tool:
      kind: python  # the kind
      args: {{a: 1}}
      code: result = a
workflow:
  - step: start
    tool: {{kind: http, url: http://a.invalid, body: {{a: 1}}}}
    next: [{{step: end}}]
  - step: end
    tool: {{kind: workbook, name: t}}
    sink: {{tool: {{kind: event_log, data: "{{{{ result }}}}"}}}}
"""
    )


def test_line_breaks_are_those_of_the_first_line() -> None:
    assert formatted(HEAD.replace("\n", "\r\n")) == HEAD.replace("\n", "\r\n")
    assert formatted(HEAD.replace("\n", "\r")) == HEAD
    assert formatted(f"\ufeff{HEAD}") == HEAD


def test_the_start_of_a_document_stays() -> None:
    assert formatted(f"# head\n%YAML 1.2\n---\n# more\n{HEAD}...\n") == f"# head\n%YAML 1.2\n---\n# more\n{HEAD}"


@pytest.mark.parametrize(
    ("refused", "code"),
    [("a: [", "NTL001"), ("- a", "NTL103"), (HEAD.replace("v2", "v1"), "NTL110"), ("a: 1", "NTL105"), ("", "NTL009")],
)
def test_what_is_no_playbook_is_refused(refused: str, code: str) -> None:
    done = format_source(refused, "p.yaml")
    assert (done.text, [found.code for found in done.diagnostics]) == (None, [code])
