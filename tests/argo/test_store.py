"""Where large values are: a folder, or a bucket."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from noetl.errors import UsageError
from noetl.targets.argo.store import BucketStore, FolderStore, Store, store_at


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of an S3 with the bucket `values`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    address = f"http://127.0.0.1:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{address}/values", method="PUT")).close()
    yield address
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `NOETL_VALUES` may hold."""
    if request.param == "folder":
        return str(tmp_path / "values")
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("bucket"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return "s3://values/of/pods"


def test_a_text_is_there_for_others_once_it_is_kept(address: str) -> None:
    found = store_at(address)
    assert found is not None
    assert found.get("execution/digest") is None
    found.put("execution/digest", '"text"')
    other = store_at(address)
    assert other is not None
    assert other.get("execution/digest") == '"text"'
    other.put("execution/digest", '"text"')
    assert found.get("execution/digest") == '"text"'


@pytest.mark.parametrize(("address", "kind"), [("", type(None)), ("/a", FolderStore), ("s3://b", BucketStore)])
def test_the_address_says_which_it_is(address: str, kind: type) -> None:
    assert isinstance(store_at(address), kind)


def test_where_nothing_can_be_kept_is_told(tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder", encoding="ascii")
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    stores: list[Store] = [FolderStore(tmp_path / "file"), BucketStore("s3://no-such-bucket/x")]
    for store in stores:
        with pytest.raises(UsageError, match="where nothing can be kept"):
            store.put("execution/digest", "1")
