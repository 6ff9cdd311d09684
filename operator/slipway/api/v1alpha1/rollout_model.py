"""Which model a rollout serves, and how its image is built and run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.base import Rule, Spec, exactly_one, goes_with, union
from slipway.api.v1alpha1.constraints import (
    Later,
    Line,
    ListOf,
    MapBy,
    Name,
    ObjectName,
    SetOf,
    StringMap,
    Text,
    later_values,
)
from slipway.api.v1alpha1.egress import EgressRules
from slipway.api.v1alpha1.references import (
    ConfigMapKey,
    ConfigMapText,
    EnvFromSource,
    EnvVars,
    ResourceRequirements,
    SecretReference,
    Toleration,
)

RegisteredName = Annotated[
    str, Text(128, r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", "the name of a registered model, without '/' and ':'")
]
Alias = Annotated[
    str,
    Text(
        63, r"^[A-Za-z][A-Za-z0-9._-]*$", "an alias of the model registry that starts with a letter, such as candidate"
    ),
]
ImageByDigest = Annotated[
    str, Text(512, r"^[^@\s]+@sha256:[0-9a-f]{64}$", "an image pinned by its digest: repository@sha256:<64 hex digits>")
]
Repository = Annotated[
    str,
    Text(
        255,
        r"^[a-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$",
        "a repository without tag, such as registry.example.com/ml",
    ),
]


class MLflowModel(Spec):
    """A version of a model in the MLflow registry."""

    laws = (exactly_one("version", "alias"),)

    name: RegisteredName = Field(description="Name of the registered model.")
    version: Annotated[str, Text(10, r"^[1-9][0-9]*$", "a version number in a string, such as '7'")] | None = Field(
        None, description="Pins one version, as GitOps does; a version that is still kept is switched back to at once."
    )
    alias: Alias | None = Field(
        None, description="Follows an alias. A running revision is never touched: what follows says onNewVersion."
    )


class RunModel(Spec):
    """A model that an MLflow run logged, without registration."""

    uri: Annotated[str, Text(512, r"^runs:/[0-9a-f]+/\S+$", "runs:/<run id>/<path>")] = Field(
        description="Where the run logged it, such as runs:/0f3c…/model."
    )


class ImageModel(Spec):
    """A model server that was built elsewhere."""

    image: ImageByDigest = Field(
        description="The image, pinned by digest, that answers the protocol of Slipway's images."
    )


class ModelSource(Spec):
    """Which model to serve: `type` and the member that belongs to it."""

    laws = (union({"MLflow": "mlflow", "Run": "run", "Image": "image", "Rules": None}),)

    type: Annotated[Literal["MLflow", "Run", "Image", "Rules"], later_values("rules alone are not served", "Rules")] = (
        Field(
            description="MLflow: a registered version. Run: a model of an MLflow run. Image: a finished image. "
            "Rules: the task's rules alone, as a first stable baseline."
        )
    )
    mlflow: MLflowModel | None = Field(None, description="With type MLflow.")
    run: RunModel | None = Field(None, description="With type Run.")
    image: ImageModel | None = Field(None, description="With type Image.")
    on_new_version: Literal["Queue", "Supersede", "Ignore"] = Field(
        "Queue",
        description="What happens when a new version appears while one is being rolled out. Queue: the latest waits; "
        "one of cause Emergency is not displaced by another. Supersede: it replaces the running candidate. Ignore: "
        "nothing, also afterwards.",
    )


class Candidate(Spec):
    """One arm of an A/B/n rollout."""

    name: Name = Field(description="Identifies the arm.")
    model: ModelSource = Field(description="The model of this arm.")


Candidates = Annotated[tuple[Candidate, ...], MapBy(5)]


class Certification(Spec):
    """How a model may be served that no TrainingRun has evaluated."""

    waiver: Line = Field(description="Why the missing evaluation is accepted, and by whom; kept in history.")


SystemPackage = Annotated[
    str,
    Text(
        128,
        r"^[a-z0-9][a-z0-9+.-]*[a-z0-9+](:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+)?$",
        "a package of apt: name or name=version, such as libgomp1",
    ),
]


class Buildah(Spec):
    """What is added to the base image before the model's layers: packages of its system, what a template asks for."""

    laws = (
        Rule(
            "has(self.dockerfileRef) || (has(self.systemPackages) && size(self.systemPackages) > 0)",
            "set systemPackages, dockerfileRef or both",
            lambda model: bool(getattr(model, "system_packages", ()) or getattr(model, "dockerfile_ref", None)),
        ),
    )

    system_packages: Annotated[tuple[SystemPackage, ...], SetOf(50)] = Field(
        (),
        description="Packages to install with apt-get, without what they only recommend: name or name=version. The "
        "image with them is built once for a base, packages, sources and template; its labels say which versions.",
    )
    dockerfile_ref: ConfigMapText | None = Field(
        None,
        description="ConfigMap key with a Dockerfile template as BentoML's docker.dockerfile_template: it extends "
        "bento_base_template, or holds instructions that follow the packages. Files belong to root; there is no build "
        "context.",
    )
    sources_ref: ConfigMapText | None = Field(
        None,
        description="ConfigMap key with a sources.list of apt, such as a mirror's. Absent: the base image's own.",
    )


