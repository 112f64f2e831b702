"""Small parts of the tools: where code comes from, the address map, what is printed, the real clock and ids."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from noetl.errors import UsageError
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.redaction import Redactor
from noetl.runtime.system import RandomIds, SystemClock
from noetl.runtime.tools.failure import CallFailed, clean
from noetl.runtime.tools.http_map import HttpMap
from noetl.runtime.tools.kind import PRINTED_BYTES, Place, Printed
from noetl.runtime.tools.script import MAX_BYTES, source_text
from noetl.runtime.tools.vault import Vault
from noetl.runtime.tools.web import Web


def text_of(fields: Mapping[str, object], folder: Path) -> str:
    web = Web(HttpMap())
    place = Place(Vault(MappedCredentials({}), Redactor(), web), folder, {}, web)
    return asyncio.run(source_text(fields, "code", place))


def test_script_comes_before_base64_before_code(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("of file")
    fields: dict[str, object] = {"code": "of code"}
    assert text_of(fields, tmp_path) == "of code"
    fields["code_b64"] = b64encode("of b64 {{ ä }}".encode()).decode() + "\n"
    assert text_of(fields, tmp_path) == "of b64 {{ ä }}"
    fields["script"] = {"uri": "a.py", "source": {"type": "file"}}
    assert text_of(fields, tmp_path) == "of file"
    fields["script"] = {"source": {"type": "inline", "code": "of source"}}
    assert text_of(fields, tmp_path) == "of source"
    fields["script"] = {"uri": f"file://{tmp_path}/a.py"}
    assert text_of(fields, Path("/")) == "of file"


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({}, "TypeError", 'none of "script", "code_b64" and "code"'),
        ({"code": 5}, "TypeError", "no text"),
        ({"code_b64": "%%%"}, "ValueError", "Base64"),
        ({"code_b64": b64encode(b"\xff").decode()}, "ValueError", "UTF-8"),
        ({"script": {"uri": "none.py"}}, "FileNotFoundError", 'script "none.py" cannot be read'),
        ({"script": {"uri": "."}}, "IsADirectoryError", "cannot be read"),
        ({"script": {"uri": "a\0b"}}, "ValueError", "cannot be read"),
        ({"script": {"uri": "binary"}}, "ValueError", "not UTF-8 text"),
        ({"script": {"uri": "large"}}, "LimitExceeded", "larger than"),
        ({"script": {}}, "TypeError", 'place in "uri"'),
        ({"script": "a.py"}, "TypeError", 'place in "uri"'),
        ({"script": {"source": {"type": "inline"}}}, "TypeError", "source.code"),
        (
            {"script": {"uri": "a", "source": {"type": "ftp"}}},
            "Unsupported",
            '"ftp".*"file", "gcs", "http", "inline", "s3"',
        ),
        ({"script": {"uri": "b/k", "source": {"type": "s3"}}}, "ValueError", 'does not begin with "s3://"'),
        ({"script": {"uri": "s3://b/k", "source": {"type": "gcs"}}}, "ValueError", 'does not begin with "gs://"'),
        ({"script": {"uri": "a.py", "source": {"type": "http"}}}, "TypeError", 'no "endpoint"'),
        ({"script": {"uri": "ftp://a", "source": {"type": "http"}}}, "TypeError", 'no "endpoint"'),
        ({"script": {"uri": "a", "source": {"type": "http", "timeout": 0}}}, "TypeError", "above 0"),
    ],
)
def test_code_that_is_not_there(tmp_path: Path, fields: dict[str, object], kind: str, words: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(CallFailed, match=words) as caught:
        text_of(fields, tmp_path)
    assert caught.value.error["type"] == kind
    assert str(tmp_path) not in str(caught.value)


def test_the_map_takes_the_longest_prefix_that_ends_a_segment() -> None:
    made = HttpMap.parse("https://a=http://127.0.0.1:1, https://a/v2=http://127.0.0.1:2/x/,http://b:8080=https://c,")
    assert made.apply("https://a") == "http://127.0.0.1:1"
    assert made.apply("https://a/v1/y?z=1") == "http://127.0.0.1:1/v1/y?z=1"
    assert made.apply("https://a?z=1") == "http://127.0.0.1:1?z=1"
    assert made.apply("https://a/v2/y") == "http://127.0.0.1:2/x/y"
    assert made.apply("https://a/v22") == "http://127.0.0.1:1/v22"
    assert made.apply("http://b:8080/p?q=https://a/v2") == "https://c/p?q=https://a/v2"
    for other in ("https://ab/x", "http://a/x", "https://a.b/", "http://b:80801/"):
        assert made.apply(other) == other
    assert list(made.origins()) == ["http://b:8080", "https://a"]
    assert HttpMap.parse("").apply("https://a") == "https://a"


@pytest.mark.parametrize("text", ["a", "https://a", "https://a=b", "ftp://a=http://b", "a=http://b"])
def test_a_map_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="NOETL_HTTP_MAP"):
        HttpMap.parse(text)


def test_only_so_much_of_what_is_printed_is_kept() -> None:
    printed = Printed()
    for _ in range(3):
        printed.write(b"x" * PRINTED_BYTES)
    assert printed.text(str) == "x" * PRINTED_BYTES + f"\n... {2 * PRINTED_BYTES} more bytes\n"


def test_no_secret_is_cut_in_two_where_what_is_printed_is_cut() -> None:
    redactor = Redactor()
    redactor.learn("c4n4ry-in-the-middle")
    for before in range(PRINTED_BYTES - 25, PRINTED_BYTES + 5):
        printed = Printed()
        printed.write(b"x" * before + b"c4n4ry-in-the-middle" + b"y" * PRINTED_BYTES)
        shown = printed.text(redactor.text)
        assert "c4n" not in shown
        assert shown.startswith("x" * min(before, PRINTED_BYTES))


def test_what_is_printed_is_text_that_json_can_carry() -> None:
    printed = Printed()
    printed.write("ä\0".encode() + b"\xff\n")
    assert printed.text(str) == "ä\\x00\\xff\n"
    assert clean("a\ud800\0") == "a\\ud800\\x00"


def test_the_real_clock() -> None:
    clock = SystemClock()
    now = datetime.fromisoformat(clock.now())
    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)
    assert len(clock.now()) == len("2026-01-31T12:00:00.000000+00:00")
    before = clock.monotonic()
    asyncio.run(clock.sleep(0.02))
    assert clock.monotonic() - before >= 0.02
    assert not clock.virtual


def test_ids_differ() -> None:
    ids = {RandomIds().execution_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(UUID(text).version == 4 for text in ids)
