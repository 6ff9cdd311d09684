"""When a policy measures its model on matured labels, and what the last measurement said.

A policy has one Job at a time; a measurement of another revision, bound or source of labels begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.api.v1alpha1.retrain_performance import Performance
from slipway.api.v1alpha1.retrain_triggers import PerformanceTrigger
from slipway.api.v1alpha1.retrainpolicy import RetrainPolicySpec
from slipway.core.desired.log_job import DEADLINE_SECONDS
from slipway.core.desired.performance_job import PERFORMANCE_LABEL, PerformanceRun, labels_of, performance_job
from slipway.core.measured import failed, heard, judgement
from slipway.core.measurement import Asked, Labelled, between, pause, question_of, run_of, said_of
from slipway.core.performance import judged
from slipway.core.performance_look import PerformanceLook, look
from slipway.core.plan import Action, Create, Delete, ObjectKey, Unavailable
from slipway.core.pod_trouble import trouble
from slipway.core.retrain.snapshot import RetrainSnapshot
from slipway.core.retrain.unmeasurable import unmeasurable
from slipway.core.rollout.snapshot import leaving
from slipway.statistics.proportions import SEPARATING_TRIALS

_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Measuring:
    """The measurements as they are now: their status, what they say, and the seconds until one of them is due."""

    known: tuple[Performance, ...]
    looks: tuple[PerformanceLook, ...]
    wake: float | None = None


def measuring(snapshot: RetrainSnapshot, spec: RetrainPolicySpec, now: datetime) -> Measuring:
    """Hears the measurement that runs, or asks for the next one that is due."""
    wanted = tuple(_performance(spec))
    known = [_heard(snapshot, _entry(snapshot, name, trigger), trigger, now) for name, trigger in wanted]
    problems = [unmeasurable(snapshot, trigger) for _, trigger in wanted]
    due = [
        place
        for place, (_, trigger) in enumerate(wanted)
        if problems[place] is None and _due_in(known[place], trigger, now) <= 0
    ]
    if due and not any(each.running for each in known):  # none waits for others that are always due
        first = min(due, key=lambda place: (known[place].asked_at is not None, known[place].asked_at or now))
        known[first] = known[first].model_copy(update={"run": known[first].run + 1, "asked_at": now, "running": True})
    looks, waits = [], []
    for place, (name, trigger) in enumerate(wanted):
        problem = problems[place]
        if problem is not None:
            looks.append(PerformanceLook(name, problem=problem))
            known[place] = known[place].model_copy(update={"running": False})
            continue
        looks.append(_look(snapshot, known[place], trigger, now))
        waits.append(_LOOK_SECONDS if known[place].running else max(_LOOK_SECONDS, _due_in(known[place], trigger, now)))
    return Measuring(tuple(known), tuple(looks), min(waits, default=None))


def measurement_jobs(snapshot: RetrainSnapshot, spec: RetrainPolicySpec) -> Iterator[Action]:
    """The Job of the measurement that the persisted status asks for; those that nobody asks for any more go.

    The newest of each trigger stays for a while when it has ended, so that a person can read its log.
    """
    names: set[str] = set()
    for name, trigger in _performance(spec):
        entry = next((each for each in snapshot.status.performance if each.name == name), None)
        run = _run(snapshot, entry, trigger) if entry is not None else None
        if run is None or entry is None:
            continue
        made = run.job_name(snapshot.name)
        names.add(made)
        if entry.running and made not in snapshot.labelled.jobs:
            yield Create(performance_job(snapshot.policy.metadata(made, labels_of(made)), run))
    for name, job in sorted(snapshot.labelled.jobs.items()):
        metadata = job["metadata"]
        mine = PERFORMANCE_LABEL in (metadata.get("labels") or {}) and _owned(snapshot, metadata)
        if mine and name not in names and not leaving(job):
            yield Delete(ObjectKey("batch/v1", "Job", snapshot.namespace, name), metadata["uid"])


def every(trigger: PerformanceTrigger) -> float:
    """Seconds between two measurements."""
    return between(trigger.window.timedelta)


def _performance(spec: RetrainPolicySpec) -> Iterator[tuple[str, PerformanceTrigger]]:
    for each in spec.triggers:
        if each.type == "Performance" and each.performance is not None:
            yield each.name, each.performance


def _entry(snapshot: RetrainSnapshot, name: str, trigger: PerformanceTrigger) -> Performance:
    """What status knows of the trigger, or a new beginning where something else is asked now."""
    revision = snapshot.served.revision if snapshot.served is not None else ""
    known = next((each for each in snapshot.status.performance if each.name == name), None)
    question = _question(snapshot.labelled, revision, trigger)
    if known is not None and known.question == question:
        return known
    return Performance(name=name, metric=trigger.metric, revision=revision, question=question,
                       run=known.run if known is not None else 0, needed=SEPARATING_TRIALS)  # fmt: skip


def _question(labelled: Labelled, revision: str, trigger: PerformanceTrigger) -> str:
    return question_of(labelled, revision, trigger.model_dump(mode="json"))


def _due_in(entry: Performance, trigger: PerformanceTrigger, now: datetime) -> float:
    if entry.asked_at is None:
        return 0.0
    return pause(entry, every(trigger)) - (now - entry.asked_at).total_seconds()


def _run(snapshot: RetrainSnapshot, entry: Performance, trigger: PerformanceTrigger) -> PerformanceRun | None:
    """The measurement that an entry asks for; None where nothing is to be measured by now."""
    if entry.asked_at is None or unmeasurable(snapshot, trigger) is not None:
        return None
    if entry.question != _question(snapshot.labelled, entry.revision, trigger):
        return None
    window = trigger.window.timedelta
    return run_of(snapshot.labelled, Asked(entry.name, trigger.metric, entry.revision, entry.asked_at, window=window))


def _heard(snapshot: RetrainSnapshot, entry: Performance, trigger: PerformanceTrigger, now: datetime) -> Performance:
    run = _run(snapshot, entry, trigger) if entry.running else None
    if run is None:
        return entry
    said = said_of(snapshot.labelled, run.job_name(snapshot.name), now)
    if said is None or isinstance(said, Unavailable):
        return failed(entry, said.message) if said is not None else entry
    return heard(entry, run, said, lambda counts: judgement(judged(trigger, run.label, counts, run.asked)))


def _look(snapshot: RetrainSnapshot, entry: Performance, trigger: PerformanceTrigger, now: datetime) -> PerformanceLook:
    found = look(entry, now, timedelta(seconds=2 * every(trigger) + DEADLINE_SECONDS))
    if not entry.running or found.problem is not None:
        return found
    run = _run(snapshot, entry, trigger)
    name = run.job_name(snapshot.name) if run is not None else ""
    ill = trouble(snapshot.labelled.pods.get(name, ()))
    if ill is None:
        return found
    problem = Unavailable(ill.reason, f"the measurement of {entry.name} does not start: {ill.message}")
    return PerformanceLook(entry.name, problem=problem, damage=found.damage)


def _owned(snapshot: RetrainSnapshot, metadata: object) -> bool:
    owners = metadata.get("ownerReferences") or () if isinstance(metadata, dict) else ()
    return any(owner.get("uid") == snapshot.uid for owner in owners)
