"""Credential stores and the vault that opens them (TOO-6, TOO-7, TOO-11)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from noetl.compiler.values import SecretRef, SecretText
from noetl.errors import UsageError
from noetl.runtime.credentials import (
    ChainedCredentials,
    EnvironmentCredentials,
    MappedCredentials,
    from_file,
    local_credentials,
    variable,
)
from noetl.runtime.ports import Credential, CredentialMissing
from noetl.runtime.redaction import MASK, Redactor
from noetl.runtime.tools.http_map import HttpMap
from noetl.runtime.tools.vault import Vault
from noetl.runtime.tools.web import Web


def test_names_of_variables() -> None:
    assert variable("my-api.v2") == "NOETL_CREDENTIAL_MY_API_V2"
    assert variable("naïve/x") == "NOETL_CREDENTIAL_NA_VE_X"


def test_the_environment_holds_objects_and_bare_texts() -> None:
    store = EnvironmentCredentials(
        {
            "NOETL_CREDENTIAL_A": '{"type": "bearer", "token": "t"}',
            "NOETL_CREDENTIAL_B": "plain text",
            "NOETL_CREDENTIAL_C": "{not json",
        }
    )
    assert store.get("a") == Credential("a", "bearer", {"token": "t"})
    assert store.get("b") == Credential("b", "text", {"value": "plain text"})
    assert store.get("c") == Credential("c", "text", {"value": "{not json"})
    with pytest.raises(CredentialMissing, match=r'"nobody".*NOETL_CREDENTIAL_NOBODY'):
        store.get("nobody")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_file(tmp_path: Path, as_json: bool) -> None:
    path = tmp_path / "credentials"
    entries = {"pg": {"type": "postgres", "host": "db", "port": 5432}, "t": "text"}
    path.write_text(json.dumps(entries) if as_json else "pg: {type: postgres, host: db, port: 5432}\nt: text\n")
    store = from_file(path)
    assert store.get("pg") == Credential("pg", "postgres", {"host": "db", "port": 5432})
    assert store.get("t").fields == {"value": "text"}
    with pytest.raises(CredentialMissing, match='"x"'):
        store.get("x")


@pytest.mark.parametrize(
    "written", ["0123", "007", "123e4", "1.50", "1_000", "0x1F", "2024-01-02", "9" * 40, "+1", ".inf"]
)
def test_a_secret_that_yaml_reads_as_a_number_stays_as_it_was_written(tmp_path: Path, written: str) -> None:
    (tmp_path / "c").write_text(f"a: {{type: bearer, token: {written}}}\n")
    assert from_file(tmp_path / "c").get("a").fields == {"token": written}


def test_an_empty_file_has_no_credentials(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("# none\n")
    with pytest.raises(CredentialMissing):
        from_file(tmp_path / "c").get("x")


@pytest.mark.parametrize(
    "text", ["a: [", "- hidden-1\n", "a: 5\n", "a: {type: [hidden-1]}\n", "5: hidden-1\n", "a: &x [*x]"]
)
def test_a_wrong_file_is_refused_without_its_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(UsageError) as caught:
        from_file(tmp_path / "c")
    assert "hidden-1" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        from_file(tmp_path / "nothing")


def test_the_first_store_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a: from-file\n")
    environ = {"NOETL_CREDENTIAL_A": "from-environment", "NOETL_CREDENTIAL_B": "b"}
    store = local_credentials(tmp_path / "c", environ)
    assert store.get("a").fields == {"value": "from-file"}
    assert store.get("b").fields == {"value": "b"}
    with pytest.raises(CredentialMissing, match="NOETL_CREDENTIAL_C"):
        store.get("c")
    assert local_credentials(None, environ).get("a").fields == {"value": "from-environment"}
    with pytest.raises(CredentialMissing, match='"a"'):
        ChainedCredentials().get("a")


def test_a_credential_shows_no_field() -> None:
    shown = repr(Credential("a", "bearer", {"token": "hidden-1"}))
    assert "hidden-1" not in shown
    assert "bearer" in shown


STORE = MappedCredentials(
    {
        "token": "hidden-token",
        "bearer": {"type": "bearer", "token": "hidden-bearer"},
        "pg": {"type": "postgres", "host": "public-host", "user": "public-user", "password": "hidden-password"},
        "two": {"type": "custom", "a": "hidden-a", "b": {"user": "public-user", "c": ["hidden-c", 12345678]}},
    }
)


def test_secrets_are_opened_inside_of_fields() -> None:
    vault = Vault(STORE, Redactor(), Web(HttpMap()))
    fields = {
        "headers": {"X": SecretText(("Token ", SecretRef("token")))},
        "list": [SecretRef("bearer"), 1, None],
        "field": SecretRef("pg", "host"),
    }
    assert asyncio.run(vault.opened(fields)) == {
        "headers": {"X": "Token hidden-token"},
        "list": ["hidden-bearer", 1, None],
        "field": "public-host",
    }
    assert vault.redactor.text("hidden-token hidden-bearer hidden-password") == f"{MASK} {MASK} {MASK}"


def test_the_only_secret_of_a_credential_is_its_text() -> None:
    vault = Vault(STORE, Redactor(), Web(HttpMap()))
    assert asyncio.run(vault.secret(SecretRef("pg"))) == "hidden-password"
    with pytest.raises(CredentialMissing, match="not one secret text"):
        asyncio.run(vault.secret(SecretRef("two")))
    with pytest.raises(CredentialMissing, match='no field "x"'):
        asyncio.run(vault.secret(SecretRef("pg", "x")))
    with pytest.raises(CredentialMissing, match='"nobody"'):
        asyncio.run(vault.secret(SecretRef("nobody")))


def test_what_is_known_after_opening() -> None:
    vault = Vault(STORE, Redactor(), Web(HttpMap()))
    vault.credential("two")
    assert vault.redactor.text("hidden-a hidden-c public-user 12345678") == f"{MASK} {MASK} public-user {MASK}"
    assert not vault.redactor.holds("hidden-token")
