"""A tool call on its way through the queue is the call that the engine made."""

from __future__ import annotations

import json

from noetl.compiler.values import MISSING, Encoded, SecretRef, SecretText
from noetl.runtime.ports import CallPlace, ToolCall
from noetl.runtime.queue.wire import packed, unpacked

NAMES = {"workload": {"a": 1}, "args": {"x": 1}, "rows": [10**40, None, "{{ x }}"]}
PLACE = CallPlace("0.1/2.0", 3, 4, 5, "")


def sent(kind: str, fields: dict[str, object], args: dict[str, object] | None = None) -> ToolCall:
    request = ToolCall(
        kind,
        fields,
        args or {},
        lambda n: NAMES.get(n, MISSING),
        lambda: NAMES,
        "step",
        "one",
        PLACE,
        timeout=1.5,
        caller="0.0:0:1:1/",
    )
    return unpacked(json.loads(json.dumps(packed(request))))


def test_secrets_travel_as_names_at_any_depth() -> None:
    entry = {"name": "k", "auth": SecretRef("other"), "list": [SecretText(("a", SecretRef("b", "field")))]}
    fields: dict[str, object] = {
        "url": SecretText(("https://", SecretRef("host", None, "gcp", entry), Encoded(SecretText((SecretRef("t"),))))),
        "headers": {"x": [1, SecretRef("key")], "ref": {"ref": ["name", None, None, None]}},
    }
    found = sent("http", fields, {"secret": SecretRef("only")})
    assert found.fields == fields
    assert found.args == {"secret": SecretRef("only")}
    url = found.fields["url"]
    assert isinstance(url, SecretText)
    ref = url.parts[1]
    assert isinstance(ref, SecretRef)
    assert ref.entry == entry
    assert (found.place, found.timeout, found.idempotency_key) == (PLACE, 1.5, "one:0.1/2.0:3:4:5")
    assert found.where == "0.0:0:1:1/0.1/2.0:3:4:5"


def test_python_code_gets_the_names_that_it_may_ask_for() -> None:
    main = sent("python", {"code": "def main(rows, x, missing=1): return rows"}, {"x": 2})
    assert main.names("rows") == NAMES["rows"]
    assert (main.names("workload"), main.names("missing")) == (MISSING, MISSING)
    bare = sent("python", {"code": "result = workload"})
    assert (bare.names("workload"), bare.names("rows")) == (NAMES["workload"], MISSING)
    whole = sent("python", {"code": "def main(context): return context"})
    assert {name: whole.names(name) for name in whole.root_names()} == NAMES
    fetched = sent("python", {"script": {"uri": "a.py"}})
    assert list(fetched.root_names()) == list(NAMES)
    encoded = sent("python", {"code_b64": "cmVzdWx0ID0gcm93cw=="})
    assert encoded.names("rows") == NAMES["rows"]


def test_other_kinds_take_no_names_along() -> None:
    assert list(sent("http", {"url": "http://x"}).root_names()) == []
    assert list(sent("of_a_plug_in", {}).root_names()) == list(NAMES)
