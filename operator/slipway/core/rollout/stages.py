"""One decision inside a stage with traffic: safety first, then evidence, then time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slipway.api.v1alpha1.abtest_status import primary_name
from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import Split
from slipway.core.evidence import Evidence
from slipway.core.plan import Unavailable
from slipway.core.rollout.abtest import LOST, OPEN, Trial, expected_end, experiment, open_end, settled, trial
from slipway.core.rollout.abtest_plan import changed
from slipway.core.rollout.approval import has_share, measured, missing_approval, say_awaiting, unmeasured
from slipway.core.rollout.barriers import Barrier, barrier, ceiling, stopped
from slipway.core.rollout.campaign import enter, roll_back, share_of
from slipway.core.rollout.clock import elapsed, expect_end, measured_split, remaining, run, standing
from slipway.core.rollout.mirroring import REASON
from slipway.core.rollout.pairing import lacking
from slipway.core.rollout.passing import cut_short, go_on, taken_out
from slipway.core.rollout.presence import answers, complaint, full, not_ready
from slipway.core.rollout.report import Measurements, report
from slipway.core.rollout.route import RouteView, fraction
from slipway.core.rollout.shadowing import counted_as, harmful, shadowed, shadowing
from slipway.core.rollout.turn import Turn
from slipway.core.rollout.verdicts import LEAST_PLANNED, Judged, breach_held, departed, evaluate, gates_of, overdue
from slipway.core.side_by_side import side_by_side

SHORT_SECONDS = 600.0
"""A stage that is shorter is watched by a person: it is looked at, and reported, more often."""


def poll_seconds(stage: Stage) -> float:
    """How often evidence is looked at."""
    return 5.0 if is_short(stage) else 15.0


def is_short(stage: Stage) -> bool:
    return stage.min_duration is None or stage.min_duration.seconds < SHORT_SECONDS


def in_stage(turn: Turn, route: RouteView) -> Turn:
    """Shadow, Canary, ABTest, and Approval with their traffic; without traffic a stage waits for a person."""
    progress = turn.progress
    index = _place(turn)
    stage = turn.spec.stages[index]
    changes = _asks_otherwise(turn, stage)
    stop = _stops_change(turn) if changes and _goes_forward(turn, stage) else None
    if changes and stop is None:
        return enter(taken_out(turn), index).notice("Normal", "StageChanged", f"the spec changed stage {stage.name}")
    if index != progress.index:
        turn = turn.set_stage(index=index)
    if stop is not None:
        protected = protect(turn)
        return protected if protected is not None else _as_it_is(turn.at_latest(poll_seconds(stage)), stage, stop)
    if not measured(turn, stage):
        return unmeasured(turn, stage)
    turn = turn.at_latest(poll_seconds(stage))
    protected = protect(turn)
    return protected if protected is not None else _judge(turn, stage, route)


def _stops_change(turn: Turn) -> Barrier | None:
    """What a change of the running stage that goes forward waits for: a breach that a person has to decide upon too."""
    breached = turn.status.standing_breach
    return barrier(turn) or (Barrier("Breached", f"gate {breached} has breached") if breached else None)


def _place(turn: Turn) -> int:
    """Where the running stage stands in the spec now. One that is gone is replaced by what took its place, never
    skipped: removing the last stage must not promote."""
    names = [stage.name for stage in turn.spec.stages]
    if turn.progress.name in names:
        return names.index(turn.progress.name)
    return max(0, min(turn.progress.index, len(names) - 1))


def _asks_otherwise(turn: Turn, stage: Stage) -> bool:
    progress, candidate = turn.progress, turn.the("candidate")
    weight, mirror, _ = share_of(stage, candidate)
    same = (progress.name, progress.type, candidate.weight, candidate.mirror)
    return same != (stage.name, stage.type, weight, mirror) or changed(turn, stage)


def _goes_forward(turn: Turn, stage: Stage) -> bool:
    """Whether the spec's change gives the candidate more than it has, or the same in another stage."""
    candidate = turn.the("candidate")
    weight, mirror, _ = share_of(stage, candidate)
    asked = (fraction(weight), fraction(mirror), stage.name != turn.progress.name)
    return asked > (fraction(candidate.weight), fraction(candidate.mirror), False)


