"""The seam between the event loop and the controllers of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from slipway.core.plan import ObjectKey, Outcome, Plan, Unavailable
from slipway.core.readings import Question, Readings, Server, Webhook

Object = Mapping[str, Any]
S = TypeVar("S")


@dataclass(frozen=True)
class Settings:
    """What the installation sets (chart values), passed into every decision that needs it."""

    prometheus: str = ""
    mlflow: str = ""
    mlflow_secret: str = ""
    """Name of the Secret with which Jobs log in at MLflow, each in its own namespace; empty: MLflow asks for none."""

    builder_image: str = ""
    buildah_image: str = ""
    buildah_seccomp_profile: str = ""
    pipelines_image: str = ""
    base_image: str = ""
    registry: str = ""
    registry_plain_http: bool = False
    namespace: str = "slipway-system"
    serving_egress: str = ""
    read_secrets: bool = True


@dataclass(frozen=True)
class Sample:
    """One element of an instant vector; `value` may be NaN or infinite, the reader decides what that means."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class ModelVersion:
    """A registered model version, pinned. `digest`, `evaluation` and `cause` come from its tags and may be empty, as
    may `run`, the id of the MLflow run that made it, and `definitions`, its fingerprints as JSON."""

    name: str
    version: str
    digest: str
    evaluation: str
    run: str
    source: str
    cause: str = ""
    definitions: str = ""


class World(Protocol):
    """All that an observer may read. Kubernetes objects come from a cache that events keep fresh."""

    settings: Settings

    def get(self, key: ObjectKey) -> Object | None:
        """The cached object, or None."""

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Object]:
        """Cached objects of a watched kind that carry all `labels`."""

    async def query(self, promql: str, now: datetime, server: Server | None = None) -> Sequence[Sample] | Unavailable:
        """An instant query, shared: the same text within one tick is sent once, whoever asks. None is the server of the
        installation."""

    async def ask(self, hook: Webhook, question: Question, now: datetime) -> Readings | Unavailable:
        """What a webhook answered last, not older than its rhythm and the question bear; it never waits for long."""

    def heard(self, template: str) -> Readings | Unavailable | None:
        """How the last question of a MetricTemplate to its webhook ended; None while there was none."""

    async def model_version(self, name: str, version: str | None, alias: str | None) -> ModelVersion | Unavailable:
        """Resolves a version or alias; reason `ModelVersionNotFound` when MLflow answers that there is none,
        `MLflowUnavailable` when it does not answer. Cached for a few seconds."""

    async def model_run(self, uri: str) -> Unavailable | None:
        """None where the run of `runs:/RUN/PATH` has ended well; else reason `RunNotFound`, `RunNotFinished`, or
        `MLflowUnavailable`. Cached for a few seconds."""

    async def run_tags(self, run: str) -> Mapping[str, str] | Unavailable:
        """The tags of an MLflow run; reason `RunNotFound` or `MLflowUnavailable`. Cached for a few seconds."""

    async def content_digests(self, key: ObjectKey) -> Mapping[str, str] | Unavailable | None:
        """The keyed digest of each value of a Secret or ConfigMap, None where there is none; reasons
        `ReferenceForbidden`, `ReferenceUnavailable`, `DigestKeyMissing`. Seconds old."""

    def outcomes(self, uid: str) -> Mapping[str, Outcome]:
        """By receiver, what became of the announcements of a rollout that were handed over."""


class Controller(Protocol, Generic[S]):
    """One kind's observe and decide. The runtime does the rest: queue, retries, actions, status, events."""

    kind: str

    async def observe(self, obj: Object, world: World, now: datetime) -> S:
        """Reads everything that `decide` needs into one frozen value."""

    def decide(self, snapshot: S, now: datetime) -> Plan:
        """Pure."""
