"""An experiment within its stage: its entry among the gates, its end, and what an open end means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from slipway.api.v1alpha1.abtest import ABTest
from slipway.api.v1alpha1.abtest_status import ABTestResult, primary_name
from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.references import LocalReference
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import GateResult, Split
from slipway.api.v1alpha1.scalars import Bound
from slipway.core.experiment import planned_looks
from slipway.core.gates import Verdict
from slipway.core.measures import Unit
from slipway.core.primary import Primary, deciding
from slipway.core.rollout.abtest_look import Case, Found, limit_of, look_at
from slipway.core.rollout.abtest_plan import begun, planned
from slipway.core.rollout.route import header_of, intent
from slipway.core.rollout.turn import Turn
from slipway.core.rollout.verdicts import Judged

LOST, OPEN = "ABTestLost", "ABTestInconclusive"
GRACE_SECONDS = 1800.0
"""How long the last look waits for evidence that nobody can give, and what it has won for what else the stage lacks: an
outage of minutes, or a pod that is restarted, must not waste weeks."""

WON = ("Superior", "NonInferior")

_GATE = Gate(name="primary", template=LocalReference(name="primary"), op=">", bound=Bound("0"))


@dataclass(frozen=True)
class Trial:
    """One look at the experiment of a stage; `over` once its last look was taken."""

    judged: Judged
    result: ABTestResult
    over: bool

    @property
    def waits(self) -> list[str]:
        """What the stage still waits for because of it."""
        passed = self.judged.result.verdict == "Pass"
        if self.result.outcome:
            passed = self.result.outcome in ("Advance", "Promote")
        passed = passed and not self.judged.breached
        return [] if passed else [f"experiment {self.result.stage}: {self.result.verdict}"]


def experiment(turn: Turn, stage: Stage) -> Turn:
    """With the experiment of the stage in status, and planned as far as its traffic tells."""
    known = turn.status.ab_test
    if known is None or known.stage != stage.name:
        turn = begun(turn, stage)
    ended = turn.status.ab_test is not None and turn.status.ab_test.ended_at is not None
    return turn if ended else planned(turn, stage)


def trial(turn: Turn, stage: Stage, split: Split | None) -> Trial | None:
    """The look of now; None in a stage without an experiment."""
    test, known = stage.ab_test, turn.status.ab_test
    if test is None or known is None:
        return None
    before = next((gate for gate in turn.status.gates if gate.name == primary_name(stage.name)), None)
    if known.ended_at is not None:
        return Trial(Judged(_GATE, before or _remembered(stage, known)), known, over=True)
    last = known.ends_at is not None and turn.now >= known.ends_at
    asked = intent(turn.status, header_of(turn.spec))
    share = float(asked.expected_share) if asked is not None else 0.0
    found = look_at(Case(turn, test, known, split, share, last))
    result = known.model_copy(update=found.changes)
    over = _is_over(turn, test, result, found, last)
    entry = _entry(turn, stage, test, result, found, before)
    if entry.breaches:
        result = result.model_copy(update={"verdict": "Worse"})
    return Trial(Judged(_GATE, entry), result, over)


def _remembered(stage: Stage, known: ABTestResult) -> GateResult:
    """The entry of an experiment that is over, after its evidence began anew."""
    verdict: Verdict = "Pass" if known.verdict in WON else "Wait"
    message = f"{known.verdict} at the last look: {known.estimate or 'unknown'}, {known.low} to {known.high}"
    return GateResult(
        name=primary_name(stage.name), metric=known.metric, verdict=verdict, message=message, since=known.ended_at
    )


def expected_end(turn: Turn) -> Turn:
    """When the stage will be over by its plan, within its end; as the clock has it where it is no experiment."""
    result, stage = turn.status.ab_test, turn.stage
    if result is None or stage is None or stage.name != result.stage or stage.expected_end is None:
        return turn
    ends = result.ends_at or stage.expected_end
    by_plan = ends
    if result.expected_days is not None:
        by_plan = (turn.status.epoch_since or turn.now) + timedelta(days=result.expected_days)
    return turn.set_stage(expected_end=min(ends, max(stage.expected_end, by_plan)))


def _is_over(turn: Turn, test: ABTest, result: ABTestResult, found: Found, last: bool) -> bool:
    if found.verdict == "Unknown" and result.ends_at is not None:
        return last and turn.age(result.ends_at) >= _grace(test)
    looks = planned_looks(test)
    complete = bool(looks) and bool(result.looks) and float(result.looks[-1].fraction) >= looks[-1]
    return last or complete


def _grace(test: ABTest) -> float:
    return min(GRACE_SECONDS, test.at_most.seconds / 10)


def settled(turn: Turn, test: ABTest, seen: Trial, lacks: list[str]) -> Trial:
    """With the last look once it was taken, and what follows from it.

    Both are decided once and for all: a look after the last one would be one too many. What was won waits for `lacks`,
    which is what else the stage asks for, until a while after the end: that changes nothing of what was seen. An open
    end promotes only where the effect was measured and nothing else is missing: no measurement is no success.
    """
    if not seen.over or seen.result.outcome:
        return seen
    verdict = "Breach" if seen.judged.breached else seen.judged.result.verdict
    result = seen.result
    if result.ended_at is None:
        words = result.verdict if verdict in ("Pass", "Breach") else "Inconclusive"
        result = result.model_copy(update={"ended_at": turn.now, "verdict": words})
    return replace(seen, result=result.model_copy(update={"outcome": _outcome(turn, test, result, verdict, lacks)}))


def _outcome(
    turn: Turn, test: ABTest, result: ABTestResult, verdict: Verdict, lacks: list[str]
) -> Literal["", "Advance", "KeepStable", "Promote", "Hold"]:
    """What follows from the last look; empty while it may still go forward, but for what the stage lacks."""
    forward = verdict == "Pass" or (verdict == "Wait" and test.if_inconclusive == "Promote")
    if forward and not lacks:
        return "Advance" if verdict == "Pass" else "Promote"
    since = max(filter(None, (result.ends_at, result.ended_at)))
    if forward and turn.now < since + timedelta(seconds=_grace(test)):
        return ""
    return "KeepStable" if test.if_inconclusive == "Promote" else test.if_inconclusive


def open_end(seen: Trial, lacks: list[str]) -> str:
    """Why nothing was decided, for a person."""
    others = f"; besides: {'; '.join(lacks)}" if lacks else ""
    return f"experiment {seen.result.stage} ended undecided: {seen.judged.result.message}{others}"


def _entry(
    turn: Turn, stage: Stage, test: ABTest, result: ABTestResult, found: Found, before: GateResult | None
) -> GateResult:
    """A lost experiment stays lost, as a breach of any gate does: a later look would be a second chance."""
    metric = deciding(test, turn.snapshot.metrics)
    unit: Unit = metric.unit_of_effect(test) if isinstance(metric, Primary) else "share"
    same = before is not None and before.verdict == found.verdict
    return GateResult(
        name=primary_name(stage.name), metric=result.metric, value=result.estimate, low=result.low, high=result.high,
        bound=limit_of(test, unit), samples=result.exposures, stable_value=found.stable, verdict=found.verdict,
        message=found.message, since=before.since if same and before is not None else turn.now,
        breaches=1 if found.verdict == "Breach" or (before is not None and before.breaches) else 0,
    )  # fmt: skip