def _as_it_is(turn: Turn, stage: Stage, stop: Barrier) -> Turn:
    """The candidate keeps what it has, under the gates, while a change of the spec that goes forward waits. Its clock
    stands: evidence begins anew with the change."""
    message = f"stage {turn.progress.name} stays as it is, and the spec's change of it waits: {stop.message}"
    turn = shadowing(run(turn, message)).say("Progressing", "False", stop.reason, message)
    if not has_share(turn.the("candidate")):
        return turn
    same = stage.name == turn.progress.name
    gates = gates_of(turn, stage) if same else [(gate.name, gate) for gate in turn.spec.gates]
    planned = float(max(stage.min_samples or 0, stage.min_exposures or 0)) if same else 0.0
    guards = _guards(turn, gates, planned)
    exposed = not turn.the("candidate").mirror
    counted = shadowed(turn, Measurements.of(turn.snapshot.evidence, guards, turn.status.split, exposed), planned)
    back = _way_back(turn, guards, None, counted)
    if back is not None:
        return back
    bad = next((each for each in guards if each.breached), None)
    turn = report(turn, counted, message, short=is_short(stage))
    return _held(turn, bad) if bad is not None else turn


def _guards(turn: Turn, gates: Sequence[tuple[str, Gate]], planned: float, primary: str = "") -> tuple[Judged, ...]:
    """The gates as judged now, and the breaches of those that a commit has taken out; `primary` is judged elsewhere."""
    judged = evaluate(turn, gates, turn.snapshot.evidence, planned)
    return (*judged, *departed(turn, (*(name for name, _ in gates), primary)))


def protect(turn: Turn) -> Turn | None:
    """Takes traffic from a candidate that cannot answer, and gives it back when it can; None when all is well."""
    candidate, stage = turn.the("candidate"), turn.progress
    if turn.variant("stable") is None:
        return None
    if stage.withheld_since is None:
        if answers(turn, candidate):
            return None
        message = f"the candidate cannot answer, so stable serves all: {complaint(turn, candidate)}"
        turn = turn.set_stage(withheld_since=turn.now, ready_since=None)
        return turn.new_epoch().notice("Warning", "TrafficWithheld", message)
    turn = ready_clock(turn)
    if warm(turn):
        return (
            turn.set_stage(withheld_since=None).new_epoch().notice("Normal", "TrafficResumed", "the candidate is back")
        )
    if turn.age(stage.withheld_since) >= turn.spec.progress_deadline.seconds:
        message = f"the candidate could not answer for {turn.spec.progress_deadline}: {complaint(turn, candidate)}"
        return roll_back(turn, "Failed", "CandidateUnavailable", message)
    message = f"stable serves all until the candidate answers: {complaint(turn, candidate)}"
    return turn.say("Progressing", "True", "TrafficWithheld", message).at_latest(5.0)


def ready_clock(turn: Turn) -> Turn:
    """Notes since when the candidate has been ready in full."""
    stage = turn.progress
    ready = full(turn, turn.variant("candidate"))
    if ready and stage.ready_since is None:
        return turn.set_stage(ready_since=turn.now)
    return turn.set_stage(ready_since=None) if not ready and stage.ready_since else turn


def warm(turn: Turn) -> bool:
    """Whether the candidate has been ready for warmUp."""
    stage = turn.stage
    since = stage.ready_since if stage else None
    return since is not None and turn.age(since) >= turn.spec.warm_up.seconds


