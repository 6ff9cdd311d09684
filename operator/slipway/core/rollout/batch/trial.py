"""Before a candidate takes over, it scores the first rows of the input, and nothing is written."""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_status import Variant
from slipway.core.desired.scoring_cronjob import Scoring, trial_name
from slipway.core.pod_trouble import trouble
from slipway.core.rollout.barriers import barrier
from slipway.core.rollout.batch.jobs import Run, heard, read
from slipway.core.rollout.campaign import end, promoted, roll_back
from slipway.core.rollout.revision import pull_secret
from slipway.core.rollout.turn import Turn

RETRY_SECONDS = 300.0
"""A trial that failed by what lies outside of the candidate is made anew this long after its end."""

_CANDIDATES_FAULT = ("ModelNotLoaded",)
"""Whatever else is wrong may be mended without another version: rows, columns, bounds, Secrets, stores."""


def scoring_of(turn: Turn, variant: Variant) -> Scoring | None:
    """A variant as what scores; None while the task is missing."""
    task = turn.snapshot.batch
    if task is None:
        return None
    return Scoring(variant.revision, variant.version, variant.image, task, pull_secret(turn.spec))


def trial(turn: Turn, candidate: Variant) -> Run | None:
    """The candidate's Job, if it exists."""
    scoring = scoring_of(turn, candidate)
    if scoring is None:
        return None
    name = trial_name(turn.snapshot.identity, scoring, turn.spec.predictor)
    job = turn.snapshot.jobs.get(name)
    return read(job, turn.snapshot.job_pods.get(name, ())) if job is not None else None


def spent(turn: Turn, run: Run) -> bool:
    """Whether a failed trial has been looked at for long enough."""
    return run.outcome == "Failed" and run.ended_at is not None and turn.age(run.ended_at) >= RETRY_SECONDS


def trying(turn: Turn) -> Turn:
    """Until the trial has passed, or the candidate itself is at fault."""
    candidate = turn.the("candidate")
    found = trial(turn, candidate)
    if found is None or not heard(turn, found):
        return _waiting(turn, candidate, found)
    if found.outcome == "Succeeded":
        return _passed(turn, candidate)
    reason, message = found.error
    message = f"version {candidate.version} was tried on the input: {message}"
    if reason in _CANDIDATES_FAULT:
        return roll_back(turn, "Failed", reason, message)
    if turn.status.queued is not None:
        instead = f"version {turn.status.queued.version} is tried instead"
        return end(turn.record("Superseded", reason, f"{message}; {instead}")).notice("Normal", "Superseded", instead)
    turn = turn.say("Progressing", "False", reason, message).say("Stalled", "True", reason, message)
    return turn.at_latest(max(1.0, RETRY_SECONDS - turn.age(found.ended_at)))


def _waiting(turn: Turn, candidate: Variant, found: Run | None) -> Turn:
    problem = trouble(turn.snapshot.job_pods.get(found.name, ())) if found else None
    if problem is not None:
        message = f"version {candidate.version} cannot be tried: {problem.message}"
        return turn.say("Progressing", "True", problem.reason, message).say("Stalled", "True", problem.reason, message)
    message = f"version {candidate.version} scores the first rows of the input, for trial"
    return turn.say("Progressing", "True", "Trying", message)


def _passed(turn: Turn, candidate: Variant) -> Turn:
    stop = barrier(turn)
    if stop is not None:
        return turn.say("Progressing", "False", stop.reason, f"{stop.message}: version {candidate.version} waits")
    if turn.spec.stages:
        stage = turn.spec.stages[0]
        message = f"stage {stage.name}: this version does not run stages of type {stage.type}; take it out to go on"
        turn = turn.say("Progressing", "False", "StageNotSupported", message)
        return turn.say("Stalled", "True", "StageNotSupported", message)
    turn = promoted(turn, does="scores batches")
    return turn.set_variant("stable", role="Scoring", since=turn.now)
