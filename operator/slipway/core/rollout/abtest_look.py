"""One look at a running experiment: whether its data are valid, what the effect is, what that says.

In this order, the first that has something to say decides: evidence there and fresh, sample ratio, split, a metric
that can decide, enough clusters and events, and only then the effect.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1.abtest import ABTest
from slipway.api.v1alpha1.abtest_status import ABTestResult, Delta, Look
from slipway.api.v1alpha1.rollout_status import Split
from slipway.core.evidence import STALE_AFTER, Arm, Evidence
from slipway.core.experiment import (
    Judged,
    effect_of,
    hypothesis_of,
    look,
    look_is_due,
    planned_fraction,
    planned_looks,
)
from slipway.core.experiment import sequence as sequence_of
from slipway.core.gate_words import shown
from slipway.core.gates import Verdict
from slipway.core.measures import Unit
from slipway.core.plan import Unavailable
from slipway.core.primary import Primary, deciding, reported
from slipway.core.rollout.abtest_words import anew
from slipway.core.rollout.turn import Turn
from slipway.statistics.estimates import Estimate
from slipway.statistics.hypotheses import judge
from slipway.statistics.ratios import MINIMUM_CLUSTERS, Moments
from slipway.statistics.sample_ratio import ALARM, discounted, sequential_p_value
from slipway.statistics.sketch import Distinct

LEAST_EVENTS = 10.0
"""Events of both arms together below which the limit theorem says nothing."""


@dataclass(frozen=True)
class Case:
    """An experiment before its judge; `last` once the end that was fixed at its start is there."""

    turn: Turn
    test: ABTest
    known: ABTestResult
    split: Split | None
    share: float
    last: bool

    @property
    def evidence(self) -> Evidence:
        found = self.turn.snapshot.evidence
        assert isinstance(found, Evidence)
        return found

    @property
    def metric(self) -> Primary:
        found = deciding(self.test, self.turn.snapshot.metrics)
        assert isinstance(found, Primary)
        return found

    @property
    def unit(self) -> Unit:
        """That of the effect."""
        return self.metric.unit_of_effect(self.test)

    def sums(self) -> tuple[Moments, Moments] | None:
        """The deciding metric's sums of both arms."""
        ours, theirs = self.metric.moments(self.evidence.candidate), self.metric.moments(self.evidence.stable)
        return (ours, theirs) if ours is not None and theirs is not None else None


@dataclass(frozen=True)
class Found:
    """The verdict with its sentence, what changes in the experiment's status, and the value of stable."""

    verdict: Verdict
    message: str
    changes: dict[str, Any]
    stable: str = ""


Check = Callable[[Case], "tuple[Verdict, str] | None"]


def look_at(case: Case) -> Found:
    """Runs the chain."""
    changes = _counted(case)
    for check in CHAIN:
        said = check(case)
        if said is not None:
            return Found(*said, changes | {"verdict": "Invalid" if said[0] == "Invalid" else "Running"})
    return _compared(case, changes)


def _counted(case: Case) -> dict[str, Any]:
    """Entities, and the p value of the sample ratio: the smallest so far, so that an alarm is not forgotten.

    Pods are scraped at different moments. In the first minutes one arm may be a scrape ahead of the other, and an alarm
    from that would last for weeks: so a scrape counts as an error of the counts, beside that of the sketches.
    """
    if not isinstance(case.turn.snapshot.evidence, Evidence):
        return {}
    ours, theirs = case.evidence.candidate.exposures, case.evidence.stable.exposures
    if ours is None or theirs is None or not 0 < case.share < 1:
        return {}
    shares = (case.share, 1 - case.share)
    before = float(case.known.srm or 1.0)
    skew = min(1.0, STALE_AFTER / case.evidence.age) if case.evidence.age > 0 else 1.0
    arms = [Distinct(each.count, math.hypot(each.relative_error, skew)) for each in (ours, theirs)]
    p = sequential_p_value(discounted(arms, shares), shares, before)
    return {"srm": f"{p:.3g}", "exposures": int(ours.count + theirs.count)}


def _available(case: Case) -> tuple[Verdict, str] | None:
    evidence = case.turn.snapshot.evidence
    if evidence is None:
        return "Unknown", "nothing is being measured"
    if isinstance(evidence, Unavailable):
        return "Unknown", evidence.message
    return None


