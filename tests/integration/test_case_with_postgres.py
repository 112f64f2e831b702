"""A conformance case whose credentials name a PostgreSQL server of this machine, on the runtime and on the spec."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from noetl.conformance.adapters import runtime, spec
from noetl.conformance.case import Case
from noetl.conformance.observation import Observation, unmet

PLAYBOOK = """
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: case}
workload: {people: [ann, bob, "c'; DROP TABLE people; --", ann]}
workflow:
  - step: start
    tool:
      kind: postgres
      auth: {type: postgres, credential: pg}
      command: |
        CREATE TABLE people (name text PRIMARY KEY, seen int NOT NULL DEFAULT 1);
        CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS $$ SELECT n * 2; $$;
    next: fill
  - step: fill
    loop: {in: "{{ workload.people }}", iterator: person}
    tool: {kind: postgres, auth: pg, command: "INSERT INTO people (name) VALUES (%s)", params: ["{{ person }}"]}
    case:
      - when: "{{ event.name == 'call.error' and error.sqlstate == '23505' }}"
        then: {skip: {reason: "{{ person }} is there"}}
    next: again
  - step: again
    tool: {kind: python, code: "result = [{'name': 'bob', 'seen': 5}, {'name': 'eve'}]"}
    sink: {tool: {kind: postgres, auth: pg, table: public.people, mode: upsert, key: name}}
    next: read
  - step: read
    tool: {kind: postgres, auth: pg, command: "SELECT name, twice(seen) AS n FROM people ORDER BY name"}
    next:
      - step: each
        args:
          first: "{{ read[0].name }}"
          count: "{{ read | length }}"
          names: "{{ read | map(attribute='name') | list }}"
  - step: each
    loop: {in: "{{ read }}", iterator: row}
    tool: {kind: postgres, auth: pg, command: "SELECT %(n)s::int + 1 AS n", params: {n: "{{ row.n }}"}}
    case:
      - when: "{{ event.name == 'call.done' }}"
        then:
          - collect: {from: "response[0].n", into: seen}
          - result: "{{ response.rows }}"
    next: broken
  - step: broken
    tool: {kind: postgres, auth: pg, command: "INSERT INTO people (name) VALUES ('zoe'); SELECT 1/0"}
    case:
      - when: "{{ event.name == 'call.error' }}"
        then:
          next: [{step: end, args: {state: "{{ error.sqlstate }}", statement: "{{ error.statement }}"}}]
  - step: end
    tool: {kind: postgres, auth: pg, command: "SELECT count(*) AS n FROM people WHERE name = 'zoe'"}
"""


def case(address: str) -> Case:
    names = ["ann", "bob", "c'; DROP TABLE people; --", "eve"]
    return Case.model_validate(
        {
            "format": 1,
            "id": "TOO-2-postgres",
            "clauses": ["TOO-2", "SNK-1", "TOO-6"],
            "title": "a server, by credential",
            "credentials": {"pg": {"type": "postgres", "dsn": address}},
            "playbook": PLAYBOOK,
            "expect": {
                "status": "completed",
                "runs": [
                    {"step": "start", "status": "success"},
                    {"step": "fill", "status": "success", "calls": 4},
                    {"step": "again"},
                    {"step": "read", "result_includes": {"row_count": 4, "columns": ["name", "n"]}},
                    {
                        "step": "each",
                        "args": {"first": "ann", "count": 4, "names": names},
                        "result_includes": {"results": [[{"n": 3}], [{"n": 11}], [{"n": 3}], [{"n": 3}]]},
                    },
                    {"step": "broken", "status": "success"},
                    {
                        "step": "end",
                        "args": {"state": "22012", "statement": 1},
                        "result_includes": {"rows": [{"n": 0}]},
                    },
                ],
            },
        }
    )


@pytest.mark.parametrize("observe", [runtime.observe, spec.observe], ids=["runtime", "spec"])
def test_a_case_with_a_server(observe: Callable[[Case], Observation], postgres: str) -> None:
    asked = case(postgres)
    assert unmet(asked, observe(asked)) == []
