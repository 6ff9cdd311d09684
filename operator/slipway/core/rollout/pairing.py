"""During a Shadow stage: when the answers are compared pair by pair, and what the last comparison said.

Each comparison is a Job over all of the stage's epoch so far, so that a lost one costs time only. It pairs requests
that are old enough for both models' rows to be stored; the stage ends with one over its whole time.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from slipway.api.v1alpha1.rollout_pairs import Pairs
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.rollout_status import Variant
from slipway.core.desired.log_job import DEADLINE_SECONDS
from slipway.core.desired.pairing_job import PairingRun
from slipway.core.desired.prediction_log import VARIABLE, reader_places
from slipway.core.job_words import failure, finished, unheard
from slipway.core.pairs import PairedEvidence, uncovered
from slipway.core.plan import Unavailable
from slipway.core.pod_trouble import trouble
from slipway.core.prediction_log import stored_after
from slipway.core.rollout.approval import has_share, source
from slipway.core.rollout.clock import remaining
from slipway.core.rollout.job_words import pods_of, words
from slipway.core.rollout.pair_results import counts_of, heard
from slipway.core.rollout.route import fraction, header_of
from slipway.core.rollout.turn import Turn

ANSWER = "pairs"
"""The member of the Job's words that says what it counted."""

COMPARISONS = 12
"""Comparisons in a stage; each reads all of its time."""

_LEAST_SECONDS, _MOST_SECONDS = 60.0, 3600.0
_LOOK_SECONDS = 5.0
_COMPARISON = "the comparison's process"


def paired_stage(turn: Turn) -> Stage | None:
    """The Shadow stage whose requests are mirrored now: the running one, or that whose traffic an Approval keeps. None
    without a prediction log."""
    candidate, progress = turn.variant("candidate"), turn.stage
    if turn.spec.prediction_log is None or candidate is None or progress is None or not candidate.mirror:
        return None
    if not has_share(candidate) or not 0 <= progress.index < len(turn.spec.stages):
        return None
    running = turn.spec.stages[progress.index]
    found = running if running.type == "Shadow" else source(turn.spec.stages, progress)
    return found if found is not None and found.type == "Shadow" else None


def unlogged(turn: Turn) -> str:
    """Why the log cannot hold pairs, or nobody can read it; empty where it does."""
    if not turn.snapshot.installation.pipelines_image:
        return "the installation does not set pipelinesImage: see the values of the chart"
    log = turn.spec.prediction_log
    for name in ("stable", "candidate"):
        variant = turn.variant(name)
        if log is not None and variant is not None and logs_to(variant) != reader_places(log)["uri"]:
            return (
                f"version {variant.version} ({name}) does not log to {log.uri}: its revision was made before "
                "spec.predictionLog said so, and the next promotion mends it"
            )
    return ""


def logs_to(variant: Variant) -> str:
    """Where the pods of a variant log to; empty where they do not."""
    if not variant.template:
        return ""
    variables = json.loads(variant.template)["containers"][0].get("env") or ()
    described = next((each.get("value", "") for each in variables if each["name"] == VARIABLE), "")
    return str(json.loads(described).get("uri", "")) if described else ""


def paired(turn: Turn) -> bool:
    """Whether the running stage is judged by pairs."""
    return paired_stage(turn) is not None and not unlogged(turn)


def run_of(turn: Turn) -> PairingRun | None:
    """The comparison that the status asks for; None while none runs."""
    log, pairs, since = turn.spec.prediction_log, turn.stage.pairs if turn.stage else None, turn.status.epoch_since
    stable, candidate = turn.variant("stable"), turn.variant("candidate")
    if log is None or pairs is None or not pairs.running or pairs.until is None or since is None:
        return None
    if stable is None or candidate is None or not candidate.mirror or not paired(turn):
        return None
    return PairingRun(
        image=turn.snapshot.installation.pipelines_image,
        log=log,
        stable=stable.revision,
        candidate=candidate.revision,
        epoch=turn.status.epoch,
        since=since,
        until=pairs.until,
        assigned=bool(header_of(turn.spec)),
        task=turn.snapshot.paired,
    )


