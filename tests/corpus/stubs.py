"""The local servers that the sample playbooks talk to, as probe scripts."""

from __future__ import annotations

from noetl.compiler.ir import Json

ORIGINS = ("https://api.example.com", "http://paginated-api.test-server.svc.cluster.local:5555")
"""What the playbooks call; every one is mapped to the probe."""

_PEOPLE: list[Json] = [{"id": n, "name": f"n{n}"} for n in range(1, 36)]


def _cuts(size: int) -> list[list[Json]]:
    return [_PEOPLE[at : at + size] for at in range(0, len(_PEOPLE), size)]


def scripts() -> dict[str, list[dict[str, Json]]]:
    """Replies by label: three pages after a 503, 35 events by cursor, 35 users by offset."""
    pages: list[dict[str, Json]] = [{"status": 503, "text": "busy"}]
    for number in (1, 2, 3):
        paging: Json = {"page": number, "pageSize": 100, "hasMore": number < 3}
        pages.append({"json": {"paging": paging, "items": [{"n": number}, {"n": -number, "text": "{{ workload }}"}]}})
    events: list[dict[str, Json]] = []
    users: list[dict[str, Json]] = []
    cuts = _cuts(10)
    for number, cut in enumerate(cuts):
        last = number == len(cuts) - 1
        cursor: Json = None if last else f"c{number}"
        events.append({"json": {"events": cut, "next_cursor": cursor, "limit": 10}})
        users.append({"json": {"users": cut, "has_more": not last, "offset": number * 10, "limit": 10}})
    return {"data": pages, "api/v1/events": events, "api/v1/users": users}
