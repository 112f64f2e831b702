"""Every rule of the model is held by a recording: a model with one fault each does not reproduce them."""

from __future__ import annotations

from typing import Final

import pytest

from noetl.conformance.adapters.argo_model.manifest import OutsideSubset
from noetl.conformance.mutants import Mutant, applied

from .recordings import differences

_STAGE: Final = "noetl.conformance.adapters.argo_model"
_FAULTS: Final = (
    # name, where, right, wrong, the recording that tells
    ("when-ignored", "dag:_Dag._start", "if not holds(when):", "if False:", "choice"),
    ("skipped-is-omitted", "dag:_Dag._start", '"Skipped", "Skipped", f"when', '"Skipped", "Omitted", f"when', "choice"),
    ("depends-ignored", "dag:_Dag.go_on", "not self._depends(task.depends, dependencies)", "False", "chain-fail"),
    ("depends-not-awaited", "dag:_Dag.go_on", "is None or not node.fulfilled for", "is None for", "chain"),
    ("bare-name-takes-omitted", "dag:_Dag._depends", ".Skipped)", ".Skipped || {name}.Omitted)", "bare-depends"),
    ("bare-name-without-skipped", "dag:_Dag._depends", " || {name}.Skipped)", ")", "bare-depends"),
    ("error-counts-as-failed", "dag:_Dag._results", 'node.phase == "Error"', "False", "errored"),
    ("any-succeeded", "dag:_Dag._results", '"Succeeded" in phases', "False", "loop-any-succeeded"),
    (
        "all-failed-with-errors",
        "dag:_Dag._results",
        'all(phase == "Failed"',
        'all(phase != "Succeeded"',
        "loop-failed-then-error",
    ),
    (
        "omitted-leaf-succeeds",
        "dag:_Dag._phase",
        "name in targets and",
        "name in targets and node.completed and",
        "choice-merge-strict",
    ),
    ("omitted-leaf-fails", "dag:_Dag._phase", "if node.completed:", "if True:", "chain-fail"),
    (
        "later-success-hides-failure",
        "dag:_Dag._phase",
        'and reached.get(name) not in ("Failed", "Error")',
        "",
        "omitted-two-parents",
    ),
    (
        "last-failed-leaf-counts",
        "dag:_Dag.execute",
        "leaves = sorted(name",
        "leaves = (lambda names: sorted(names, reverse=True))(name",
        "leaf-failed-error",
    ),
    (
        "errored-dag-is-attached",
        "dag:_Dag.execute",
        "return\n    names = [",
        'phase = "Error"\n    names = [',
        "sub-output-missing-handled",
    ),
    (
        "skipped-has-no-default",
        "controller:Workflow.outputs_of",
        "output.name: output.default",
        "output.name: None",
        "choice-skipped-output",
    ),
    (
        "failed-pod-without-outputs",
        "controller:Workflow._pod_ended",
        "node.outputs = outputs or None",
        "node.outputs = None if end.exit_code else outputs or None",
        "failed-outputs",
    ),
    ("exit-code-ignored", "controller:Workflow._pod_ended", "if end.exit_code:", "if end.exit_code == 1:", "exit-137"),
    (
        "missing-file-is-empty",
        "controller:Workflow._pod_ended",
        "elif end.lost is not None or missing:",
        "elif False:",
        "errored",
    ),
    (
        "absent-tag-is-an-error",
        "scope:Scope._value",
        "raise Unresolved(tag)",
        "raise EvaluationFailed(tag)",
        "failed-sub-output",
    ),
    ("absent-tag-is-text", "scope:Scope._value", "raise Unresolved(tag)", "return whole", "failed-sub-output"),
    ("unknown-tag-is-an-error", "scope:Scope._value", "if strict and", "if True or", "data-literal-tag-spaces"),
    (
        "optional-is-empty",
        "scope:Scope._value",
        'raise EvaluationFailed(f"unable',
        "return ''  #",
        "choice-skipped-output-nodefault",
    ),
    ("plain-chain-is-nil", "scope:Scope.evaluate", "raise Unresolved(", "str(", "expr-dashes-dot"),
    ("data-not-expanded", "controller:Workflow._inputs", "scope.substitute(value)", "value", "data-literal-tag"),
    ("kubelet-leaves-dollars", "controller:_command", 'return "$" if', "return found[0] if", "data-dollar-escape"),
    (
        "empty-loop-succeeds",
        "dag:_Dag._loop",
        '"Skipped", "Skipped, empty',
        '"Succeeded", "Skipped, empty',
        "loop-seq-0",
    ),
    (
        "first-failed-item-counts",
        "dag:_Dag._loop",
        "if node is not None and node.broken:",
        'if node is not None and node.broken and phase == "Succeeded":',
        "loop-failed-then-error",
    ),
    ("failed-items-have-outputs", "dag:_Dag._aggregate", 'item.phase == "Succeeded" and ', "", "loop-fail-output"),
    (
        "aggregate-of-nothing",
        "dag:_Dag._aggregate",
        "if not outputs:\n        return",
        'if not outputs:\n        yield f"{prefix}.outputs.parameters.ctx", "[]"\n        return',
        "loop-all-failed-agg",
    ),
    ("items-not-decoded", "dag:_Dag._aggregate", "_decoded([", "list([", "loop-seq"),
    ("loop-attached-to-its-group", "controller:Workflow.outbound", 'node.type == "TaskGroup"', "False", "loop-seq"),
    ("parallelism-ignored", "controller:Workflow._has_room", "running < template.parallelism", "True", "par-nested"),
    ("retry-once-more", "controller:_no_retry", "> retry.limit", "> retry.limit + 1", "retry-exhausted"),
    (
        "retry-of-errors",
        "controller:_no_retry",
        "last.phase not in retry.phases:",
        'last.phase == "Succeeded":',
        "retry-error-default-policy",
    ),
    ("retry-despite-the-expression", "controller:_no_retry", "is not True:", "is None:", "retry-expression"),
    (
        "retries-not-replaced",
        "controller:Workflow._attempt",
        "value and attempt.substitute(value)",
        "value",
        "retry-third",
    ),
    ("failed-group-goes-on", "steps:execute", "if found.broken:", "if False:", "rec-fail"),
    ("step-when-ignored", "steps:_step", "if not holds(when):", "if False:", "rec-edge"),
    (
        "recursion-without-default",
        "controller:Workflow.declared",
        "if output.default is None:",
        "if True:",
        "sub-output-default",
    ),
    (
        "library-forgotten",
        "controller:Workflow.template_of",
        "place.library if task.library is None else task.library",
        '""',
        "template-ref",
    ),
)
MUTANTS: Final = [(Mutant(name, "", where, right, wrong, _STAGE), case) for name, where, right, wrong, case in _FAULTS]


@pytest.mark.parametrize(
    ("mutant", "recording"), MUTANTS, ids=lambda value: value.name if isinstance(value, Mutant) else ""
)
def test_a_fault_is_told(mutant: Mutant, recording: str) -> None:
    assert differences(recording) == []
    with applied(mutant):
        assert _told(recording)


def _told(recording: str) -> bool:
    """A fault may also start a pod that the recording does not have."""
    try:
        return differences(recording) != []
    except (KeyError, OutsideSubset):
        return True
