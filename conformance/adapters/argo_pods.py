"""The pods of one Workflow on the model tier: real processes of the real runner, with the paths of a machine."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, cast

from noetl.targets.argo import contract

from .argo_model.controller import PodEnd
from .argo_model.manifest import Template
from .argo_node import Node, NodeGone, Process

LONGEST: Final = 131_072
"""Bytes from which on Argo hands an argument over as a file."""


class PodsLate(Exception):
    """The pods of a Workflow were not done in time; they are killed."""


class Pods:
    """What the model of the controller asks to run pods.

    A pod has a folder of its own for its outputs, and `mounted` for what a container finds under `/etc/noetl`. All
    start in `home`. What the manifest says of other paths holds for containers only.
    """

    def __init__(
        self,
        node: Node,
        folder: Path,
        *,
        mounted: Path,
        home: Path,
        env: Mapping[str, str],
        seconds: float,
        secrets: Mapping[tuple[str, str], str] | None = None,
        fault: str | None = None,
    ) -> None:
        """`env` is added to what the manifest says; `seconds` are for all pods; `secrets` are by name and key."""
        self.logs: dict[str, Path] = {}
        """By node what its pod wrote to its standard output and its standard error."""
        self._node = node
        self._folder = folder
        self._home = home
        self._env = {**env, contract.FOLDER_ENV: str(mounted)}
        self._until = time.monotonic() + seconds
        self._secrets = secrets or {}
        self._fault = fault
        self._ended: SimpleQueue[tuple[str, int | None]] = SimpleQueue()
        self._running: dict[str, tuple[str, Template, Path]] = {}
        """By node: the process, its template, and where its outputs are."""

    def start(self, name: str, template: Template, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Begin the process of a pod."""
        folder = self._folder / str(len(self.logs))
        folder.mkdir(parents=True)
        given = [self._argument(folder, number, part) for number, part in enumerate(argv)]
        log = self.logs[name] = folder / "log"
        secret = dict(_from_secrets(template, self._secrets))
        environ = {**env, **secret, **self._env, contract.OUTPUTS_ENV: str(folder)}
        process = Process(given, environ, self._home, log, self._fault)
        pod = self._node.start(process, lambda code: self._ended.put((name, code)))
        self._running[name] = pod, template, folder

    def ended(self) -> dict[str, PodEnd]:
        """Those that have ended meanwhile; PodsLate when time is up."""
        found: dict[str, PodEnd] = {}
        while self._running and (not found or not self._ended.empty()):
            try:
                name, code = self._ended.get(timeout=max(0.0, self._until - time.monotonic()))
            except Empty:
                self.kill()
                raise PodsLate from None
            if code is None:
                raise NodeGone("the process that starts pods has ended")
            _, template, folder = self._running.pop(name)
            found[name] = PodEnd(code, dict(_outputs(template, folder)))
        return found

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send all pods that run a signal."""
        for pod, _, _ in list(self._running.values()):
            with suppress(NodeGone):
                self._node.kill(pod, number)

    def _argument(self, folder: Path, number: int, text: str) -> str:
        """An argument as Argo's executor hands it over."""
        if len(text.encode()) < LONGEST:
            return text
        file = folder / f"argo_arg_{number}.txt"
        file.write_text(text, encoding="utf-8")
        return f"@{file}"


def _from_secrets(template: Template, secrets: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    """The variables of a pod that the kubelet takes from Secrets, of those that exist."""
    for entry in cast("list[dict[str, Any]]", template.container.get("env", [])):
        if "valueFrom" in entry:
            place = entry["valueFrom"]["secretKeyRef"]
            found = secrets.get((place["name"], place["key"]))
            if found is not None:
                yield entry["name"], found


def _outputs(template: Template, folder: Path) -> Iterator[tuple[str, str]]:
    """The files of the output parameters that were written, without one newline at the end, as the executor reads."""
    for output in template.outputs:
        if output.path is not None:
            file = folder / Path(output.path).relative_to(contract.OUTPUTS)
            if file.exists():
                yield output.name, file.read_text("utf-8").removesuffix("\n")