def _arms(case: Case) -> tuple[tuple[str, Arm], ...]:
    return ("candidate", case.evidence.candidate), ("stable", case.evidence.stable)


def _fresh(case: Case) -> tuple[Verdict, str] | None:
    for name, arm in _arms(case):
        if arm.scraped is None:
            return "Unknown", f"no scrape of the {name} within a minute"
        if not arm.requests:
            return "Unknown", f"the {name} has answered no request that counts"
    return None


def _sample_ratio(case: Case) -> tuple[Verdict, str] | None:
    counted = _counted(case)
    if "srm" not in counted or float(counted["srm"]) >= ALARM:
        return None
    ours, theirs = (arm.exposures.count if arm.exposures else 0.0 for _, arm in _arms(case))
    return "Invalid", (
        f"sample ratio mismatch: {ours:.0f} entities met the candidate and {theirs:.0f} stable, where {case.share:.4g} "
        f"of all were assigned to the candidate (p = {counted['srm']}): such arms differ by more than the model"
    )


def _split(case: Case) -> tuple[Verdict, str] | None:
    if case.split is None or case.split.agrees is None:
        return "Unknown", "too little traffic was measured to compare the split"
    if not case.split.agrees:
        return "Invalid", f"the measured split, {case.split.observed}, is not the {case.split.requested} asked for"
    return None


def _measured(case: Case) -> tuple[Verdict, str] | None:
    metric = deciding(case.test, case.turn.snapshot.metrics)
    if isinstance(metric, str):
        return "Unknown", metric
    if metric.key in case.evidence.missing:
        return "Unknown", case.evidence.missing[metric.key]
    for name, arm in _arms(case):
        sums = metric.moments(arm)
        if sums is None or sums.clusters < MINIMUM_CLUSTERS:
            found = int(sums.clusters) if sums is not None else 0
            return (
                "Unknown",
                f"{metric.name}: {name} has {found} occupied groups of entities, of {MINIMUM_CLUSTERS} needed",
            )
    return None


def _eventful(case: Case) -> tuple[Verdict, str] | None:
    sums = case.sums()
    if sums is None or not case.metric.events:
        return None
    events = sum(min(part.y, part.n - part.y) for part in sums)
    if events < LEAST_EVENTS:
        return "Unknown", f"{case.metric.name}: {events:.0f} events in both arms, of {LEAST_EVENTS:.0f} needed"
    return None


CHAIN: tuple[Check, ...] = (_available, _fresh, _sample_ratio, _split, _measured, _eventful)


def _compared(case: Case, changes: dict[str, Any]) -> Found:
    """The effect itself."""
    sums = case.sums()
    assert sums is not None
    effect, stable = effect_of(case.test, *sums, case.metric.events), shown(sums[1].y / sums[1].n, case.metric.unit)
    changes = changes | {"deltas": tuple(_deltas(case))}
    if not math.isfinite(float(effect.variance)):
        return Found("Unknown", _no_effect(case, stable), changes | _UNKNOWN, stable)
    if planned_looks(case.test):
        return _planned(case, effect, sums, changes, stable)
    judged = sequence_of(effect, case.test, case.last, case.known.restarts)
    verdict = _verdict(case, judged)
    return Found(verdict, _sentence(case, judged, sums, verdict), changes | _numbers(case, judged, verdict), stable)


_UNKNOWN = {"estimate": "", "low": "", "high": "", "verdict": "Running"}


def _no_effect(case: Case, stable: str) -> str:
    """Why arms that were measured show no effect."""
    if case.test.effect.kind == "Relative":
        return (
            f"{case.metric.name}: a relative effect means nothing while stable's value, {stable}, is not above zero by "
            "three standard errors: ask for effect.kind Absolute"
        )
    return f"{case.metric.name}: too few groups of entities differ to say how sure its effect is"


