"""From the fields of an http tool to a request (TOO-1, TOO-6)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import HTTP

import pytest

from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import CallPlace, CredentialMissing, ToolCall
from noetl.runtime.redaction import Redactor
from noetl.runtime.tools.auth import the_credential
from noetl.runtime.tools.failure import CallFailed
from noetl.runtime.tools.http_map import HttpMap
from noetl.runtime.tools.http_request import Prepared, prepare
from noetl.runtime.tools.vault import Vault
from noetl.runtime.tools.web import Web

STORE: Mapping[str, Json] = {
    "bearer": {"type": "bearer", "token": "tok-123456"},
    "basic": {"type": "basic", "username": "ann", "password": "pa:ss"},
    "key": {"type": "api_key", "key": "k-123456", "name": "X-Key"},
    "query_key": {"type": "api_key", "value": "k-654321", "in": "query", "name": "apikey"},
    "text": "bare-secret",
    "pg": {"type": "postgres", "host": "db", "password": "secret"},
    "broken": {"type": "bearer"},
}


def prepared(**fields: object) -> Prepared:
    place = CallPlace("1", 0, 1, 1)
    call = ToolCall("http", {"url": "http://h/p", **fields}, {}, lambda _: MISSING, list, "s", "e", place)
    vault = Vault(MappedCredentials(STORE), Redactor(), Web(HttpMap()))
    return prepare(call, the_credential(call.fields, vault), vault.redactor)


def test_defaults() -> None:
    made = prepared()
    assert (made.method, str(made.url), made.headers, made.content) == ("GET", "http://h/p", {}, None)
    assert made.verify
    assert not made.follow_redirects


def test_params_leave_nulls_out_repeat_lists_and_replace_those_of_the_address() -> None:
    made = prepared(
        url="http://h/p?a=1&a=2&keep=x%20y",
        params={"a": 3, "b": None, "c": [1, None, "z"], "t": True, "f": 1.5, "m": {"k": [1]}},
    )
    assert made.url.params.multi_items() == [
        ("keep", "x y"),
        ("a", "3"),
        ("c", "1"),
        ("c", "z"),
        ("t", "true"),
        ("f", "1.5"),
        ("m", '{"k":[1]}'),
    ]


def test_without_params_the_address_stays_as_written() -> None:
    assert str(prepared(url="http://h/p?a=b%20c&d", params={"x": None}).url) == "http://h/p?a=b%20c&d"


def test_headers_leave_nulls_out_and_carry_any_text() -> None:
    made = prepared(headers={"X-A": 1, "x-b": None, "X-C": "ä", "X-L": [1, 2]})
    assert made.wire_headers() == [(b"x-a", b"1"), (b"x-c", "ä".encode()), (b"x-l", b"[1,2]")]


@pytest.mark.parametrize("headers", [{"a b": "x"}, {"a": "x\r\ny: z"}, {"a": "x\ny"}])
def test_a_header_cannot_smuggle_another_one(headers: dict[str, str]) -> None:
    with pytest.raises(CallFailed, match="no header can have"):
        prepared(headers=headers).wire_headers()


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ({"a": [1, None]}, b'{"a":[1,null]}'),
        ([1], b"[1]"),
        ("text", b'"text"'),
        (2**70, b"1180591620717411303424"),
        (False, b"false"),
        ("ä", b'"\\u00e4"'),
    ],
)
def test_a_body_is_json_by_default(body: object, content: bytes) -> None:
    made = prepared(method="post", body=body)
    assert (made.method, made.content, made.headers["content-type"]) == ("POST", content, "application/json")


@pytest.mark.parametrize("kind", ["text/csv", "application/json", "application/x-www-form-urlencoded"])
def test_a_text_goes_as_it_stands_where_the_type_is_given(kind: str) -> None:
    made = prepared(headers={"Content-Type": kind}, body="a=1&b={{ x }}")
    assert (made.content, made.headers["content-type"]) == (b"a=1&b={{ x }}", kind)


def test_a_map_as_a_form() -> None:
    made = prepared(
        headers={"content-TYPE": "application/x-www-form-urlencoded"}, body={"a": "x y", "b": None, "c": [1, 2]}
    )
    assert made.content == b"a=x+y&c=1&c=2"


def test_a_map_as_parts_is_the_same_bytes_each_time() -> None:
    made, again = (
        prepared(headers={"content-type": "multipart/form-data"}, body={'a"': "x", "b": 1}) for _ in range(2)
    )
    assert made.content == again.content
    assert made.content is not None
    boundary = made.headers["content-type"].partition("boundary=")[2]
    assert made.content.decode().split(f"--{boundary}") == [
        "",
        '\r\ncontent-disposition: form-data; name="a%22"\r\n\r\nx\r\n',
        '\r\ncontent-disposition: form-data; name="b"\r\n\r\n1\r\n',
        "--\r\n",
    ]


def test_another_type_still_carries_json() -> None:
    made = prepared(headers={"content-type": "application/vnd.api+json"}, body={"a": 1})
    assert (made.content, made.headers["content-type"]) == (b'{"a":1}', "application/vnd.api+json")


def test_an_idempotency_key_where_the_tool_says_so() -> None:
    assert prepared(idempotency_key=True).headers == {"idempotency-key": "e:1:0:1:1"}
    assert prepared(idempotency_key=False).headers == {}


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ("bearer", {"authorization": "Bearer tok-123456"}),
        ("text", {"authorization": "Bearer bare-secret"}),
        ("basic", {"authorization": "Basic YW5uOnBhOnNz"}),
        ("key", {"x-key": "k-123456"}),
        ({"type": "bearer", "credential": "text"}, {"authorization": "Bearer bare-secret"}),
        ({"type": "api_key", "credential": "text"}, {"x-api-key": "bare-secret"}),
        ({"type": "basic", "username": "u", "password": "p"}, {"authorization": "Basic dTpw"}),
        ({"api": {"type": "bearer", "credential": "bearer"}}, {"authorization": "Bearer tok-123456"}),
        ({}, {}),
        (None, {}),
        ("", {}),
    ],
)
def test_auth(auth: object, header: dict[str, str]) -> None:
    assert prepared(auth=auth).headers == header


def test_a_key_in_the_query() -> None:
    assert prepared(url="http://h/p?a=1", auth="query_key").url.params.multi_items() == [
        ("a", "1"),
        ("apikey", "k-654321"),
    ]


@pytest.mark.parametrize("auth", ["nobody", {"type": "bearer", "credential": "nobody"}, "broken"])
def test_a_credential_that_is_not_there(auth: object) -> None:
    with pytest.raises(CredentialMissing, match=r"nobody|broken"):
        prepared(auth=auth)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"url": None}, "TypeError"),
        ({"url": 5}, "TypeError"),
        ({"url": "no address"}, "ValueError"),
        ({"url": "ftp://h"}, "ValueError"),
        ({"url": "http://"}, "ValueError"),
        ({"url": "http://h\0/"}, "ValueError"),
        ({"url": "http://h:99999999/"}, "ValueError"),
        ({"method": "G E T"}, "TypeError"),
        ({"method": 1}, "TypeError"),
        ({"headers": []}, "TypeError"),
        ({"params": "a=1"}, "TypeError"),
        ({"headers": {"content-type": "application/x-www-form-urlencoded"}, "body": [1]}, "TypeError"),
        ({"headers": {"content-type": "multipart/form-data"}, "body": [1]}, "TypeError"),
        ({"body_b64": "%"}, "ValueError"),
        ({"auth": ["bearer"]}, "TypeError"),
        ({"auth": {"a": "bearer", "b": "key"}}, "ValueError"),
        ({"auth": "pg"}, "Unsupported"),
    ],
)
def test_a_wrong_field_is_a_failed_call(fields: dict[str, object], kind: str) -> None:
    with pytest.raises(CallFailed) as caught:
        prepared(**fields)
    assert caught.value.error["type"] == kind


def test_bytes_are_sent_as_they_are() -> None:
    data = bytes(range(256))
    made = prepared(method="PUT", body_b64=b64encode(data).decode(), body={"not": "sent"})
    assert (made.content, made.headers) == (data, {"content-type": "application/octet-stream"})
    typed = prepared(method="PUT", body_b64=b64encode(data).decode(), headers={"Content-Type": "image/png"})
    assert typed.headers == {"content-type": "image/png"}


def parts_of(made: Prepared) -> list[tuple[str | None, str | None, str, bytes]]:
    """Name, file name, content type and content of every part, as Python's own parser of messages reads them."""
    head = f"content-type: {made.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + (made.content or b""), policy=HTTP)
    assert not message.defects
    found: list[tuple[str | None, str | None, str, bytes]] = []
    for part in message.walk():
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            name = part.get_param("name", header="content-disposition")
            found.append((str(name), part.get_filename(), part.get_content_type(), content))
    return found


