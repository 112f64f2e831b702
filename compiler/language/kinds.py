"""What each tool kind does and what its fields mean. Which fields a kind has is said by `noetl.compiler.tools`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from noetl.compiler.tools import KINDS

from .words import Key


@dataclass(frozen=True, slots=True)
class KindText:
    """What a kind does, and what its response has beside free data."""

    about: str
    clause: str
    response: tuple[str, ...] = ()
    """Attributes that every response has."""


_NO_RUNNER: Final = "It lints, and needs a plug-in to run or compile."

TEXTS: Final[dict[str, KindText]] = {
    "http": KindText(
        "Sends one HTTP request. Status 400 and above, a transport failure and a time-out are failed calls.",
        "TOO-1",
        ("body", "data", "elapsed", "headers", "metadata", "status", "status_code", "url"),
    ),
    "postgres": KindText("Runs SQL in PostgreSQL, in one transaction.", "TOO-2", ("columns", "row_count", "rows")),
    "duckdb": KindText("Runs SQL in DuckDB, in one transaction.", "TOO-2", ("columns", "row_count", "rows")),
    "python": KindText("Runs Python: def main(...), or bare code that sets result.", "TOO-3"),
    "workbook": KindText("Runs the named task of the workbook.", "TOO-4"),
    "playbook": KindText("Runs another playbook to its end as one call.", "TOO-4"),
    "secrets": KindText("Gives an opaque reference to a secret, opened in tool fields only.", "TOO-7"),
    "event_log": KindText("Writes an event into the log.", "TOO-7"),
    "snowflake": KindText(f"Runs SQL in Snowflake. {_NO_RUNNER}", "TOO-8"),
    "ducklake": KindText(f"Runs SQL in DuckLake. {_NO_RUNNER}", "TOO-8"),
    "transfer": KindText(f"Moves data between systems. {_NO_RUNNER}", "TOO-8"),
    "container": KindText(f"Runs a container. {_NO_RUNNER}", "TOO-8"),
    "script": KindText(f"Runs a script from elsewhere. {_NO_RUNNER}", "TOO-8"),
    "gcs": KindText(f"Reads and writes objects in Google Cloud Storage. {_NO_RUNNER}", "TOO-8"),
}
"""By kind, one for each of `KINDS`."""

_SCRIPT: Final = Key(
    "script",
    "Where the code or SQL is read from when the call is made.",
    "TOO-5",
    ({"uri": "sql/load.sql", "source": {"type": "file"}},),
)
_COMMON: Final = (
    Key(
        "args",
        "Named values for the tool; an entry wins over one of the step's args.",
        "STP-4",
        ({"id": "{{ args.id }}"},),
    ),
    Key(
        "auth", "The credential of the call, by name.", "TOO-6", ("my_api", {"type": "bearer", "credential": "my_api"})
    ),
    Key("credentials", "Several credentials, by alias.", "TOO-6", ({"source": {"key": "warehouse"}},)),
    Key("timeout", "Seconds that one attempt may take.", "TOO-9", (10,)),
)
_HTTP: Final = (
    Key("method", "The HTTP method.", "TOO-1", ("POST",), "GET"),
    Key("url", "The address.", "TOO-1", ("{{ workload.api }}/users",)),
    Key("headers", "Headers; one that is null is left out.", "TOO-1", ({"Accept": "application/json"},)),
    Key("params", "The query; a parameter that is null is left out.", "TOO-1", ({"page": 1},)),
    Key("body", "The body: JSON, or a form by content type.", "TOO-1", ({"name": "{{ args.name }}"},)),
    Key("body_b64", "The bytes of the body in base64, sent as they are.", "TOO-1", ("aGVsbG8=",)),
    Key("verify_ssl", "Whether the certificate of the server is checked.", "TOO-1", (False,), True),
    Key("follow_redirects", "Whether redirects are followed.", "TOO-1", (True,), False),
    Key("idempotency_key", "Whether the call sends its idempotency key as a header.", "TOO-10", (True,), False),
)
_SQL: Final = (
    Key(
        "command", "One SQL statement or more. Bind values by params.", "TOO-2", ("SELECT * FROM users WHERE id = $1",)
    ),
    Key("command_b64", "SQL in base64, which is never rendered.", "TOO-5", ("U0VMRUNUIDE=",)),
    Key("params", "Values that are bound to the statement.", "TOO-2", (["{{ args.id }}"],)),
    Key("database", "The database, if not that of the credential; of duckdb the file.", "TOO-2", ("warehouse",)),
    Key("table", "The table that a sink writes to.", "SNK-1", ("users",)),
    Key("mode", "How a sink writes rows.", "SNK-1", ("upsert",), "insert"),
    Key("key", "The columns that tell rows apart in an upsert.", "SNK-1", ("id",)),
    Key("data", "The rows that a sink writes; the result where it is absent.", "SNK-1", ("{{ result.rows }}",)),
)
_FILE: Final = Key("path", "The file, as in database.", "TOO-2", ("data/warehouse.db",))
_PYTHON: Final = (
    Key(
        "code",
        "Python, taken as it stands: pass values by args.",
        "TOO-3, TPL-8",
        ("def main(user):\n    return user\n",),
    ),
    Key("code_b64", "Python in base64.", "TOO-5", ("cmVzdWx0ID0gMQ==",)),
    Key("libs", "Modules that the code finds under these names.", "TOO-3", ({"np": "numpy"},)),
    Key("data", "What a sink hands to the code; the result where it is absent.", "SNK-1", ("{{ result }}",)),
)
_FIELDS: Final[dict[str, tuple[Key, ...]]] = {
    "http": _HTTP,
    "postgres": (*_SQL, _SCRIPT),
    "duckdb": (*_SQL, _FILE, _SCRIPT),
    "python": (*_PYTHON, _SCRIPT),
    "workbook": (Key("name", "The task of the workbook.", "TOO-4", ("greet",)),),
    "playbook": (
        Key("path", "The metadata.path of the other playbook, or its file.", "TOO-4", ("etl/load_users",)),
        Key("return_step", "The step whose result is the response.", "TOO-4", ("summarise",)),
    ),
    "secrets": (
        Key("provider", "Where the secret is kept.", "TOO-7", ("gcp",)),
        Key("name", "The name of the secret.", "TOO-7", ("api-key",)),
    ),
    "event_log": (Key("data", "What the event holds; the result where it is absent.", "SNK-1", ({"rows": 3},)),),
}


def fields(kind: str) -> tuple[Key, ...]:
    """The fields of a kind, those of every kind last; of a kind without a runner only these."""
    return (*_FIELDS.get(kind, ()), *_COMMON)


def field(kind: str | None, name: str) -> Key | None:
    """The field with this canonical name, of one kind or, where that is not known, of any."""
    known = [kind] if kind is not None and kind in KINDS else list(KINDS)
    candidates = (key for one in known for key in fields(one))
    return next((key for key in candidates if key.name == name), None)
