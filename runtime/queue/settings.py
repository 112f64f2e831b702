"""How the server and its workers read their settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from noetl.errors import UsageError

S = TypeVar("S", bound=BaseModel)
_UTC: Final = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu", "Universal", "UCT"})


def check_zone(found: str, zone: str, whose: str) -> None:
    """UsageError where the time zone that the database has is another one than that of a server or worker."""
    if found != zone and not (found in _UTC and zone in _UTC):
        raise UsageError(
            f'the time zone of the database is "{found}", that of the {whose} "{zone}": '
            "set TZ for both to the same, such as UTC"
        )


def settings_of(kind: type[S], whose: str, given: Mapping[str, object]) -> S:
    """The settings; what is given wins where it is not None. UsageError that names what does not fit."""
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, p['loc'])).upper()}: {p['msg']}" for p in error.errors())
        raise UsageError(f"the settings of the {whose} do not fit: {told}") from error