def _judge(turn: Turn, stage: Stage, route: RouteView) -> Turn:
    turn, evidence = shadowing(turn), turn.snapshot.evidence
    split = measured_split(turn, evidence) if isinstance(evidence, Evidence) else None
    planned = float(max(stage.min_samples or 0, stage.min_exposures or 0))
    guards = _guards(turn, gates_of(turn, stage), planned, primary_name(stage.name) if stage.ab_test else "")
    turn, seen = _experiment(turn, stage, split)
    judged = (*guards, seen.judged) if seen is not None else guards
    counted = Measurements.of(evidence, judged, split, exposed=not turn.the("candidate").mirror)
    if isinstance(evidence, Evidence) and not turn.the("candidate").mirror:
        most = max(planned, LEAST_PLANNED)
        counted = replace(counted, deltas=side_by_side(evidence, turn.snapshot.metrics, most))
    counted = shadowed(turn, counted, planned)
    because = standing(turn, route, split)
    turn = expected_end(expect_end(run(turn, because), stage))
    turn = _say_split(turn, split)
    lacks = _lacks(turn, stage, guards, counted, because)
    if seen is not None and stage.ab_test is not None:
        seen = settled(turn, stage.ab_test, seen, lacks)
        counted = replace(counted, experiment=seen.result)
    bad = next((each for each in judged if each.breached), None)
    over = cut_short(turn, stage)
    back = _way_back(turn, judged, seen, counted)
    if back is None and seen is not None and bad is None and not over:
        back = _undecided(turn, seen, counted, lacks)
    if back is not None:
        return back
    waits = _hindrances(turn, bad) if over else [*lacks, *(seen.waits if seen else ()), *_people(turn, stage)]
    if not waits:
        return go_on(report(turn, counted, "", now=True), over)
    turn = report(turn, counted, "; ".join(waits), short=is_short(stage))
    if bad is not None:
        return _held(turn, bad)
    if seen is not None and seen.result.outcome == "Hold" and not over:
        message = f"held for a person (ifInconclusive: Hold): {open_end(seen, lacks)}"
        return turn.say("Progressing", "False", OPEN, message).say("Stalled", "True", OPEN, message)
    return _say_progress(turn, stage, judged, because)


def _held(turn: Turn, bad: Judged) -> Turn:
    message = f"held for a person (onBreach: Hold): {bad.result.name} breached"
    turn = breach_held(turn, bad, f"{message}: {bad.result.message}")
    return turn.say("Progressing", "False", "Breached", message).say("Stalled", "True", "Breached", message)


def _experiment(turn: Turn, stage: Stage, split: Split | None) -> tuple[Turn, Trial | None]:
    """The look of a stage with an experiment; None in another."""
    if stage.ab_test is None:
        return turn, None
    turn = experiment(turn, stage)
    return turn, trial(turn, stage, split)


def _way_back(turn: Turn, judged: Sequence[Judged], seen: Trial | None, counted: Measurements) -> Turn | None:
    """The way back that nobody holds up: a breach, a gate nobody could judge, a lost experiment, a harmful mirror."""
    bad = next((each for each in judged if each.breached), None)
    late = overdue(turn, judged)
    known = turn.set(gates=counted.gates, ab_test=counted.experiment or turn.status.ab_test)
    harm = harmful(counted.gates)
    if harm is not None:
        return roll_back(known, "RolledBack", REASON, f"the mirror ends, since it harms stable: {harm.message}")
    if turn.spec.on_breach == "Rollback" and bad is not None:
        if seen is not None and bad is seen.judged:
            return roll_back(known, "RolledBack", LOST, f"experiment {seen.result.stage}: {bad.result.message}")
        return roll_back(known, "RolledBack", "GateBreached", _because(bad))
    return roll_back(known, "RolledBack", "GateUnknown", _because(late)) if late is not None else None


def _undecided(turn: Turn, seen: Trial, counted: Measurements, lacks: list[str]) -> Turn | None:
    """The way back from an experiment that has proved nothing. No harm is done meanwhile, so that it waits for a person
    who has stopped the rollout, though not for a freeze: no version goes forward."""
    if seen.result.outcome != "KeepStable" or stopped(turn):
        return None
    known = turn.set(gates=counted.gates, ab_test=seen.result)
    return roll_back(known, "Inconclusive", OPEN, open_end(seen, lacks))