def test_parts_and_files() -> None:
    body = {
        "text": "ä {{ x }}",
        "number": 1.5,
        "nothing": None,
        "many": ["a", "b"],
        "map": {"k": [1]},
        "report": {"filename": "a.csv", "content": "x,y\r\n"},
        "picture": {
            "filename": "p.png",
            "content_b64": b64encode(b"\x89PNG\xff\0").decode(),
            "content_type": "image/png",
        },
        "data": [
            {"filename": "d.json", "content": {"a": 1}},
            {"filename": "e", "content": "{}", "content_type": "x/y"},
        ],
    }
    multipart = {"Content-Type": "multipart/form-data"}
    made = prepared(method="POST", headers=multipart, body=body)
    assert parts_of(made) == [
        ("text", None, "text/plain", "ä {{ x }}".encode()),
        ("number", None, "text/plain", b"1.5"),
        ("many", None, "text/plain", b"a"),
        ("many", None, "text/plain", b"b"),
        ("map", None, "text/plain", b'{"k":[1]}'),
        ("report", "a.csv", "text/plain", b"x,y\r\n"),
        ("picture", "p.png", "image/png", b"\x89PNG\xff\0"),
        ("data", "d.json", "application/octet-stream", b'{"a":1}'),
        ("data", "e", "x/y", b"{}"),
    ]
    assert prepared(method="POST", headers=multipart, body=body).content == made.content


@pytest.mark.parametrize(
    "file",
    [
        {"filename": "a", "text": "b"},
        {"filename": "a", "content_b64": "%"},
        {"filename": "a", "content": "b", "content_type": "a/b\r\nx: y"},
    ],
)
def test_a_file_that_is_none(file: dict[str, object]) -> None:
    with pytest.raises(CallFailed):
        prepared(method="POST", headers={"content-type": "multipart/form-data"}, body={"f": file})


def test_no_name_ends_a_line() -> None:
    made = prepared(
        headers={"content-type": "multipart/form-data"}, body={'a"\r\nb': {"filename": 'c"\nd', "content": ""}}
    )
    assert b'name="a%22%0D%0Ab"; filename="c%22%0Ad"' in (made.content or b"")
