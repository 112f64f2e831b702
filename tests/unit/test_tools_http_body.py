"""What an http body is as a value (TOO-1, VAL-1)."""

from __future__ import annotations

import pytest

from noetl.compiler.ir import Json
from noetl.compiler.values import NotSerializable
from noetl.runtime.tools.http_body import body_value

JSON = "application/json"


@pytest.mark.parametrize(
    ("content", "content_type", "value"),
    [
        (b"", JSON, None),
        (b"", "text/plain", None),
        (b'{"a": [1, 2.5, null, true]}', JSON, {"a": [1, 2.5, None, True]}),
        (b'{"a": 1}', "application/problem+json; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', "", {"a": 1}),
        (b'{"a": 1}', "text/plain", '{"a": 1}'),
        (b"<p>", "", "<p>"),
        (b"null", JSON, None),
        (b"1180591620717411303424", JSON, 2**70),
        (b"9007199254740993", JSON, 9007199254740993),
        (b"{broken", JSON, "{broken"),
        ('{"ä": "\U0001f600"}'.encode("utf-16"), JSON, {"ä": "\U0001f600"}),
        (b'\xef\xbb\xbf{"a": 1}', JSON, {"a": 1}),
        (b"\xe4", "text/plain; charset=ISO-8859-1", "ä"),
        (b"\xe4", 'text/plain; a=b; charset="latin-1"', "ä"),
        (b"{{ x }}{% y %}", "text/html", "{{ x }}{% y %}"),
    ],
)
def test_values(content: bytes, content_type: str, value: Json) -> None:
    made = body_value(content, content_type)
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("content", "content_type", "words"),
    [
        (b'{"a": 1e400}', JSON, "1e400"),
        (b"[-1e400]", JSON, "-1e400"),
        (b'{"a": NaN}', JSON, "NaN"),
        (b"-Infinity", JSON, "-Infinity"),
        (b"1" * 5000, JSON, "digits"),
        (b"[" * 200_000, JSON, "nests too deep"),
        (b"\xff\xfe\x00", "image/png", "neither JSON nor utf-8 text"),
        (b"a", "text/plain; charset=nonsense", "nonsense"),
    ],
)
def test_what_no_value_holds(content: bytes, content_type: str, words: str) -> None:
    with pytest.raises(NotSerializable, match=words):
        body_value(content, content_type)
