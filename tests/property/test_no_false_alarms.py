"""Nothing is wrong with a right playbook, however it is written."""

from __future__ import annotations

import json
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.frontend import compile_source
from noetl.conformance.authoring import Document
from noetl.conformance.strategies import Playbook, clean_documents, playbooks
from noetl.diagnostics import Severity, render_text

from .test_frontend import meaning
from .yaml_writer import write


@given(clean_documents(), st.randoms(use_true_random=True))
def test_a_clean_playbook_has_no_warning_and_means_the_same_in_any_style(document: Document, chance: Random) -> None:
    written = write(document, chance)
    compiled = compile_source(written.text, "p.yaml")
    loud = [found for found in compiled.diagnostics if found.severity is not Severity.NOTE]
    assert loud == [], render_text(loud, {"p.yaml": written.text})
    assert meaning(compiled) == meaning(compile_source(json.dumps(document, ensure_ascii=False), "p.yaml"))


@given(playbooks() | playbooks(loops=True, cycles=True, children=True, sql=True, wide=True))
def test_what_runs_has_no_error(playbook: Playbook) -> None:
    for text in (playbook.text, *playbook.library.values()):
        compiled = compile_source(text, "p.yaml")
        assert compiled.ok, render_text(compiled.diagnostics, {"p.yaml": text})
        assert compiled.workflow is not None
