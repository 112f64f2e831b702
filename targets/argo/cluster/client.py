"""The few requests to a Kubernetes API that noetl makes: apply, create, read, watch, delete."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, Literal, TypeAlias, cast

import httpx

from noetl.compiler.ir import Json
from noetl.errors import NoetlError

from .kubeconfig import Access

Object: TypeAlias = "Mapping[str, Json]"
Kind: TypeAlias = Literal["ConfigMap", "CronWorkflow", "Secret", "Workflow", "WorkflowTemplate"]
MANAGER: Final = "noetl"
"""Whose fields the applied ones are, for server-side apply."""
SECONDS: Final = 30.0
"""For one request."""
_ARGO: Final = "apis/argoproj.io/v1alpha1"
_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "ConfigMap": ("api/v1", "configmaps"),
    "CronWorkflow": (_ARGO, "cronworkflows"),
    "Secret": ("api/v1", "secrets"),
    "Workflow": (_ARGO, "workflows"),
    "WorkflowTemplate": (_ARGO, "workflowtemplates"),
}


class ClusterError(NoetlError):
    """The cluster does not do it, or does not answer."""

    def __init__(self, message: str, code: int | None = None) -> None:
        """`code` is the status of the answer, if there was one."""
        super().__init__(message)
        self.code = code


class Cluster:
    """A namespace of a cluster. A context manager."""

    def __init__(self, access: Access, namespace: str | None = None) -> None:
        """Asks nothing yet. The namespace is the context's unless another one is given."""
        self.namespace = namespace or access.namespace
        self.server = access.server
        self._extensions = {} if access.server_name is None else {"sni_hostname": access.server_name}
        self._client = httpx.Client(
            base_url=access.server,
            headers={**access.headers, "accept": "application/json", "user-agent": MANAGER},
            verify=access.trust,
            proxy=access.proxy,
            timeout=SECONDS,
            trust_env=False,
        )

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._client.close()

    def apply(self, document: Object, *, dry_run: bool = False) -> Object:
        """Server-side apply: the object as it is then. ClusterError if the cluster refuses it."""
        name = cast("Mapping[str, str]", document["metadata"])["name"]
        asked = {"fieldManager": MANAGER, "force": "true", **({"dryRun": "All"} if dry_run else {})}
        headers = {"content-type": "application/apply-patch+yaml"}
        return self._ask("PATCH", self._path(str(document["kind"]), name), asked, document, headers)

    def create(self, document: Object) -> Object:
        """A new object; ClusterError if there is one of that name, or it is refused."""
        return self._ask("POST", self._path(str(document["kind"])), {}, document, {})

    def read(self, kind: Kind, name: str) -> Object | None:
        """An object, or None."""
        try:
            return self._ask("GET", self._path(kind, name), {}, None, {})
        except ClusterError as wrong:
            if wrong.code == httpx.codes.NOT_FOUND:
                return None
            raise

    def delete(self, kind: Kind, name: str) -> None:
        """Remove an object with all that belongs to it; nothing if it is not there."""
        try:
            self._ask("DELETE", self._path(kind, name), {"propagationPolicy": "Background"}, None, {})
        except ClusterError as wrong:
            if wrong.code != httpx.codes.NOT_FOUND:
                raise

    def states(self, kind: Kind, name: str, seconds: float) -> Iterator[Object]:
        """An object as it is, and again whenever it changes, for so many seconds at most; the end if it is removed.

        ClusterError if it cannot be followed. A watch that the server ends is begun anew by whoever asks again.
        """
        found = self.read(kind, name)
        if found is None:
            return
        yield found
        version = str(cast("Mapping[str, str]", found["metadata"]).get("resourceVersion", ""))
        asked = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, int(seconds))),
        }
        timeout = httpx.Timeout(SECONDS, read=seconds + SECONDS)
        try:
            with self._client.stream(
                "GET", self._path(kind), params=asked, timeout=timeout, extensions=self._extensions
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refused(answer)
                for line in answer.iter_lines():
                    event = json.loads(line)
                    if event["type"] in ("DELETED", "ERROR"):
                        return
                    yield event["object"]
        except (httpx.HTTPError, ValueError, KeyError) as wrong:
            raise ClusterError(f"{self.server} cannot be followed: {type(wrong).__name__} {wrong}") from None

    def _path(self, kind: str, name: str | None = None) -> str:
        prefix, several = _PLACES[kind]
        found = f"/{prefix}/namespaces/{self.namespace}/{several}"
        return found if name is None else f"{found}/{name}"

    def _ask(
        self, method: str, path: str, asked: Mapping[str, str], body: Object | None, headers: Mapping[str, str]
    ) -> Object:
        try:
            answer = self._client.request(
                method,
                path,
                params=dict(asked),
                content=None if body is None else json.dumps(body),
                headers={"content-type": "application/json", **headers} if body is not None else {},
                extensions=self._extensions,
            )
        except httpx.HTTPError as wrong:
            raise ClusterError(f"{self.server} does not answer: {type(wrong).__name__} {wrong}") from None
        if not answer.is_success:
            raise _refused(answer)
        try:
            return cast(Object, answer.json())
        except ValueError:
            raise ClusterError(f"{self.server} answers no JSON") from None


def _refused(answer: httpx.Response) -> ClusterError:
    try:
        told = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        told = f"{answer.status_code} {answer.reason_phrase}"
    return ClusterError(f"the cluster refuses it: {told}", answer.status_code)
