"""Playbooks of a given size for the benchmarks."""

from __future__ import annotations

STEP = """
  - step: s{i}
    desc: "Step number {i}"
    args:
      previous: "{{{{ s{j}.value | default(0) }}}}"
    tool:
      kind: http
      method: GET
      url: "{{{{ workload.api }}}}/items/{i}"
      params:
        page: "{{{{ args.previous + 1 }}}}"
    case:
      - when: "{{{{ event.name == 'call.error' and error.status in [500, 502, 503] }}}}"
        then:
          retry:
            max_attempts: 3
            initial_delay: 0.5
      - when: "{{{{ event.name == 'call.done' and response.data.more == true }}}}"
        then:
          - collect:
              from: response.data.items
              into: items
              mode: extend
          - next:
              - step: {following}
                args:
                  token: "{{{{ response.data.token }}}}"
    next:
      - step: {following}
"""

HEAD = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata:
  name: bench_{n}
  path: bench/playbook_{n}
workload:
  api: "https://api.example.com"
workflow:
  - step: start
    next:
      - step: s1
"""


def chain(steps: int, number: int = 0) -> str:
    """A playbook of `steps` steps in a chain, each with a call, a retry, a collect and two edges."""
    names = [f"s{i}" for i in range(steps - 1)] + ["end"]
    body = "".join(STEP.format(i=i, j=max(1, i - 1), following=names[i + 1]) for i in range(1, steps - 1))
    return f"{HEAD.format(n=number)}{body}\n  - step: end\n"