def _because(judged: Judged) -> str:
    if judged.breached and judged.result.verdict != "Breach":
        return f"gate {judged.result.name} breached before in this stage; now: {judged.result.message}"
    return f"gate {judged.result.name}: {judged.result.message}"


def _lacks(turn: Turn, stage: Stage, guards: Sequence[Judged], counted: Measurements, because: str) -> list[str]:
    """What is still missing in time and evidence, but for an experiment's own. What waits for people is none of it: a
    freeze on the day of its last look would make a winner undecided."""
    if stage.type == "Approval" and turn.target.promote:  # evidence was waived before; what endangers anybody never is
        return _dangers(turn, next((each for each in guards if each.breached), None))
    waits = [f"clock stands: {because}"] if because else []
    left = remaining(turn, stage)
    if left > 0:
        waits.append(f"{elapsed(turn):.0f}s of {stage.min_duration}")
    if counted.samples < (stage.min_samples or 0):
        waits.append(f"{counted.samples} of {stage.min_samples} {counted_as(turn, stage)}")
    if counted.exposures < (stage.min_exposures or 0):
        waits.append(f"{counted.exposures} of {stage.min_exposures} entities")
    waits += [f"gate {each.result.name}: {each.result.verdict}" for each in guards if each.blocking]
    return [*waits, *lacking(turn, stage)]


def _people(turn: Turn, stage: Stage) -> list[str]:
    """What keeps a stage that has its evidence: a person, the calendar, the ceiling."""
    stop = barrier(turn)
    return [*filter(None, (missing_approval(turn, stage), stop.message if stop else "", ceiling(turn)))]


def _hindrances(turn: Turn, bad: Judged | None) -> list[str]:
    """What even a stage that is left before it has passed must wait for."""
    waits, stop = _dangers(turn, bad), barrier(turn)
    return [*waits, stop.message] if stop else waits


def _dangers(turn: Turn, bad: Judged | None) -> list[str]:
    """What no command passes: a breach, and a candidate that could not carry more."""
    waits = [f"gate {bad.result.name}: Breach"] if bad is not None else []
    return [*waits, *filter(None, (not_ready(turn),))]


def _say_split(turn: Turn, split: Split | None) -> Turn:
    """SplitAgrees, without figures that change at every look."""
    if split is None or split.agrees is None:
        return turn.say("SplitAgrees", "Unknown", "NotMeasured", "too little traffic was measured to compare the split")
    if split.agrees:
        return turn.say("SplitAgrees", "True", "WithinInterval", "the split asked for lies in the measured interval")
    return turn.say("SplitAgrees", "False", "OutsideInterval", "the split asked for lies outside the measured interval")


def _say_progress(turn: Turn, stage: Stage, judged: Sequence[Judged], because: str) -> Turn:
    if isinstance(turn.snapshot.evidence, Unavailable):
        reason, message = turn.snapshot.evidence.reason, turn.snapshot.evidence.message
        turn = turn.say("EvidenceAvailable", "False", reason, message)
        turn = turn.say("Progressing", "True", reason, f"stage {stage.name} holds: {message}")
        return say_awaiting(turn, stage) if missing_approval(turn, stage) else turn
    if missing_approval(turn, stage):
        return say_awaiting(turn, stage)
    if because:
        return turn.say("Progressing", "True", "ClockStands", f"stage {stage.name}: its clock stands, see status.stage")
    open_gates = [each.result.name for each in judged if each.blocking]
    message = f"stage {stage.name} gathers evidence" + (f"; open gates: {', '.join(open_gates)}" if open_gates else "")
    stop = barrier(turn)
    return turn.say("Progressing", "True", stop.reason if stop else stage.type, message)