def pairing(turn: Turn) -> Turn:
    """Hears the comparison that runs, or asks for the next one when it is due."""
    stage = paired_stage(turn)
    if stage is None or unlogged(turn):
        return turn
    known = turn.progress.pairs or Pairs()
    if known.running:
        return _hear(turn, known)
    wait = due_in(turn, stage, known)
    if wait > 0:
        return turn.at_latest(wait)
    until = turn.now - timedelta(seconds=lag(turn))
    asked = known.model_copy(update={"run": known.run + 1, "asked_at": turn.now, "until": until, "running": True})
    return turn.set_stage(pairs=asked).at_latest(_LOOK_SECONDS)


def lag(turn: Turn) -> float:
    """Seconds after which the rows of a request are in the store."""
    log = turn.spec.prediction_log
    return stored_after(log) if log is not None else 0.0


def every(stage: Stage) -> float:
    """Seconds between two comparisons of a stage."""
    planned = (stage.min_duration.seconds if stage.min_duration else 0.0) / COMPARISONS
    return min(_MOST_SECONDS, max(_LEAST_SECONDS, planned))


def due_in(turn: Turn, stage: Stage, known: Pairs) -> float:
    """Seconds until the next comparison: the first when a part of the stage is stored, then regularly, and one when
    all of the stage's time is."""
    if known.asked_at is None:
        first = min(every(stage), stage.min_duration.seconds if stage.min_duration else 0.0)
        return max(0.0, first + lag(turn) - turn.age(turn.status.epoch_since))
    pause = _LEAST_SECONDS if known.message else every(stage)
    wait = pause - turn.age(known.asked_at)
    end = turn.progress.expected_end
    if end is not None and not known.message and (known.until is None or known.until < end):
        wait = min(wait, (end - turn.now).total_seconds() + lag(turn))
    return max(0.0, wait)


def _hear(turn: Turn, known: Pairs) -> Turn:
    run = run_of(turn)
    job = turn.snapshot.jobs.get(run.job_name(turn.snapshot.name)) if run is not None else None
    if job is None:
        return turn.at_latest(_LOOK_SECONDS)  # it is about to be made, or made again
    said = words(turn, job, ANSWER, _COMPARISON)
    if ANSWER in said:
        mirror = float(fraction(turn.the("candidate").mirror))
        return turn.set_stage(pairs=heard(known, said[ANSWER], mirror))
    if finished(job, "Failed") or unheard(job, turn.now):
        return turn.set_stage(
            pairs=known.model_copy(
                update={"running": False, "message": failure(pods_of(turn, job), job, said, _COMPARISON)}
            )
        )
    problem = trouble(pods_of(turn, job))
    if problem is not None:
        turn = turn.say("PairsCompared", "False", problem.reason, f"the comparison does not start: {problem.message}")
    return turn.at_latest(_LOOK_SECONDS)


def evidence_of(turn: Turn) -> PairedEvidence:
    """What gates on pairs are judged by: the last comparison, unless it is too old."""
    stage = paired_stage(turn)
    if stage is None:
        return None
    missing = unlogged(turn)
    if missing:
        return Unavailable("NotLogged", missing)
    known = turn.progress.pairs
    counts = counts_of(known, float(fraction(turn.the("candidate").mirror))) if known is not None else None
    if known is None or counts is None:
        why = known.message if known is not None else ""
        return Unavailable("NotCompared", f"the first comparison failed: {why}" if why else "no pairs are compared yet")
    if turn.age(known.compared_until) > _stale_after(turn, stage):
        why = f", since the last one failed: {known.message}" if known.message else ""
        return Unavailable("Stale", f"the newest comparison ends at {instant(known.compared_until)}{why}")
    return counts


def _stale_after(turn: Turn, stage: Stage) -> float:
    return lag(turn) + 2 * every(stage) + DEADLINE_SECONDS


def instant(when: datetime | None) -> str:
    """A time of day as people read it."""
    return f"{when:%Y-%m-%d %H:%M:%S}Z" if when else ""


def lacking(turn: Turn, stage: Stage) -> list[str]:
    """What of the pairs is missing at the end of a stage, besides their number and its gates."""
    evidence = evidence_of(turn)
    if stage.type != "Shadow" or not paired(turn):
        return []
    if isinstance(evidence, Unavailable) or evidence is None:
        return [evidence.message if evidence is not None else "no pairs are compared yet"]
    end, known = turn.progress.expected_end, turn.progress.pairs
    until = known.compared_until if known is not None else None
    waits = [uncovered(evidence)]
    if remaining(turn, stage) <= 0 and end is not None and (until is None or until < end):
        waits.append("the comparison over all of the stage's time follows when its rows are stored")
    return [each for each in waits if each]
