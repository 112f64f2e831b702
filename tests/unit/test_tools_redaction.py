"""Known secrets are taken out in every form in which they travel (TOO-6)."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus, urlencode

import pytest

from noetl.compiler.ir import Json
from noetl.runtime.redaction import MASK, Redactor

SECRET = 'pä$$ "w\\ord"/+\n?'


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.learn(SECRET)
    return made


FORMS = [
    SECRET,
    quote(SECRET),
    quote(SECRET, safe=""),
    quote_plus(SECRET),
    quote(SECRET, safe="").lower(),
    urlencode({"p": SECRET}),
    json.dumps(SECRET),
    json.dumps({"p": SECRET}),
    json.dumps(json.dumps({"p": SECRET})),
    json.dumps(SECRET, ensure_ascii=False),
    repr(SECRET),
    repr({"p": [SECRET]}),
    SECRET.encode().hex(),
    SECRET.encode().hex().upper(),
    SECRET.encode().decode("latin-1"),
    html.escape(SECRET),
    "p%c3%a4$$%20%22w\\ord%22/+%0a?",
    json.dumps(json.dumps(json.dumps(SECRET))),
    b64encode(SECRET.encode()).decode(),
    urlsafe_b64encode(SECRET.encode()).decode(),
    *(b64encode(b"x" * before + SECRET.encode() + b"yz").decode() for before in range(1, 5)),
    b64encode(f"user:{SECRET}".encode()).decode(),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form(redactor: Redactor, form: str) -> None:
    text = redactor.text(f"before {form} after")
    assert MASK in text
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert redactor.holds(form)
    assert not redactor.holds(text)


def test_values_are_redacted_everywhere_and_otherwise_equal(redactor: Redactor) -> None:
    redactor.learn("12345678")
    value: Json = {"a": [SECRET, 1, None, {SECRET: "x"}], "n": 12345678, "f": 1.5, "t": True}
    assert redactor.value(value) == {"a": [MASK, 1, None, {MASK: "x"}], "n": MASK, "f": 1.5, "t": True}


def test_the_longer_of_two_secrets_goes_first() -> None:
    redactor = Redactor()
    redactor.learn("token")
    redactor.learn("token-of-ann")
    assert redactor.text("token-of-ann token") == f"{MASK} {MASK}"


def test_a_value_too_short_to_hide_is_left_alone() -> None:
    redactor = Redactor()
    redactor.learn("abc")
    redactor.learn("")
    assert redactor.text("abcdef") == "abcdef"
    assert not redactor.holds("abc")


def test_nothing_known_nothing_changed() -> None:
    value: Json = {"a": ["x"]}
    assert Redactor().value(value) is value


def test_the_lines_of_a_secret_of_several_lines() -> None:
    made = Redactor()
    made.learn("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w\nshort\n-----END KEY-----\n")
    assert made.text("at MIIEvQIBADANBgkqhkiG9w, short -----BEGIN KEY-----") == f"at {MASK}, short -----BEGIN KEY-----"
