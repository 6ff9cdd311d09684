"""RetrainPolicy: what a decision about it needs to see."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus
from slipway.api.v1alpha1.retrain_triggers import DriftTrigger
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.api.v1alpha1.rollout_status import HistoryEntry, ModelRolloutStatus, Queued, Target, Variant
from slipway.controllers.reading import read_spec
from slipway.controllers.request import open_requests
from slipway.controllers.retrain_labelled import labelled
from slipway.controllers.retrain_metric import SLOT_SECONDS as METRIC_SLOT
from slipway.controllers.retrain_metric import metric_look
from slipway.core.desired.retrained_run import POLICY_LABEL
from slipway.core.drift import PREDICTIONS, Histograms, Look, Reading, look, of_predictions, windows_of
from slipway.core.drift_queries import (
    FEATURES,
    FRESHNESS,
    MISSING,
    REFERENCE,
    SCORE_REFERENCE,
    SCORES,
    UNSEEN,
    live_rows,
)
from slipway.core.metric_trigger import MetricLook
from slipway.core.plan import ObjectKey, Plan, Unavailable
from slipway.core.retrain.decide import decide
from slipway.core.retrain.snapshot import Ended, RetrainSnapshot, Served
from slipway.core.rollout.turn import BEFORE_TRAFFIC
from slipway.runtime.world import Object, Sample, World

STALE_SECONDS = 60
_SHORT_WINDOW, _SHORT_SLOT = 600.0, 5.0
_SMALLEST_SLOT, _LARGEST_SLOT, _SLOTS_IN_A_WINDOW = 60.0, 300.0, 100.0
_MEMORY = 10_000
_Index = Mapping[tuple[str, str], Histograms]


class RetrainController:
    """Observes a RetrainPolicy, its rollout, its runs, and the live requests of the served revision.

    A trigger is looked at once in a slot, however often its policy is decided: windows of a day need no look every time
    that some object changes. Slots are aligned to the clock, so that policies with equal windows ask together.
    """

    kind = "RetrainPolicy"

    def __init__(self) -> None:
        self._looks: dict[tuple[str, str], tuple[tuple[object, ...], Look]] = {}
        self._indices: dict[str, tuple[Sequence[Sample], _Index]] = {}

    async def observe(self, obj: Object, world: World, now: datetime) -> RetrainSnapshot:
        """Reads the cache, and Prometheus where a trigger is due."""
        metadata = obj["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        spec, invalid, inactive = read_spec(self.kind, RetrainPolicySpec, obj)
        status = RetrainPolicyStatus.model_validate(obj.get("status") or {})
        served = _served(world, namespace, spec, obj["spec"]["runTemplate"]) if spec else None
        questions = tuple(_questions(spec)) if spec else ()
        looks: list[Look] = []
        metrics: list[MetricLook] = []
        if served and served.revision and spec:
            rollout = (f"{namespace}/{spec.rollout_ref.name}", served.revision)
            looks = [await self._look(metadata["uid"], each, rollout, world, now) for each in questions]
            wanted = [(each.name, each.metric) for each in spec.triggers if each.metric is not None]
            # at the same time: several servers that say nothing take no longer than one
            metrics = await asyncio.gather(*(metric_look(each, metric, rollout, world, now) for each, metric in wanted))
        return RetrainSnapshot(
            namespace=namespace,
            name=name,
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            raw=obj["spec"],
            spec=spec,
            status=status,
            created=datetime.fromisoformat(metadata["creationTimestamp"]),
            invalid=invalid,
            inactive=inactive,
            served=served,
            looks=(*looks, *metrics),
            runs=_runs(world, namespace, name, status),
            slot=min(
                [*(slot_seconds(each.trigger) for each in questions), *(METRIC_SLOT for _ in metrics)],
                default=_LARGEST_SLOT,
            ),
            damage=tuple(sorted({each for look in looks for each in look.damage})),
            requests=open_requests(self.kind, namespace, name, world),
            labelled=labelled(spec, namespace, name, world),
        )

    def decide(self, snapshot: RetrainSnapshot, now: datetime) -> Plan:
        """Pure."""
        return decide(snapshot, now)

    async def _look(self, uid: str, asked: Question, rollout: tuple[str, str], world: World, now: datetime) -> Look:
        question = (math.floor(now.timestamp() / slot_seconds(asked.trigger)), rollout, asked)
        name = asked.name
        known = self._looks.get((uid, name))
        if known is not None and known[0] == question:
            return known[1]
        seen = look(name, asked.trigger, await self._reading(asked, rollout, world, now))
        if seen.problem is None:  # what could not be read is asked for again at once
            if len(self._looks) >= _MEMORY:
                self._looks.clear()
            self._looks[uid, name] = (question, seen)
        return seen

    async def _reading(
        self, asked: Question, rollout: tuple[str, str], world: World, now: datetime
    ) -> Reading | Unavailable:
        fresh = await world.query(FRESHNESS, now)
        if isinstance(fresh, Unavailable):
            return fresh
        if (stale := _stale(fresh, rollout, now)) is not None:
            return stale
        texts = asked.texts
        found: list[Histograms] = []
        for text in texts:
            samples = await world.query(text, now)
            if isinstance(samples, Unavailable):
                return samples
            found.append(self._indexed(text, samples).get(rollout, {}))
        if asked.scores:
            return Reading(found[0], tuple(found[1:]))
        return Reading(found[0], tuple(found[3:]), found[1], found[2])

    def _indexed(self, text: str, samples: Sequence[Sample]) -> _Index:
        """The answer by revision: it is shared by all policies, so it is gone through once, not once for each."""
        known = self._indices.get(text)
        if known is None or known[0] is not samples:
            if len(self._indices) >= 100:
                self._indices.clear()
            known = self._indices[text] = (samples, _by_revision(samples))
        return known[1]


@dataclass(frozen=True)
class Question:
    """One trigger, as Prometheus is asked about it: of the features, or of the model's scores."""

    name: str
    trigger: DriftTrigger
    scores: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Queries: the reference; of features then missing and unseen values; and the windows, newest first."""
        window, counter = self.trigger.window, SCORES if self.scores else FEATURES
        windows = (live_rows(window, back, counter) for back in range(windows_of(self.trigger)))
        if self.scores:
            return (SCORE_REFERENCE, *windows)
        return (REFERENCE, live_rows(window, 0, MISSING), live_rows(window, 0, UNSEEN), *windows)


def _questions(spec: RetrainPolicySpec) -> Iterator[Question]:
    for each in spec.triggers:
        if each.type == "Drift" and each.drift is not None:
            yield Question(each.name, each.drift)
        elif each.type == "Predictions" and each.predictions is not None:
            yield Question(each.name, of_predictions(each.predictions), scores=True)


def slot_seconds(trigger: DriftTrigger) -> float:
    """How often a trigger is looked at: every 5 s for windows that a person watches, else a hundredth of the window."""
    window = trigger.window.seconds
    if window < _SHORT_WINDOW:
        return _SHORT_SLOT
    return min(_LARGEST_SLOT, max(_SMALLEST_SLOT, window / _SLOTS_IN_A_WINDOW))


def _runs(world: World, namespace: str, policy: str, status: RetrainPolicyStatus) -> tuple[Object, ...]:
    """Those with the policy's label, and those that it has ordered: somebody may have taken the label off."""
    found = {run["metadata"]["name"]: run for run in world.list("TrainingRun", namespace, {POLICY_LABEL: policy})}
    for turn in (*status.turns, *((status.last_run,) if status.last_run is not None else ())):
        run = world.get(ObjectKey(API_VERSION, "TrainingRun", namespace, turn.name))
        if run is not None:
            found[turn.name] = run
    return tuple(found.values())


