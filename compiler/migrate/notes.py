"""What a migration tells: the kinds of its notes (NTL15x). None is an error: the playbook has been rewritten."""

from __future__ import annotations

from typing import Final

from noetl.diagnostics import Severity, kind

ALL_TAKEN: Final = kind(
    "NTL150", "migrated-choice", Severity.WARNING, "conditions of which v1 took all that held, and v2 takes the first"
)
BESIDE_CHOICE: Final = kind(
    "NTL151", "migrated-default", Severity.WARNING, "an unconditional transition beside conditional ones"
)
NO_FORM: Final = kind("NTL152", "kept-as-comment", Severity.WARNING, "a key that v2 has no form for")
STEP_GUARD: Final = kind("NTL153", "migrated-when", Severity.WARNING, "a condition on a whole step")
FROM_WORKLOAD: Final = kind("NTL154", "migrated-name", Severity.NOTE, "a bare name that v1 took from the workload")
ADDED_STEP: Final = kind("NTL155", "added-step", Severity.WARNING, "a step that a transition named and nobody declared")
LOOP_RESULT: Final = kind(
    "NTL156", "migrated-loop-result", Severity.WARNING, "the result of a loop, which has another shape in v2"
)
HTTP_DATA: Final = kind("NTL157", "migrated-http-data", Severity.WARNING, '"data" of http whose method is a template')
WRITTEN_OUT: Final = kind("NTL158", "written-out-alias", Severity.NOTE, "an alias in whose place stands what it named")
