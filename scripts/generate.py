"""What is made from code: the JSON Schemas under schema/ and the language reference under docs/reference/.

    python scripts/generate.py [--check]

Brings the files up to date and prints those that changed. With --check nothing is written, and the exit code is 1 where
one is stale. The examples of actions are run for it.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final, cast

from noetl import cli, schema
from noetl.cli.schema import made
from noetl.compiler import language
from noetl.compiler.ir import Json
from noetl.compiler.language import Key, Place, actions, kinds, names
from noetl.compiler.language.names import Name
from noetl.compiler.tools import KINDS

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
EXAMPLES: Final = FOLDER / "examples"
ABOUT: Final = {
    "playbook": "the top level, steps, rules, loops, workbook, transitions",
    "actions": "what a rule does, each action with an example and what it gives",
    "tools": "the tool kinds and their fields",
    "templates": "roots, events, functions, filters and tests of expressions",
}
"""The pages in reading order."""
_IN_ACTIONS: Final = frozenset(place.name for place in actions.PLACES)


def pages() -> Iterator[tuple[Path, str]]:
    """Every page with its text."""
    made_by = {"playbook": playbook_page, "actions": actions_page, "tools": tools_page, "templates": templates_page}
    for name, page in made_by.items():
        yield FOLDER / f"{name}.md", page()
    yield FOLDER / "README.md", index()


def index() -> str:
    """The first page."""
    lines = ["# Language reference", "", "Made by `scripts/generate.py` from the code; `docs/semantics.md` is the law."]
    lines += ["Clause ids such as RUL-1 lead there.", ""]
    lines += [f"- [{name}]({name}.md): {about}" for name, about in ABOUT.items()]
    return "\n".join([*lines, ""])


# -- pages -----------------------------------------------------------------------------------------------------------


def playbook_page() -> str:
    """The places of a playbook that are no actions."""
    lines = ["# The playbook", ""]
    for place in language.PLACES.values():
        if place.name not in _IN_ACTIONS:
            lines += section(place)
    return "\n".join(lines)


def actions_page() -> str:
    """Every action with its keys and an example."""
    lines = ["# Actions", "", language.PLACES["then"].about, ""]
    lines += ["An event at which an action may not stand is an error of lint (RUL-9).", ""]
    for key in language.PLACES["then"].keys:
        what = "control action" if key.name in actions.CONTROL else "data action"
        lines += [f"## {key.name}", "", f"*{what}*, {key.clause}. {key.about}", ""]
        place = language.PLACES.get(key.inside or "")
        if place is not None and place.name in _IN_ACTIONS and place.keys:
            lines += [*table(place.keys), ""]
        lines += example(key.name)
    return "\n".join(lines)


def tools_page() -> str:
    """Every kind with its fields."""
    lines = ["# Tools", "", "Strings in fields may hold templates, rendered when the call is made (STP-4).", ""]
    for kind, known in KINDS.items():
        text = kinds.TEXTS[kind]
        lines += [f"## {kind}", "", f"{text.about} ({text.clause})", ""]
        if text.response:
            lines += [f"The response has {', '.join(f'`{name}`' for name in text.response)}.", ""]
        spelled: dict[str, list[str]] = {}
        for name, canonical in sorted(known.synonyms.items()):
            spelled.setdefault(canonical, []).append(name)
        lines += [*table(kinds.fields(kind), spelled), ""]
    return "\n".join(lines)


def templates_page() -> str:
    """What expressions read and use."""
    lines = ["# Templates", "", "Jinja2, in its immutable sandbox (TPL-1 to TPL-9).", ""]
    tables: Sequence[tuple[str, Sequence[Name]]] = (
        ("Roots", list(names.ROOTS.values())),
        ("Events", list(names.EVENTS.values())),
        ("Functions", list(names.FUNCTIONS.values())),
        ("Filters", list(names.filters().values())),
        ("Tests", list(names.tests().values())),
    )
    for title, listed in tables:
        lines += [f"## {title}", "", "| name | what | clause |", "|---|---|---|"]
        lines += [f"| `{name.name}` | {cell(name.about)}{cell(_members(name))} | {name.clause} |" for name in listed]
        lines.append("")
    return "\n".join(lines)


def _members(name: Name) -> str:
    return f" Has {', '.join(f'`{one}`' for one in name.members)}." if name.members else ""


# -- parts -----------------------------------------------------------------------------------------------------------


def section(place: Place) -> list[str]:
    """A place with its keys."""
    return [f"## {place.title}", "", f"{place.about} ({place.clause})", "", *table(place.keys), ""]


def table(keys: Sequence[Key], spelled: dict[str, list[str]] | None = None) -> list[str]:
    """Keys with what they mean, an example, their default and their clauses."""
    lines = ["| key | what | example | default | clause |", "|---|---|---|---|---|"]
    for key in keys:
        about = key.about + (" *Extension.*" if key.extension else "")
        others = (spelled or {}).get(key.name, [])
        about += f" Also spelled {', '.join(f'`{name}`' for name in others)}." if others else ""
        shown = f"`{cell(written(key.examples[0]))}`" if key.examples else ""
        default = f"`{written(key.default)}`" if key.default is not None else ""
        lines.append(f"| `{key.name}` | {cell(about)} | {shown} | {default} | {key.clause} |")
    return lines


def cell(text: str) -> str:
    """A text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def written(value: Json) -> str:
    """A value in YAML, on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def example(name: str) -> list[str]:
    """The example of an action with what `noetl run` makes of it."""
    path = EXAMPLES / f"{name}.yaml"
    done = run(path)
    lines = ["```yaml", path.read_text("utf-8").rstrip("\n"), "```", ""]
    error = done.get("error")
    if isinstance(error, dict):
        lines += [f"The execution is `{done['status']}`: {error['type']}, {error['message']}.", ""]
    else:
        lines += [f"The execution is `{done['status']}`, its output `{json.dumps(done['output'])}`.", ""]
    return lines


def run(path: Path) -> dict[str, Json]:
    """What `noetl run --json` prints for a playbook."""
    shown = io.StringIO()
    with redirect_stdout(shown):
        code = cli.main(["run", str(path), "--json", "--quiet", "--no-log"])
    if code not in (cli.OK, cli.FINDINGS) or not shown.getvalue():
        raise RuntimeError(f"{path.name} does not run")
    return cast("dict[str, Json]", json.loads(shown.getvalue()))


# -- the command -----------------------------------------------------------------------------------------------------


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file with the text that it should have."""
    for name in schema.VERSIONS:
        yield ROOT / "schema" / schema.file_name(name), made.text(name)
    yield from pages()


def main(arguments: list[str]) -> int:
    """Write what is stale, or only name it."""
    stale = [(path, text) for path, text in generated() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        print(path.relative_to(ROOT))
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
