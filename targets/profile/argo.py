"""What only Argo knows of a playbook and of a step's pod."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from . import kubernetes

KEYED = frozenset({"annotations", "credentials", "env", "labels", "limits", "node_selector", "requests"})
"""Settings of which what stands later wins one key at a time."""


def _checked(test: Callable[[str], bool], wrong: str) -> AfterValidator:
    def check(text: str) -> str:
        if not test(text):
            raise ValueError(wrong)
        return text

    return AfterValidator(check)


Name = Annotated[str, _checked(kubernetes.is_object_name, "must be a name of Kubernetes such as etl-runner")]
DataKey = Annotated[str, _checked(kubernetes.is_data_key, "must be a key of a Secret such as pg.json")]
Key = Annotated[str, _checked(kubernetes.is_qualified, "must be a key of Kubernetes such as example.com/team")]
LabelValue = Annotated[
    str, _checked(kubernetes.is_label_value, "must be at most 63 letters, digits and inner dashes, dots, underscores")
]
Quantity = Annotated[str, _checked(kubernetes.is_quantity, "must be an amount of Kubernetes such as 500m or 1Gi")]
Variable = Annotated[str, _checked(kubernetes.is_variable, "must be a name such as REGION")]
Image = Annotated[str, _checked(kubernetes.is_image, "must be an image such as registry.example.com/noetl:1.0")]
Plain = Annotated[str, _checked(lambda text: "{{" not in text, "must not hold {{, as Argo would replace it")]
Bucket = Annotated[str, Field(pattern=r"^s3://[a-z0-9][-a-z0-9.]{1,61}[a-z0-9](/[-A-Za-z0-9_./]*)?$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ArgoStep(_Closed):
    """What only Argo knows of a step's pod."""

    image: Image | None = Field(
        default=None, description="The image of the pod, with noetl in it. Default the one of the release."
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        default=None, description="When the image is fetched."
    )
    requests: dict[Key, Quantity] | None = Field(
        default=None, description="What the pod's container is promised: cpu, memory, ..."
    )
    limits: dict[Key, Quantity] | None = Field(default=None, description="What it gets at most.")
    node_selector: dict[Key, LabelValue] | None = Field(
        default=None, description="The labels of the nodes that the pod may run on."
    )
    tolerations: list[dict[str, JsonValue]] | None = Field(
        default=None, description="Which taints of nodes it bears, as Kubernetes writes it."
    )
    priority_class: Name | None = Field(default=None, description="Who goes first where nodes are short.")
    labels: dict[Key, LabelValue] | None = Field(default=None, description="Of the pod.")
    annotations: dict[Key, Plain] | None = Field(default=None, description="Of the pod.")


class ArgoSecret(_Closed):
    """Where the content of a credential is."""

    secret: Name = Field(description="The Secret, in the namespace of the Workflow.")
    key: DataKey = Field(description="The entry that holds the credential, a JSON text.")


class ArgoValues(_Closed):
    """Where values are kept that are too large for a parameter. One of `claim` and `s3` is given."""

    claim: Name | None = Field(
        default=None, description="A PersistentVolumeClaim that all pods can mount and write at the same time."
    )
    s3: Bucket | None = Field(
        default=None, description="A bucket, perhaps with a folder, that the pods' service account or env opens."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.claim is None) == (self.s3 is None):
            raise ValueError("has one of claim and s3")
        return self


class ArgoWorkflow(_Closed):
    """What only Argo knows of a Workflow."""

    service_account: Name | None = Field(
        default=None, description="Who the pods are; it may create and patch workflowtaskresults."
    )
    image_pull_secrets: list[Name] | None = Field(default=None, description="What opens the registry of the images.")
    labels: dict[Key, LabelValue] | None = Field(default=None, description="Of the Workflows.")
    annotations: dict[Key, str] | None = Field(default=None, description="Of the Workflows.")
    ttl: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Seconds after its end when a Workflow is removed; without it none is."
    )
    credentials: dict[Annotated[str, Field(min_length=1)], ArgoSecret] | None = Field(
        default=None, description="By the name that the playbook's auth has: the Secret that holds it."
    )
    env: dict[Variable, Plain] | None = Field(
        default=None, description="Environment variables of the pods, which playbooks may read as env.NAME."
    )
    values: ArgoValues | None = Field(
        default=None, description="Where large values are kept; without it, in parameters as far as they go."
    )
