"""What is wrong with a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RULES: Final[Mapping[str, str]] = {
    "yaml": "it is YAML that Argo's parser reads as it is meant",
    "shape": "it has the fields that noetl writes, of the right types, and no others",
    "name": "names, labels and annotations are such as Kubernetes and Argo take",
    "reference": "templates, inputs, outputs and objects that are named exist, and arguments fit the inputs",
    "depends": "`depends` names tasks of its template and their phases, in no circle",
    "tag": "what Argo replaces in a text is what noetl writes, and nothing in data looks like it",
    "dollar": "nothing that goes into a container looks like a reference of the kubelet",
    "hang": "nothing is read that may never exist: the Workflow would run for ever",
    "stray": "no edge is followed that was not taken: a failed pod may have written one",
    "default": "every output has a default that is not empty",
    "verdict": "a run that failed makes the Workflow fail",
    "poison": "what joins tokens runs below no failed run",
    "recursion": "no template reaches itself, and calls are nested no deeper than Argo goes",
    "size": "objects, arguments and variables are below the limits of Kubernetes, Argo and Linux",
}
"""What each rule says holds."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule that does not hold somewhere."""

    rule: str
    """One of `RULES`."""
    line: int
    """In the file of manifests, from 1."""
    said: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.said} ({self.rule})"
