"""NTL601: a secret written into the playbook (TOO-6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

from noetl.compiler.checked import Checked
from noetl.compiler.document import holds_template
from noetl.compiler.findings import quoted
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.diagnostics import Diagnostic, Severity, Span, kind

KIND = kind("NTL601", "secret-literal", Severity.WARNING, "a secret written into the playbook")

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ALONE: Final = frozenset({"apikey", "authorization", "secret", "token"})
"""Keys whose value is a secret."""
_LAST: Final = frozenset({"passphrase", "passwd", "password", "pwd"})
"""Last words of such keys: `db_password`."""
_LAST_TWO: Final = frozenset(
    {
        *(("access", "key"), ("access", "token"), ("api", "key"), ("api", "token"), ("auth", "token")),
        *(("bearer", "token"), ("client", "secret"), ("id", "token"), ("private", "key"), ("proxy", "authorization")),
        *(("refresh", "token"), ("secret", "key"), ("session", "token")),
    }
)
_PLACEHOLDER: Final = re.compile(
    r"(?:<.*>|\[.*\]|\*+|\.+|x+|\$\{.*\}|\$\w+|your[\W_].*|change.?me|placeholder|redacted|todo|null|none)?",
    re.IGNORECASE,
)
_EXAMPLES: Final = frozenset({"pass", "password", "pwd", "secret"})
"""What stands for a password in the URL of an example."""
_SCHEME: Final = re.compile(r"(?:basic|bearer|token|apikey|api-key)\s+", re.IGNORECASE)
_SHAPES: Final = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")),
    ("an AWS access key", re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("a GitHub token", re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})")),
    ("a GitLab token", re.compile(r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20,}")),
    ("a Slack token", re.compile(r"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("a Google API key", re.compile(r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")),
    ("a Stripe key", re.compile(r"(?<![A-Za-z0-9])[rs]k_live_[A-Za-z0-9]{16,}")),
    ("a JSON Web Token", re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")),
    ("a password in a URL", re.compile(r"(?<=://)[^\s/:@{}<>$\"']+:([^\s/:@{}<>$\"'*]+)(?=@)")),
)
_SIGN: Final = re.compile(r"-----BEGIN|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox|AIza|k_live_|eyJ|://")
"""What every one of the shapes holds."""
_SECTIONS: Final = ("workload", "keychain", "workbook", "workflow", "spec", "executor")
_HINT: Final = 'keep it outside and name it: "auth" with a credential, or "{{ secret.NAME }}"'


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the value, which the message does not repeat."""
    for section in _SECTIONS:
        written = playbook.section(section)
        if written is None:
            continue
        for key, scalar in _scalars(written[1]):
            # An entry of the keychain names a secret of its provider (TOO-11).
            named = section == "keychain" and key is not None and key.text == "secret"
            found = _by_shape(scalar) or (None if named or key is None else _by_key(key, scalar))
            if found is not None:
                subject, span = found
                yield playbook.found(KIND, f"{subject} is written into the playbook", span, hint=_HINT)


def _scalars(root: Node) -> Iterator[tuple[Scalar | None, Scalar]]:
    """Every scalar value with the key that it, or the list around it, stands under."""
    seen: set[int] = set()
    waiting: list[tuple[Scalar | None, Node]] = [(None, root)]
    while waiting:
        key, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node:
            case Map():
                name = node.get("name")
                for inner, value in node.entries:
                    # `set` as a list of {name, value} (DOC-11)
                    pair = inner.text == "value" and isinstance(name, Scalar)
                    waiting.append((name if pair and isinstance(name, Scalar) else inner, value))
            case Seq():
                waiting += ((key, item) for item in node.items)
            case Scalar():
                yield key, node


def _by_shape(node: Scalar) -> tuple[str, Span] | None:
    """A secret that is known by its form, wherever it stands."""
    if _SIGN.search(node.text) is None:
        return None
    for name, shape in _SHAPES:
        for found in shape.finditer(node.text):
            group = shape.groups
            if found[group].lower() not in _EXAMPLES and not _PLACEHOLDER.fullmatch(found[group]):
                return name, node.place(*found.span(group))
    return None


def _by_key(key: Scalar, node: Scalar) -> tuple[str, Span] | None:
    """The value of a key that says what it is."""
    meaning = _meaning(key.text)
    if meaning is None:
        return None
    if isinstance(node.value, str):
        scheme = _SCHEME.match(node.text)
        bare = node.text[scheme.end() :] if scheme else node.text
        literal = not holds_template(node.text) and not _PLACEHOLDER.fullmatch(bare.strip())
    else:
        number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        literal = number and meaning == "password"
    return (f"the value of {quoted(key.text)}", node.span) if literal else None


@lru_cache(1024)
def _meaning(key: str) -> Literal["password", "secret"] | None:
    words = tuple(word.lower() for word in _WORDS.findall(key))
    if words and words[-1] in _LAST:
        return "password"
    if (len(words) == 1 and words[0] in _ALONE) or words[-2:] in _LAST_TWO:
        return "secret"
    return None