def _served(world: World, namespace: str, spec: RetrainPolicySpec, template: Object) -> Served | None:
    rollout = world.get(ObjectKey(API_VERSION, "ModelRollout", namespace, spec.rollout_ref.name))
    if rollout is None:
        return None
    status, model = ModelRolloutStatus.model_validate(rollout.get("status") or {}), _registered(template)
    stable = next((each for each in status.variants if each.name == "stable"), None)
    begun = status.stage is not None and status.stage.type not in BEFORE_TRAFFIC
    target, queued = (_version(each, model) for each in (status.target, status.queued))
    return Served(
        revision=stable.revision if stable else "",
        version=_version(stable, model),
        gated=tuple(sorted({each for each in (queued, "" if begun else target) if each})),
        rolling=(target,) if begun and target else (),
        history=tuple(
            Ended(each.version, each.digest, each.outcome, each.ended_at)
            for each in status.history
            if each.ended_at is not None and _version(each, model)
        ),
        model=_taken_from(rollout, status),
    )


def _registered(template: Object) -> str:
    """The registered model that runs of the template make versions of; empty where they register none."""
    return str((template["spec"].get("register") or {}).get("model", ""))


def _taken_from(rollout: Object, status: ModelRolloutStatus) -> str:
    """The registered model whose versions a rollout takes: as its spec says, else as its status does."""
    source = (rollout.get("spec") or {}).get("model") or {}
    if source:
        return str((source.get("mlflow") or {}).get("name", ""))
    held = (status.target, *status.variants)
    return next((each.model for each in held if each is not None and each.model), "")


def _version(held: Variant | Target | Queued | HistoryEntry | None, model: str) -> str:
    """A version's number belongs to its registered model: of another model's nothing is said."""
    return held.version if held is not None and model in ("", held.model) else ""


def _stale(samples: Sequence[Sample], rollout: tuple[str, str], now: datetime) -> Unavailable | None:
    instants = [each.value for each in samples if _revision(each) == rollout and math.isfinite(each.value)]
    if not instants:
        return Unavailable("NoMetrics", f"Prometheus has no series of revision {rollout[1]} of {rollout[0]}")
    if now.timestamp() - max(instants) > STALE_SECONDS:
        message = f"revision {rollout[1]} of {rollout[0]} was last scraped more than {STALE_SECONDS} s ago"
        return Unavailable("StaleMetrics", message)
    return None


def _by_revision(samples: Sequence[Sample]) -> _Index:
    buckets: defaultdict[tuple[str, str], defaultdict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for sample in samples:
        bucket = sample.labels.get("bucket", "0")  # counters of missing values have none
        if bucket.isdigit():
            buckets[_revision(sample)][sample.labels.get("feature", PREDICTIONS)][int(bucket)] = sample.value
    return {
        revision: {name: _dense(counts) for name, counts in features.items()} for revision, features in buckets.items()
    }


def _dense(counts: Mapping[int, float]) -> tuple[float, ...]:
    """By bucket number; a series that is absent has counted nothing."""
    return tuple(counts.get(bucket, 0.0) for bucket in range(max(counts) + 1))


def _revision(sample: Sample) -> tuple[str, str]:
    return sample.labels.get("rollout", ""), sample.labels.get("revision", "")
