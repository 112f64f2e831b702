"""What the sample playbooks find around them: local servers as probe scripts, a script, tables."""

from __future__ import annotations

from pathlib import Path

from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe

ORIGINS = (
    "https://api.example.com",
    "http://paginated-api.test-server.svc.cluster.local:5555",
    "https://httpbin.org",
    "https://jsonplaceholder.typicode.com",
)
"""What the playbooks call; every one is mapped to the probe."""
SCRIPT_PATH = Path("tests/fixtures/playbooks/script_execution/scripts/hello_world.py")
"""Where `script_file` has its script, from its own folder."""
SCRIPT = """
def main(name, count):
    messages = [f"Hello, {name}! ({n})" for n in range(1, int(count) + 1)]
    return {"status": "success", "total_greetings": len(messages), "script_source": "file", "messages": messages}
"""
TABLES = """
CREATE TABLE simple_test_flat (
    test_id text PRIMARY KEY, test_name text, test_value int, storage_type text, test_execution text);
CREATE TABLE simple_test_nested (
    test_id text PRIMARY KEY, test_name text, test_data jsonb, storage_type text, test_execution text);
CREATE TABLE test_summary (
    summary_type text, total_records bigint, avg_value numeric, test_execution text, created_at timestamptz)"""
"""What `save_all_storage_types` writes to and does not make."""
WRITTEN = Path("/tmp/noetl_test_unknown.json")
"""What the code of `save_all_storage_types` writes, wherever it runs."""
POSTS: list[dict[str, Json]] = [
    {"id": 1, "userId": 1, "title": "it's; -- a title", "body": "two\nlines, 'quoted'"},
    {"id": 2, "userId": 1, "title": "{{ workload.pg_auth }}", "body": "%s $1 \\ é"},
    {"id": 7, "userId": 3, "title": "", "body": "x" * 80},
]

_PEOPLE: list[Json] = [{"id": n, "name": f"n{n}"} for n in range(1, 36)]


def _cuts(size: int) -> list[list[Json]]:
    return [_PEOPLE[at : at + size] for at in range(0, len(_PEOPLE), size)]


def scripts() -> dict[str, list[dict[str, Json]]]:
    """Replies by label: three pages after a 503, 35 events by cursor, 35 users by offset, posts."""
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
    posts: list[Json] = [*POSTS]
    return {"data": pages, "api/v1/events": events, "api/v1/users": users, "posts": [{"json": posts}]}


def mapped(probe: Probe) -> str:
    """`NOETL_HTTP_MAP` for a probe."""
    return ",".join(f"{origin}={probe.url}" for origin in ORIGINS)
