"""When a promoted version is measured on its own matured labels, and what the last measurement said.

Only live predictions of its revision from its promotion on are judged: before that some requests were of testers, and
an experiment may have chosen it upon the very rows that would confirm it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from slipway.api.v1alpha1.gates import Limit
from slipway.api.v1alpha1.rollout_probation import Probation
from slipway.api.v1alpha1.rollout_status import Variant
from slipway.core.desired.performance_job import PERFORMANCE_LABEL, PerformanceRun, labels_of, performance_job
from slipway.core.desired.prediction_log import reader_places
from slipway.core.measured import failed, heard, judgement
from slipway.core.measurement import (
    Asked,
    Labelled,
    age_of,
    between,
    pause,
    question_of,
    run_of,
    said_of,
    unmeasurable,
)
from slipway.core.performance import Counts, Reach
from slipway.core.plan import Action, Create, Delete, Unavailable
from slipway.core.pod_trouble import trouble
from slipway.core.prediction_log import stored_after
from slipway.core.probation import on_bound
from slipway.core.rollout.pairing import logs_to
from slipway.core.rollout.snapshot import key_of, leaving
from slipway.core.rollout.turn import Turn

NAME = "probation"
_LOOK_SECONDS = 5.0
_REASONS = {"Pass": "Kept", "Breach": "Violated", "Wait": "NotYetSure"}


def labelled_of(turn: Turn) -> Labelled:
    """What measuring needs, as the rollout sees it."""
    snapshot = turn.snapshot
    image, log = snapshot.installation.pipelines_image, turn.spec.prediction_log
    return Labelled(image, log, snapshot.contract, snapshot.jobs, snapshot.job_pods)


def question(turn: Turn, limit: Limit, stable: Variant, previous: Variant) -> str:
    """Digest of what is asked of a promotion."""
    since = previous.since.isoformat() if previous.since else ""
    return question_of(labelled_of(turn), stable.revision, since, limit.model_dump(mode="json"))


def unlookable(turn: Turn, known: Probation) -> Unavailable | None:
    """Why no look says anything, with the field that mends it; None where one can."""
    labelled, stable = labelled_of(turn), turn.variant("stable")
    problem = unmeasurable(labelled, known.metric)
    if problem is not None or labelled.log is None or stable is None:
        return problem
    if logs_to(stable) == reader_places(labelled.log)["uri"]:
        return None
    message = (
        f"version {stable.version} does not log to {labelled.log.uri}: its revision was made before spec.predictionLog "
        "said so, and the next promotion mends it"
    )
    return Unavailable("NotLogged", message)


def run_asked(turn: Turn, known: Probation) -> PerformanceRun | None:
    """The look that the status asks for, or asked for last; None before the first."""
    if known.asked_at is None or known.since is None:
        return None
    asked = Asked(NAME, known.metric, known.revision, known.asked_at, since=known.since)
    return run_of(labelled_of(turn), asked)


def looked(turn: Turn, limit: Limit, known: Probation) -> Turn:
    """Hears the look that runs, or asks for the next one when it is due."""
    if unlookable(turn, known) is not None:
        return turn.set(probation=known.model_copy(update={"running": False})) if known.running else turn
    known = _heard(turn, limit, known) if known.running else known
    if known.running:
        return turn.set(probation=known).at_latest(_LOOK_SECONDS)
    wait = due_in(turn, known)
    if known.verdict == "Wait" and wait <= 0:
        known = known.model_copy(update={"run": known.run + 1, "asked_at": turn.now, "running": True})
    return turn.set(probation=known).at_latest(max(_LOOK_SECONDS, wait))


def due_in(turn: Turn, known: Probation) -> float:
    """Seconds until the next look: a twelfth of the time that has matured, or of what labels take. The first comes once
    there is a log, to find what is wrong with that and with the labels; then none before something can have matured."""
    labelled, since, before = labelled_of(turn), known.since or turn.now, known.asked_at
    if before is None:
        stored = stored_after(labelled.log) if labelled.log is not None else 0.0
        return stored + between(timedelta()) - (turn.now - since).total_seconds()
    age = age_of(labelled)
    every = between(max(before - since - age, age))
    wait = pause(known, every) - (turn.now - before).total_seconds()
    if known.measured_at is None or before >= since + age:
        return wait
    return max(wait, (since + age - turn.now).total_seconds() + every)


def _heard(turn: Turn, limit: Limit, known: Probation) -> Probation:
    run = run_asked(turn, known)
    if run is None:
        return known.model_copy(update={"running": False})
    said = said_of(labelled_of(turn), run.job_name(turn.snapshot.name, NAME), turn.now)
    if said is None:
        return known
    if isinstance(said, Unavailable):
        return failed(known, said.message)
    return heard(known, run, said, lambda counts: _judged(turn, limit, known, run, counts))


def _judged(turn: Turn, limit: Limit, known: Probation, run: PerformanceRun, counts: Counts) -> dict[str, Any]:
    """Whatever is not sure is Wait, with its own word as reason."""
    ends = known.ends or turn.now
    least = (ends - run.since - timedelta(seconds=run.maturity)).total_seconds()
    reach = Reach(
        max(0.0, least), f"the time that matures until {ends:%Y-%m-%dT%H:%M:%SZ}", "raise promotion.keepPrevious.atMost"
    )
    found = on_bound(limit, run.label, counts, run.asked, reach)
    verdict = found.verdict if found.verdict in ("Pass", "Breach") else "Wait"
    decided = turn.now if verdict != "Wait" else None
    reason = _REASONS.get(found.verdict, found.verdict)
    return {**judgement(found), "verdict": verdict, "reason": reason, "decided_at": decided}


def illness(turn: Turn, known: Probation) -> Unavailable | None:
    """Why the newest look has no answer: it failed, or its pod does not start."""
    run = run_asked(turn, known)
    name = run.job_name(turn.snapshot.name, NAME) if run is not None else ""
    ill = trouble(turn.snapshot.job_pods.get(name, ())) if known.running else None
    if ill is not None:
        return Unavailable(ill.reason, f"the measurement does not start: {ill.message}")
    return Unavailable("MeasurementFailed", known.failure) if known.failure else None


def probation_jobs(turn: Turn) -> Iterator[Action]:
    """The Job of the look that the persisted status asks for; others go. The newest stays for a while when it has
    ended, so that a person can read its log."""
    snapshot, known = turn.snapshot, turn.status.probation
    run = run_asked(turn, known) if known is not None else None
    name = run.job_name(snapshot.name, NAME) if run is not None else ""
    for job in snapshot.jobs.values():
        metadata = job["metadata"]
        if PERFORMANCE_LABEL in metadata.get("labels", {}) and metadata["name"] != name and not leaving(job):
            yield Delete(key_of(job), metadata["uid"])
    if run is not None and known is not None and known.running and name not in snapshot.jobs:
        metadata = snapshot.identity.metadata(name, labels_of(name), owned=True)
        yield Create(performance_job(metadata, run))