def _planned(
    case: Case, effect: Estimate, sums: tuple[Moments, Moments], changes: dict[str, Any], stable: str
) -> Found:
    """Between two planned looks the last one stands: nothing else may be seen."""
    taken = [float(each.fraction) for each in case.known.looks]
    fraction, planned = planned_fraction(effect, case.test, case.known.restarts), planned_looks(case.test)
    done = sum(bool(taken) and each <= taken[-1] for each in planned)
    grown = fraction > (taken[-1] if taken else 0.0)
    last = case.last or fraction >= planned[-1]
    if not grown or not (last or look_is_due(case.test, done, fraction)):
        return _between(case, done, fraction, changes, stable)
    judged = look(effect, case.test, taken, last, case.known.restarts)
    verdict = _verdict(case, judged)
    message = f"look {len(taken) + 1}: {_sentence(case, judged, sums, verdict)}"
    one = Look(at=case.turn.now, fraction=f"{fraction:.6f}", verdict=verdict, message=message)
    return Found(
        verdict, message, changes | _numbers(case, judged, verdict) | {"looks": (*case.known.looks, one)}, stable
    )


def _between(case: Case, done: int, fraction: float, changes: dict[str, Any], stable: str) -> Found:
    planned = planned_looks(case.test)
    coming = f"look {done + 1} of {len(planned)}" if done < len(planned) else "the end"
    if not case.known.looks:
        wanted = f" at {planned[0]:.0%} of the planned information, now {fraction:.0%}"
        return Found("Wait", f"{coming} comes{wanted}", changes | {"verdict": "Running"}, stable)
    before = case.known.looks[-1]
    return Found(before.verdict, f"{before.message}; {coming} is still to come", changes, stable)


def _verdict(case: Case, judged: Judged) -> Verdict:
    """Inconclusive is the stage's to say: it knows whether more evidence comes."""
    said = judge(judged.low, judged.high, hypothesis_of(case.test)).value
    return "Pass" if said == "Pass" else "Breach" if said == "Breach" else "Wait"


def _numbers(case: Case, judged: Judged, verdict: Verdict) -> dict[str, Any]:
    better = "Superior" if case.test.hypothesis.type == "Superiority" else "NonInferior"
    return {
        "estimate": shown(judged.value, case.unit),
        "low": shown(judged.low, case.unit),
        "high": shown(judged.high, case.unit),
        "information": shown(judged.fraction, "share"),
        "verdict": {"Pass": better, "Breach": "Worse"}.get(verdict, "Running"),
    }


def limit_of(test: ABTest, unit: Unit) -> str:
    """The limit as the gate's entry shows it."""
    return f"{'>' if test.better == 'Higher' else '<'} {shown(hypothesis_of(test).limit + 0.0, unit)}"


def _sentence(case: Case, judged: Judged, sums: tuple[Moments, Moments], verdict: Verdict) -> str:
    relation = {"Pass": "clears", "Breach": "is surely worse than"}.get(verdict, "does not yet decide")
    ours, theirs = (shown(part.y / part.n, case.metric.unit) for part in sums)
    low, high = shown(judged.low, case.unit), shown(judged.high, case.unit)
    closing = ", the last look" if case.last else ""
    value = shown(judged.value, case.unit) or "unknown"
    return (
        f"{case.test.effect.kind.lower()} effect on {case.metric.name} is {value} ({ours} against {theirs}), "
        f"between {low} and {high}: {relation} {limit_of(case.test, case.unit)}, with "
        f"{judged.fraction:.0%} of the information of a fixed test{closing}{anew(case.test, case.known.restarts)}"
    )


def _deltas(case: Case) -> Iterator[Delta]:
    """Every metric of the arms, at the interval of the sequence."""
    for metric in reported(case.test, case.turn.snapshot.metrics):
        ours, theirs = metric.moments(case.evidence.candidate), metric.moments(case.evidence.stable)
        if ours is None or theirs is None or min(ours.n, theirs.n) <= 0:
            continue
        value, base = ours.y / ours.n, theirs.y / theirs.n
        effect = effect_of(case.test, ours, theirs, metric.events)
        judged = sequence_of(effect, case.test, last=False, restarts=case.known.restarts)
        unit = metric.unit_of_effect(case.test)
        yield Delta(
            name=metric.name, kind=metric.kind, better=metric.better,
            candidate=shown(value, metric.unit), stable=shown(base, metric.unit),
            difference=shown(value - base, metric.unit), relative=shown(value / base - 1, "share") if base else "",
            low=shown(judged.low, unit), high=shown(judged.high, unit),
        )  # fmt: skip
