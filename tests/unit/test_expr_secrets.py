"""Secrets are names until the moment of the call (TOO-6, TOO-7, TOO-11)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from noetl.compiler.expr import evaluate, render
from noetl.compiler.values import (
    MISSING,
    Encoded,
    NotSerializable,
    SecretNames,
    SecretRef,
    SecretText,
    TemplateFailed,
    mask,
    open_secrets,
    plain,
    truth,
)


class Names(dict[str, object]):
    def lookup(self, name: str) -> object:
        return self.get(name, MISSING)


SCOPE = Names(secret=SecretNames("secret"), keychain=SecretNames("keychain"), user="ann", n=1)
VALUES = {SecretRef("A"): "alpha", SecretRef("B"): "b-é", SecretRef("db", "password"): "pw"}
A = SecretRef("A")
MISUSE = 'A secret can only be joined to text with "~" or "+", or encoded with "b64encode"'


@pytest.mark.parametrize(
    ("template", "value", "shown", "opened"),
    [
        ("{{ secret.A }}", A, "<secret A>", "alpha"),
        ("{{ secret['A'] }}\n", A, "<secret A>", "alpha"),
        ("{{ secret['a' | upper] }}", A, "<secret A>", "alpha"),
        ("{{ keychain.db.password }}", SecretRef("db", "password"), "<keychain db.password>", "pw"),
        ("Bearer {{ secret.A }}", SecretText(("Bearer ", A)), "Bearer <secret A>", "Bearer alpha"),
        ("{{ 'x' ~ secret.A ~ n }}", SecretText(("x", A, "1")), "x<secret A>1", "xalpha1"),
        ("{{ 'x' + secret.A + 'y' }}", SecretText(("x", A, "y")), "x<secret A>y", "xalphay"),
        ("{{ secret.A ~ '' }}", A, "<secret A>", "alpha"),
        ("{{ [user, secret.A] | join(':') }}", SecretText(("ann:", A)), "ann:<secret A>", "ann:alpha"),
        ("{{ nope | default(secret.A) }}", A, "<secret A>", "alpha"),
        ("{{ secret.A | default('x') }}", A, "<secret A>", "alpha"),
        ("{{ secret.A if n else 'x' }}", A, "<secret A>", "alpha"),
        ("{% set t = secret.A %}{{ t }}{{ t }}", SecretText((A, A)), "<secret A><secret A>", "alphaalpha"),
        (
            "{% for i in [1, 2] %}{{ secret.A }},{% endfor %}",
            SecretText((A, ",", A, ",")),
            "<secret A>,<secret A>,",
            "alpha,alpha,",
        ),
        ("{% set t %}<{{ secret.A }}>{% endset %}{{ t }}", SecretText(("<", A, ">")), "<<secret A>>", "<alpha>"),
        ("{% macro m(x) %}{{ x }}!{% endmacro %}{{ m(secret.A) }}", SecretText((A, "!")), "<secret A>!", "alpha!"),
        ("{{ {'h': 'T ' ~ secret.A} }}", {"h": SecretText(("T ", A))}, {"h": "T <secret A>"}, {"h": "T alpha"}),
        ("{{ [secret.A] }}", [A], ["<secret A>"], ["alpha"]),
    ],
)
def test_a_secret_in_a_template(template: str, value: object, shown: object, opened: object) -> None:
    made = render(template, SCOPE)
    assert made == value
    assert mask(made) == shown
    assert open_secrets(made, VALUES.__getitem__) == opened
    with pytest.raises(NotSerializable, match="is a secret"):
        plain(made)


def test_basic_authentication_is_encoded_when_it_is_opened() -> None:
    made = render("Basic {{ (user ~ ':' ~ secret.B) | b64encode }}", SCOPE)
    assert made == SecretText(("Basic ", Encoded(SecretText(("ann:", SecretRef("B"))))))
    assert mask(made) == "Basic <b64encode ann:<secret B>>"
    assert open_secrets(made, VALUES.__getitem__) == "Basic " + b64encode("ann:b-é".encode()).decode()
    twice = render("{{ secret.A | b64encode | b64encode }}", SCOPE)
    assert open_secrets(twice, VALUES.__getitem__) == b64encode(b64encode(b"alpha")).decode()


@pytest.mark.parametrize(
    "expression",
    [
        "secret.A == 'alpha'",
        "'alpha' != secret.A",
        "secret.A < 'b'",
        "secret.A and 1",
        "not secret.A",
        "1 if secret.A else 2",
        "secret.A | upper",
        "secret.A | length",
        "secret.A | list",
        "secret.A | tojson",
        "secret.A | b64encode | b64decode",
        "secret.A | replace('a', 'b')",
        "secret.A | default('x', true)",
        "'%s' | format(secret.A)",
        "'{}'.format(secret.A)",
        "'%s' % secret.A",
        "[secret.A] | string",
        "[secret.A] ~ ''",
        "[[secret.A]] | join(',') ",
        "{'a': secret.A} | tojson",
        "secret.A[0]",
        "secret.A[:1]",
        "secret.A.upper()",
        "secret.A.startswith('a')",
        "'a' in secret.A",
        "secret.A in ['a']",
        "'a' in [secret.A]",
        "secret.A + 1",
        "secret.A * 2",
        "-secret.A",
        "user[secret.A]",
        "{secret.A: 1}",
        "[1][secret.A]",
        "secret[1]",
        "secret.A is upper",
    ],
)
def test_every_other_use_of_a_secret_fails(expression: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        evaluate(expression, SCOPE)
    assert str(caught.value).endswith(MISUSE)


def test_what_does_not_need_the_value_works() -> None:
    assert evaluate("secret.A is defined", SCOPE) is True
    assert evaluate("secret.A is none", SCOPE) is False
    assert evaluate("secret.A is string", SCOPE) is False


def test_the_roots_are_no_values() -> None:
    for template in ("{{ secret }}", "{{ keychain.db }}"):
        value = render(template, SCOPE)
        for reader in (plain, mask):
            with pytest.raises(NotSerializable, match="is a secret"):
                reader(value)
    with pytest.raises(TemplateFailed):
        render("x{{ secret }}", SCOPE)


@pytest.mark.parametrize("value", [A, SecretText(("x", A)), SecretNames("secret")])
def test_a_secret_has_no_truth(value: object) -> None:
    with pytest.raises(TemplateFailed, match="neither true nor false"):
        truth(value)


def test_a_secret_that_is_not_found_says_so() -> None:
    with pytest.raises(KeyError):
        open_secrets({"a": SecretRef("C")}, VALUES.__getitem__)


def test_showing_a_reference_never_shows_a_value() -> None:
    assert str(SecretText(("u:", A))) == "u:<secret A>"
    assert f"{SecretRef('db', 'password')}" == "<keychain db.password>"
