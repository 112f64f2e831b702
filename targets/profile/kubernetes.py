"""How Kubernetes writes names, labels and amounts: what a profile may say, and what a manifest may hold."""

from __future__ import annotations

import re
from typing import Final

MAX_LABEL: Final = 63
"""Most characters of the value of a label, and of the name in the key of a label or an annotation."""
MAX_SUBDOMAIN: Final = 253
"""Most characters of the name of an object, and of the prefix of a key."""
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_DATA_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_QUANTITY: Final = re.compile(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[munkMGTPE]|[eE][+-]?[0-9]+)?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IMAGE: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._:/]*(@sha256:[0-9a-f]{64})?")


def is_label_name(text: str) -> bool:
    """Whether it is a DNS label: at most 63 of a-z, 0-9 and inner dashes, as the name of a namespace.

    >>> is_label_name("etl-1"), is_label_name("ETL"), is_label_name("-a")
    (True, False, False)
    """
    return len(text) <= MAX_LABEL and _LABEL.fullmatch(text) is not None


def is_object_name(text: str) -> bool:
    """Whether most kinds of objects can be called so: DNS labels with dots between them, at most 253 characters."""
    return len(text) <= MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(text) is not None


def is_label_value(text: str) -> bool:
    """Whether a label can have this value; it may be empty."""
    return not text or (len(text) <= MAX_LABEL and _QUALIFIED.fullmatch(text) is not None)


def is_qualified(text: str) -> bool:
    """Whether a label or an annotation can have this key: a name, or a prefix, a slash and a name.

    >>> is_qualified("team"), is_qualified("noetl.io/playbook"), is_qualified("a/b/c"), is_qualified("/b")
    (True, True, False, False)
    """
    prefix, slash, name = text.rpartition("/")
    if slash and not is_object_name(prefix):
        return False
    return len(name) <= MAX_LABEL and _QUALIFIED.fullmatch(name) is not None


def is_data_key(text: str) -> bool:
    """Whether a Secret or a ConfigMap can have this key."""
    return len(text) <= MAX_SUBDOMAIN and text not in (".", "..") and _DATA_KEY.fullmatch(text) is not None


def is_quantity(text: str) -> bool:
    """Whether it is an amount of a resource.

    >>> is_quantity("500m"), is_quantity("1.5Gi"), is_quantity("2"), is_quantity("2 GB")
    (True, True, True, False)
    """
    return _QUANTITY.fullmatch(text) is not None


def is_variable(text: str) -> bool:
    """Whether an environment variable can be called so in every shell."""
    return _VARIABLE.fullmatch(text) is not None


def is_image(text: str) -> bool:
    """Whether it can be the name of an image: repository, perhaps a tag, perhaps a digest."""
    return _IMAGE.fullmatch(text) is not None
