"""Observes a ModelRollout: its children from the cache, its model from the registry, its evidence from Prometheus."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.controllers.reading import read_spec, read_status
from slipway.controllers.request import open_requests
from slipway.controllers.rollout_alarm import live_classes
from slipway.controllers.rollout_batch import batch
from slipway.controllers.rollout_children import children, task_of
from slipway.controllers.rollout_contents import contents
from slipway.controllers.rollout_definitions import with_definitions
from slipway.controllers.rollout_evidence import Judged, gather
from slipway.controllers.rollout_holdout import Contrasts, with_holdout
from slipway.controllers.rollout_log import logged
from slipway.controllers.rollout_metrics import metrics_of
from slipway.controllers.rollout_shadow import before_mirror
from slipway.controllers.task_models import carried
from slipway.core.definitions.changes import read_fingerprints
from slipway.core.desired.network_policy import read_reachable
from slipway.core.ledger.book import to_ask
from slipway.core.plan import Plan, Unavailable
from slipway.core.rollout import Installation, Resolved, Snapshot, decide
from slipway.core.rollout.snapshot import Unreadable
from slipway.runtime.world import Object, Settings, World


class RolloutController:
    """The kind's half of the seam; keeps nothing between two calls but who asks with whom, and slow answers."""

    kind = "ModelRollout"

    def __init__(self) -> None:
        self._judged = Judged()
        self._contrasts = Contrasts()

    async def observe(self, obj: Object, world: World, now: datetime) -> Snapshot:
        """Reads everything that a decision needs; evidence only while something is being judged."""
        snapshot = children(parsed(obj, installation(world.settings)), world)
        requests = open_requests(self.kind, snapshot.namespace, snapshot.name, world)
        snapshot = replace(snapshot, requests=requests, outcomes=world.outcomes(snapshot.uid))
        if snapshot.spec is None or snapshot.deleting or snapshot.unreadable is not None:
            return snapshot
        spec, name = snapshot.spec, snapshot.spec.task_ref.name
        task, model = task_of(name, snapshot.namespace, world), await _model(spec, snapshot.namespace, world)
        snapshot = replace(snapshot, task=task.exists, positive=task.positive, latency=task.latency, model=model)
        snapshot = replace(snapshot, contents=await contents(snapshot, world))
        snapshot = replace(snapshot, paired=task.paired, contract=task.contract)
        snapshot = with_definitions(snapshot, task.definitions, world)
        snapshot = replace(batch(snapshot, name, world), metrics=metrics_of(spec, task, world))
        run = to_ask(snapshot.status.ledger)
        snapshot = replace(snapshot, archived=await world.run_tags(run)) if run else snapshot
        if snapshot.batch is not None:
            return snapshot
        evidence, log = await gather(snapshot, world, now, self._judged), await logged(snapshot, world, now)
        before = await before_mirror(snapshot, world, now)
        classes = await live_classes(snapshot, world, now, self._judged)
        snapshot = replace(snapshot, evidence=evidence, log=log, before_mirror=before, live_classes=classes)
        return await with_holdout(snapshot, world, now, self._judged, self._contrasts)

    def decide(self, snapshot: Snapshot, now: datetime) -> Plan:
        """Pure."""
        return decide(snapshot, now)


def installation(settings: Settings) -> Installation:
    """The part of the settings that a rollout needs."""
    return Installation(
        mlflow=settings.mlflow,
        mlflow_secret=settings.mlflow_secret,
        builder_image=settings.builder_image,
        buildah_image=settings.buildah_image,
        buildah_seccomp_profile=settings.buildah_seccomp_profile,
        pipelines_image=settings.pipelines_image,
        base_image=settings.base_image,
        registry=settings.registry,
        registry_plain_http=settings.registry_plain_http,
        read_secrets=settings.read_secrets,
        reachable=read_reachable(settings.serving_egress),
    )


def parsed(obj: Object, settings: Installation) -> Snapshot:
    """The rollout itself. A spec that does not validate is told, not raised: webhook and schema may be by-passed."""
    metadata, raw = obj["metadata"], obj.get("spec") or {}
    spec, invalid, inactive = read_spec("ModelRollout", ModelRolloutSpec, obj)
    status, problem = read_status(ModelRolloutStatus, obj)
    return Snapshot(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=int(metadata.get("generation", 0)),
        resource_version=metadata["resourceVersion"],
        raw=raw,
        spec=spec,
        invalid=invalid,
        status=status,
        unreadable=Unreadable(obj.get("status") or {}, problem) if problem else None,
        deleting=bool(metadata.get("deletionTimestamp")),
        finalizers=tuple(metadata.get("finalizers") or ()),
        inactive=inactive,
        installation=settings,
    )


async def _model(spec: ModelRolloutSpec, namespace: str, world: World) -> Resolved | Unavailable | None:
    source = spec.model
    if source is not None and source.image is not None:
        return finished_image(source.image.image)
    if source is not None and source.run is not None:
        missing, run = await world.model_run(source.run.uri), run_of(source.run.uri)
        trained = carried(world.list("TrainingRun", namespace, {}), run)
        return missing or Resolved(name="", version=source.run.uri, run=run, definitions=trained)
    if source is None or source.mlflow is None:
        return None
    found = await world.model_version(source.mlflow.name, source.mlflow.version, source.mlflow.alias)
    if isinstance(found, Unavailable):
        return found
    return Resolved(
        found.name, found.version, found.digest, found.evaluation, cause=found.cause, run=found.run,
        definitions=read_fingerprints(found.definitions),
    )  # fmt: skip


def run_of(uri: str) -> str:
    """The run of `runs:/RUN/PATH`."""
    return uri.removeprefix("runs:/").partition("/")[0]


def finished_image(image: str) -> Resolved:
    """An image that somebody else built: its digest is all that is known of its model."""
    digest = image.rpartition("@")[2]
    return Resolved(name="", version=digest[: len("sha256:") + 12], digest=digest, image=image)
