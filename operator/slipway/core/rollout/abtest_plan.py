"""Before an experiment: how many entities it takes, how many days, and whether it can finish in its time."""

from __future__ import annotations

import hashlib
import json

from slipway.api.v1alpha1.abtest import ABTest
from slipway.api.v1alpha1.abtest_status import ABTestResult, primary_name
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.scalars import Duration
from slipway.core.evidence import Evidence
from slipway.core.experiment import DAY_SECONDS, FOREVER, piloted, sized, whole_days
from slipway.core.gate_words import shown
from slipway.core.primary import Primary, deciding
from slipway.core.rollout.route import fraction
from slipway.core.rollout.snapshot import variant
from slipway.core.rollout.turn import Turn
from slipway.statistics.duration import Arrivals, days_until

LEAST_ENTITIES = 30.0
UNDERPOWERED = "ABTestUnderpowered"


def design_hash(test: ABTest) -> str:
    """Of all that makes an experiment, but not of what an open end means; nor of defaults, which a later version has
    more of."""
    fields = test.model_dump(mode="json", by_alias=True, exclude={"if_inconclusive"}, exclude_defaults=True)
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:10]


def changed(turn: Turn, stage: Stage) -> bool:
    """Whether the running experiment is another than the one that was begun."""
    known = turn.status.ab_test
    if stage.ab_test is None or known is None or known.stage != stage.name:
        return False
    return known.design != design_hash(stage.ab_test)


def begun(turn: Turn, stage: Stage) -> Turn:
    """With the experiment of a stage in status, planned from the traffic before it where that says enough.

    Its end is fixed now: the last look spends what is left of the error, which only an end allows that does not depend
    on what is seen. A stage of another type leaves the last experiment as it is.
    """
    test = stage.ab_test
    if test is None:
        return turn
    metric = deciding(test, turn.snapshot.metrics)
    name = metric.name if isinstance(metric, Primary) else test.metric or ""
    ends = (turn.progress.since or turn.now) + test.at_most.timedelta
    result = ABTestResult(
        stage=stage.name, metric=name, design=design_hash(test), ends_at=ends, verdict="Running",
        restarts=_restarts(turn, stage),
    )  # fmt: skip
    others = tuple(gate for gate in turn.status.gates if gate.name != primary_name(stage.name))
    return planned(turn.set(ab_test=result, gates=others), stage)


def _restarts(turn: Turn, stage: Stage) -> int:
    """How often this campaign has begun the experiment anew: one that a commit has changed, also its name, is another
    chance of the same candidate. One that stands in the spec and was passed is none: the next must be won as well."""
    known = turn.status.ab_test
    if known is None:
        return 0
    if known.stage == stage.name:  # what was seen while it ran is counted by the new epoch
        return known.restarts + (known.ended_at is not None)
    passed = any(each.name == known.stage for each in turn.spec.stages)
    return 0 if passed else known.restarts + known.looked_at


def _days(turn: Turn, test: ABTest, result: ABTestResult) -> float:
    """From the beginning of the evidence to the end of the experiment."""
    since = turn.status.epoch_since if turn.stage is not None and turn.progress.name == result.stage else None
    if since is None or result.ends_at is None:
        return test.at_most.seconds / DAY_SECONDS
    return min(test.at_most.seconds, max(0.0, (result.ends_at - since).total_seconds())) / DAY_SECONDS


def planned(turn: Turn, stage: Stage) -> Turn:
    """With the size of the experiment, as soon as stable's traffic tells it; its duration is estimated anew later on.

    That it cannot finish is told once, when it is found.
    """
    test, result, evidence = stage.ab_test, turn.status.ab_test, turn.snapshot.evidence
    if test is None or result is None or not isinstance(evidence, Evidence):
        return turn
    metric = deciding(test, turn.snapshot.metrics)
    if not isinstance(metric, Primary):
        return turn
    after = _again(turn, test, evidence, result) if result.required else _first(turn, test, metric, evidence, result)
    turn = turn.set(ab_test=after)
    told = bool(after.underpowered) and not result.underpowered
    return turn.notice("Warning", UNDERPOWERED, after.underpowered) if told else turn


def _first(turn: Turn, test: ABTest, metric: Primary, evidence: Evidence, result: ABTestResult) -> ABTestResult:
    """The plan; as it was while stable's traffic says too little."""
    pilot, everyone, days = metric.moments(evidence.stable), _everyone(turn, evidence), _days(turn, test, result)
    if pilot is None or everyone < LEAST_ENTITIES or evidence.age <= 0:
        return result
    try:
        seen = evidence.stable.exposures
        known = piloted(pilot, seen.count if seen is not None else 0.0, metric.events)
        arrivals, share = Arrivals(everyone / evidence.age * DAY_SECONDS), float(test.weight.fraction)
        size = sized(test, known, arrivals, share, result.restarts, days)
    except ValueError:
        return result
    fields = {
        "required": size.entities,
        "baseline": shown(float(known.mean), metric.unit),
        "detectable": shown(size.detectable, metric.unit_of_effect(test)),
        "basis": f"{everyone:.0f} entities within {Duration.of(max(1, int(evidence.age)))}",
    }
    return result.model_copy(update=fields | _duration(test, days, size.entities, size.days, size.reachable))


def _again(turn: Turn, test: ABTest, evidence: Evidence, result: ABTestResult) -> ABTestResult:
    """The duration by the entities that still come after one day, two, four, …: old ones return, so that the first
    hours promise too much. `seen_*` is the point before."""
    wanted = 2 * result.seen_seconds if result.seen_seconds else min(DAY_SECONDS, test.at_most.seconds / 20)
    if turn.stage is None or turn.stage.name != result.stage or evidence.age < wanted:
        return result
    everyone = _everyone(turn, evidence)
    point = {"seen_seconds": int(evidence.age), "seen_entities": int(everyone)}
    if not result.seen_seconds or evidence.age <= result.seen_seconds:
        return result.model_copy(update=point)
    age = evidence.age / DAY_SECONDS
    rate = max(0.0, everyone - result.seen_entities) / (age - result.seen_seconds / DAY_SECONDS)
    arrivals = Arrivals(rate, max(0.0, everyone - rate * age), age / 5)
    limit = _days(turn, test, result)
    took = days_until(arrivals, result.required, max(FOREVER, limit)).days
    basis = {"basis": f"the entities that came in the last half of {Duration.of(int(evidence.age))}"}
    return result.model_copy(
        update=point | basis | _duration(test, limit, result.required, took, arrivals.distinct(limit))
    )


def _everyone(turn: Turn, evidence: Evidence) -> float:
    """Entities of all arms together, by those of stable and the share that the persisted status left it."""
    seen, candidate = evidence.stable.exposures, variant(turn.snapshot.status, "candidate")
    share = float(fraction(candidate.weight)) if candidate is not None else 0.0
    return seen.count / (1 - share) if seen is not None and share < 1 else 0.0


def _duration(test: ABTest, limit: float, required: int, days: float | None, reachable: float) -> dict[str, object]:
    """`limit`: days until the end; `days` that the required entities take."""
    fits = days is not None and days <= limit
    takes = f"takes {days:.3g} days" if days is not None else "never comes"
    told = f"needs {required} entities, which {takes} at the present traffic; it ends after "
    told += f"{Duration.of(max(1, round(limit * DAY_SECONDS)))} with {reachable:.0f}"
    return {
        "expected_days": whole_days(days),
        "reachable": int(reachable),
        "underpowered": "" if fits else f"{told}, too few to find {test.effect.value} with the power asked for",
    }
