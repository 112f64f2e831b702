"""What is made from code is up to date, and every action has an example that runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from noetl.compiler.frontend import compile_source
from noetl.compiler.language import actions

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "docs" / "reference" / "examples"


def test_generated_files_are_current() -> None:
    """The examples are run on the runtime, and what the reference says of them is what came out."""
    command = [sys.executable, str(ROOT / "scripts" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), f"run scripts/generate.py\n{done.stdout}{done.stderr}"


def test_every_action_has_an_example_that_uses_it_and_lints_clean() -> None:
    assert {path.stem for path in EXAMPLES.iterdir()} == {*actions.DATA, *actions.CONTROL}
    for path in EXAMPLES.iterdir():
        compiled = compile_source(path.read_text("utf-8"), path.name)
        assert compiled.diagnostics == (), path.name
        assert compiled.document is not None
        rules = [rule for step in compiled.document.workflow for rule in step.case or ()]
        used = {action.node.entries[0][0].text for rule in rules for action in rule.then}
        assert path.stem in used
