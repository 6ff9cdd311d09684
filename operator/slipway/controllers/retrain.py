"""RetrainPolicy: what a decision about it needs to see."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from slipway.api.v1alpha1.base import API_VERSION
from slipway.api.v1alpha1.retrain_triggers import DriftTrigger
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec, RetrainPolicyStatus
from slipway.controllers.reading import read_spec
from slipway.core import retrain
from slipway.core.desired.retrained_run import POLICY_LABEL
from slipway.core.drift import Histograms, Look, Reading, look, windows_of
from slipway.core.drift_queries import FRESHNESS, REFERENCE, live_rows
from slipway.core.plan import ObjectKey, Plan, Unavailable
from slipway.core.retrain_snapshot import RetrainSnapshot, Served
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
        served = _served(world, namespace, spec) if spec else None
        drifts = {each.name: each.drift for each in spec.triggers if each.drift is not None} if spec else {}
        looks = []
        if served and served.revision and spec:
            rollout = (f"{namespace}/{spec.rollout_ref.name}", served.revision)
            looks = [await self._look(metadata["uid"], each, drifts[each], rollout, world, now) for each in drifts]
        return RetrainSnapshot(
            namespace=namespace,
            name=name,
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            raw=obj["spec"],
            spec=spec,
            status=RetrainPolicyStatus.model_validate(obj.get("status") or {}),
            invalid=invalid,
            inactive=inactive,
            served=served,
            looks=tuple(looks),
            runs=tuple(world.list("TrainingRun", namespace, {POLICY_LABEL: name})),
            slot=min((slot_seconds(drift) for drift in drifts.values()), default=_LARGEST_SLOT),
        )

    def decide(self, snapshot: RetrainSnapshot, now: datetime) -> Plan:
        """Pure."""
        return retrain.decide(snapshot, now)

    async def _look(
        self, uid: str, name: str, trigger: DriftTrigger, rollout: tuple[str, str], world: World, now: datetime
    ) -> Look:
        slot = math.floor(now.timestamp() / slot_seconds(trigger))
        question = (slot, rollout, trigger)
        known = self._looks.get((uid, name))
        if known is not None and known[0] == question:
            return known[1]
        seen = look(name, trigger, await self._reading(trigger, rollout, world, now))
        if seen.problem is None:  # what could not be read is asked for again at once
            if len(self._looks) >= _MEMORY:
                self._looks.clear()
            self._looks[uid, name] = (question, seen)
        return seen

    async def _reading(
        self, trigger: DriftTrigger, rollout: tuple[str, str], world: World, now: datetime
    ) -> Reading | Unavailable:
        fresh = await world.query(FRESHNESS, now)
        if isinstance(fresh, Unavailable):
            return fresh
        if (stale := _stale(fresh, rollout, now)) is not None:
            return stale
        texts = [REFERENCE, *(live_rows(trigger.window, back) for back in range(windows_of(trigger)))]
        found: list[Histograms] = []
        for text in texts:
            samples = await world.query(text, now)
            if isinstance(samples, Unavailable):
                return samples
            found.append(self._indexed(text, samples).get(rollout, {}))
        return Reading(found[0], tuple(found[1:]))

    def _indexed(self, text: str, samples: Sequence[Sample]) -> _Index:
        """The answer by revision: it is shared by all policies, so it is gone through once, not once for each."""
        known = self._indices.get(text)
        if known is None or known[0] is not samples:
            if len(self._indices) >= 100:
                self._indices.clear()
            known = self._indices[text] = (samples, _by_revision(samples))
        return known[1]


def slot_seconds(trigger: DriftTrigger) -> float:
    """How often a trigger is looked at: every 5 s for windows that a person watches, else a hundredth of the window."""
    window = trigger.window.seconds
    if window < _SHORT_WINDOW:
        return _SHORT_SLOT
    return min(_LARGEST_SLOT, max(_SMALLEST_SLOT, window / _SLOTS_IN_A_WINDOW))


def _served(world: World, namespace: str, spec: RetrainPolicySpec) -> Served | None:
    rollout = world.get(ObjectKey(API_VERSION, "ModelRollout", namespace, spec.rollout_ref.name))
    if rollout is None:
        return None
    status = rollout.get("status") or {}
    variants = {each["name"]: each for each in status.get("variants") or ()}
    coming = (variants.get("candidate"), status.get("target"), status.get("queued"))
    stable = variants.get("stable") or {}
    versions = {str(each.get("version") or "") for each in coming if each} - {"", str(stable.get("version") or "")}
    return Served(str(stable.get("revision") or ""), tuple(sorted(versions)))


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
        bucket = sample.labels.get("bucket", "")
        if bucket.isdigit():
            buckets[_revision(sample)][sample.labels.get("feature", "")][int(bucket)] = sample.value
    return {
        revision: {name: _dense(counts) for name, counts in features.items()} for revision, features in buckets.items()
    }


def _dense(counts: Mapping[int, float]) -> tuple[float, ...]:
    """By bucket number; a series that is absent has counted nothing."""
    return tuple(counts.get(bucket, 0.0) for bucket in range(max(counts) + 1))


def _revision(sample: Sample) -> tuple[str, str]:
    return sample.labels.get("rollout", ""), sample.labels.get("revision", "")
