"""All that one decision knows: the rollout, its children, the model, the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.fingerprints import Fingerprints
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, Variant
from slipway.api.v1alpha1.rolloutrequest import RolloutRequestSpec
from slipway.api.v1alpha1.task_label import Latency
from slipway.core.batch_task import BatchTask
from slipway.core.definitions.changes import Definitions, Texts
from slipway.core.desired.names import GROUP, ROLLOUT_LABEL, Identity
from slipway.core.desired.network_policy import Reachable
from slipway.core.evidence import Evidence, Histogram
from slipway.core.holdout_evidence import Contrast
from slipway.core.live_classes import Observed
from slipway.core.pairs import PairedTask
from slipway.core.plan import ObjectKey, Outcome, Unavailable
from slipway.core.prediction_log import LogHealth
from slipway.core.primary import TaskMetrics

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Installation:
    """What the installation sets, as far as a rollout needs it."""

    mlflow: str = ""
    mlflow_secret: str = ""
    builder_image: str = ""
    buildah_image: str = ""
    buildah_seccomp_profile: str = ""
    pipelines_image: str = ""
    base_image: str = ""
    registry: str = ""
    registry_plain_http: bool = False
    read_secrets: bool = True
    """Whether the operator may read the Secrets that predictors name."""

    reachable: Reachable | None = None
    """What pods with a model may reach; None where the installation makes no NetworkPolicies."""


@dataclass(frozen=True)
class Resolved:
    """A model, pinned. Digest, evaluation and cause come from a version's tags and may be empty.

    `version` is what people read: a number, the `runs:/` URI of a run's model, the short digest of a finished image.
    `image` is set where there is nothing to build; `run` is the id of the MLflow run that made it, where one is known.
    """

    name: str
    version: str
    digest: str = ""
    evaluation: str = ""
    image: str = ""
    cause: str = ""
    run: str = ""
    definitions: Fingerprints | None = None


@dataclass(frozen=True)
class Request:
    """A RolloutRequest whose own status has no final answer yet."""

    uid: str
    name: str
    created: datetime
    spec: RolloutRequestSpec


@dataclass(frozen=True)
class Unreadable:
    """A status as written, of which this version cannot read something; `problem` names the fields."""

    raw: Object
    problem: str

    @property
    def adopted(self) -> frozenset[str]:
        """InferenceServices that may be adopted: what cannot be read as False counts as True."""
        variants = self.raw.get("variants")
        listed = variants if isinstance(variants, list | tuple) else ()
        return frozenset(
            str(each.get("inferenceService"))
            for each in listed
            if isinstance(each, Mapping) and each.get("adopted", False) is not False
        )


@dataclass(frozen=True)
class Snapshot:
    """One observation. `services` are all InferenceServices labelled with the rollout and the one that it adopts,
    `ready` their ready endpoints, `served_pods` their pods, all three by the InferenceService's name; `policies` are
    its NetworkPolicies by name.

    `spec` is None when it does not validate; `invalid` says why. `raw` is the spec as written, for what must be known
    even then. `unreadable` is there when the status cannot be read: `status` is empty then.
    `task` is False when the ModelTask does not exist; `latency` is what it declares of its answers; `batch`
    is there when it asks for scoring by a Job, and `batch_invalid` says why such a task cannot be followed. `contract`
    is all of a task of requests, None where there is none. `definitions` are those of the task's features as they are
    now, None where the task cannot be read; `definition_texts` those of models, by digest, where they are others.
    `live_classes` is what the fast alarm looks at, None where it does not.
    `contents` is the keyed digest of what the predictor names of Secrets and ConfigMaps.
    `able` are revisions whose pods can hold out, and `contrast` what
    the one that serves answers by slice to who is held out and to others: None where that was not asked.
    `archived` are tags of an MLflow run, read while an entry of the ledger has to go. `outcomes` say, by receiver, what
    became of the announcements that were handed over.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    raw: Object
    spec: ModelRolloutSpec | None
    status: ModelRolloutStatus
    unreadable: Unreadable | None = None
    invalid: str = ""
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    task: bool = True
    positive: str = "1"
    batch: BatchTask | None = None
    batch_invalid: str = ""
    cron_job: Object | None = None
    latency: Latency | None = None
    metrics: TaskMetrics = field(default_factory=TaskMetrics)
    paired: PairedTask = field(default_factory=PairedTask)
    contract: ModelTaskSpec | None = None
    definitions: Definitions | None = None
    definition_texts: Texts = field(default_factory=dict)
    inactive: tuple[str, ...] = ()
    model: Resolved | Unavailable | None = None
    contents: str | Unavailable = ""
    services: Mapping[str, Object] = field(default_factory=dict)
    ready: Mapping[str, int] = field(default_factory=dict)
    served_pods: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)
    route: Object | None = None
    policies: Mapping[str, Object] = field(default_factory=dict)
    jobs: Mapping[str, Object] = field(default_factory=dict)
    job_pods: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)
    evidence: Evidence | Unavailable | None = None
    before_mirror: Histogram | Unavailable | None = None
    live_classes: Observed | Unavailable | None = None
    log: LogHealth | Unavailable | None = None
    able: frozenset[str] | Unavailable | None = None
    contrast: Contrast | Unavailable | None = None
    archived: Mapping[str, str] | Unavailable | None = None
    requests: tuple[Request, ...] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    installation: Installation = Installation()

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(f"{GROUP}/v1alpha1", "ModelRollout", self.namespace, self.name)

    def is_own(self, live: Object) -> bool:
        """Whether an InferenceService was made by a rollout of this name; one that is adopted counts as somebody
        else's, also where an orphaned rollout of this name has left it behind."""
        adopted = {each.inference_service for each in self.status.variants if each.adopted}
        adopted |= self.unreadable.adopted if self.unreadable is not None else set()
        named = ((self.raw.get("adopt") or {}).get("inferenceServiceRef") or {}).get("name")
        metadata = live["metadata"]
        ours = (metadata.get("labels") or {}).get(ROLLOUT_LABEL) == self.name
        return ours and metadata["name"] not in adopted | {named}

    @property
    def orphan(self) -> bool:
        """Whether the service must outlive the rollout."""
        return self.raw.get("deletionPolicy") == "Orphan"

    @property
    def identity(self) -> Identity:
        return Identity(self.namespace, self.name, self.uid, owned=not self.orphan)


def variant(status: ModelRolloutStatus, name: str) -> Variant | None:
    """The variant in one place: stable, candidate or previous."""
    return next((v for v in status.variants if v.name == name), None)


def key_of(obj: Object) -> ObjectKey:
    """Names a live object."""
    metadata = obj["metadata"]
    return ObjectKey(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])


def leaving(obj: Object | None) -> bool:
    """Whether somebody has deleted the object and it waits for finalizers."""
    return obj is not None and bool(obj["metadata"].get("deletionTimestamp"))