class PackageIndex(Spec):
    """Where the model's Python packages come from."""

    url: Annotated[
        str,
        Text(
            2048,
            r"^https?://[^\s/@]+(/[^\s]*)?$",
            "an http:// or https:// URL without user name and password, which belong into secretRef",
        ),
    ] = Field(description="URL of a Python package index, without credentials.")
    secret_ref: SecretReference | None = Field(None, description="Secret with the keys username and password.")
    ca_ref: ConfigMapKey | None = Field(
        None, description="ConfigMap key with the certificates of the index's private authority, in PEM."
    )


class BuildImage(Spec):
    """How the served image is built. What is absent comes from the settings of the installation."""

    laws = (goes_with("buildah", "builder", "Buildah", required=True),)

    repository: Repository | None = Field(
        None, description="Where the image is pushed, without tag. Absent: the default registry of the installation."
    )
    builder: Literal["Layers", "Buildah"] = Field(
        "Layers",
        description="Layers: the environment once, the model as one small layer, in pods of the Pod Security level "
        "restricted. Buildah: the same upon a base with packages of the system or what a Dockerfile template asks "
        "for, built without root and without capabilities; its pod needs a seccomp profile that allows user "
        "namespaces: the installation's, which restricted allows, or else Unconfined, which only the level privileged "
        "allows.",
    )
    buildah: Buildah | None = Field(None, description="With builder Buildah: what is added to the base image.")
    base: ImageByDigest | None = Field(
        None, description="Image to build upon, pinned by digest. Absent: the base image of the installation."
    )
    push_secret_ref: SecretReference | None = Field(
        None,
        description="Secret of type kubernetes.io/dockerconfigjson with which the builder pulls the base and pushes.",
    )
    pull_secret_ref: SecretReference | None = Field(
        None, description="Secret of type kubernetes.io/dockerconfigjson with which nodes pull."
    )
    ca_ref: ConfigMapKey | None = Field(
        None, description="ConfigMap key with the certificates of the registries' private authority, in PEM."
    )
    package_index: PackageIndex | None = Field(
        None, description="Python package index for the model's requirements. Absent: the builder's own."
    )


class Predictor(Spec):
    """How the model server runs: the fields of KServe's predictor that a tenant may set."""

    laws = (
        Rule(
            "!has(self.priorityClassName) || !self.priorityClassName.startsWith('system-')",
            "priorityClassName must not be one of the cluster's own, which begin with system-",
            lambda predictor: not (predictor.priority_class_name or "").startswith("system-"),
            field=".priorityClassName",
        ),
    )

    min_replicas: int = Field(1, ge=1, le=1000, description="Replicas of each variant, kept through the whole rollout.")
    max_replicas: Annotated[int | None, Later("replicas are fixed at minReplicas")] = Field(
        None, ge=1, le=1000, description="Upper end of autoscaling. Absent: no autoscaling."
    )
    scale_metric: Annotated[Literal["cpu", "memory", "concurrency", "rps"] | None, Later("there is no autoscaling")] = (
        Field(None, description="What autoscaling looks at.")
    )
    scale_target: Annotated[int | None, Later("there is no autoscaling")] = Field(
        None, ge=1, le=100_000, description="Value of scaleMetric per replica at which replicas are added."
    )
    resources: ResourceRequirements | None = Field(None, description="Compute resources of the model's container.")
    env: EnvVars = Field((), description="Environment variables of the model's container.")
    env_from: Annotated[tuple[EnvFromSource, ...], ListOf(20)] = Field(
        (),
        description="Secrets and ConfigMaps whose keys all become environment variables; their contents count into the "
        "revision. A variable of env wins.",
    )
    egress: EgressRules = Field(
        (),
        description="Where the model's pods may connect to, beside DNS and the prediction log's store, as rules of a "
        "NetworkPolicy. A change restarts no pod.",
    )
    node_selector: Annotated[StringMap, Field(max_length=20)] = Field(
        {},
        description="Labels that a node must carry. Like all of where pods run, it holds for the pods that prove the "
        "image and score batches as well.",
    )
    tolerations: Annotated[tuple[Toleration, ...], ListOf(20)] = Field((), description="Taints that the pods tolerate.")
    priority_class_name: ObjectName | None = Field(
        None, description="PriorityClass of the pods; none of those that are the cluster's own (system-...)."
    )
    service_account_name: ObjectName | None = Field(
        None,
        description="ServiceAccount of the pods that serve, for a cloud's identities; they get no token of it. Who "
        "sets it must be allowed to create pods in the namespace, or have the verb use on that ServiceAccount.",
    )
