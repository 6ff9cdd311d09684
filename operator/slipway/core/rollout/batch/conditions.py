"""Conditions, phase and the last run of a Batch rollout."""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_status import BatchStatus, ModelRolloutStatus
from slipway.core.kstatus import inactive
from slipway.core.pod_trouble import trouble
from slipway.core.rollout.announcing import told
from slipway.core.rollout.barriers import advance_allowed, stopped
from slipway.core.rollout.batch.jobs import Run, heard, runs
from slipway.core.rollout.conditions import Statement, conditions_of, of_model
from slipway.core.rollout.redefined import feature_definition_changed
from slipway.core.rollout.referenced import references_resolved
from slipway.core.rollout.turn import BUILD, PROVE, START, Turn

_PHASES = {BUILD: "Building", PROVE: "Proving", START: "Trying"}


def conclude_batch(turn: Turn) -> ModelRolloutStatus:
    """The status with conditions, phase and the last run; a variant has neither weight nor replicas."""
    turn = turn.set(batch=last_run(turn))
    stated = _derived(turn) | dict(turn.said)
    nothing = {"weight": "", "mirror": "", "replicas": 0, "ready_replicas": 0, "ungated": None}
    return turn.status.model_copy(
        update={
            "observed_generation": turn.snapshot.generation,
            "conditions": conditions_of(turn.status, stated, turn.snapshot.generation, turn.now),
            "phase": _phase(turn, stated),
            "variants": tuple(variant.model_copy(update=nothing) for variant in turn.status.variants),
            "inactive_fields": turn.snapshot.inactive,
        }
    )


def last_run(turn: Turn) -> BatchStatus | None:
    """The newest Job that ended and was heard, and the one that runs. What was known of a Job that is gone stays
    known."""
    found, known = runs(turn.snapshot), turn.status.batch
    active = next((run.name for run in found if not heard(turn, run)), "")
    ended = next((run for run in found if heard(turn, run)), None)
    if ended is None or (known is not None and known.last_run == ended.name and not ended.words):
        before = known or BatchStatus()
        return before.model_copy(update={"running": active}) if known or active else None
    return _status(ended).model_copy(update={"running": active})


def _status(run: Run) -> BatchStatus:
    scored = run.scored
    rows, bad = int(scored["rows"]) if "rows" in scored else None, int(scored.get("badRecords", 0))
    if run.outcome == "Failed":
        message = ": ".join(run.error)
    elif rows is None:
        message = "all parts are written; how many rows is not known, since its pods are gone"
    else:
        message = f"{rows} rows were scored" + (f", {bad} of them without an answer" if bad else "")
    return BatchStatus.model_validate(
        {
            "last_run": run.name,
            "outcome": run.outcome,
            "ended_at": run.ended_at,
            "revision": run.revision,
            "rows": rows,
            "bad_records": bad,
            "seconds": round(float(scored.get("seconds", 0))),
            "output": str(scored.get("output", "")),
            "message": message[:1000],
        }
    )


def _derived(turn: Turn) -> dict[str, Statement]:
    stable = turn.variant("stable")
    idle = "there is no version to roll out" if stable is None else f"version {stable.version} scores all batches"
    stated: dict[str, Statement] = {
        "Accepted": ("True", "Valid", "the spec is valid"),
        "Ready": _ready(turn),
        "Reconciling": ("False", "Settled", "what the spec asks for is in place"),
        "Progressing": ("False", "Waiting" if stable is None else "Complete", idle),
        "Stalled": ("False", "NotStalled", "nothing waits for a person"),
    }
    if turn.stage_type in _PHASES:
        stated["Reconciling"] = ("True", _PHASES[turn.stage_type], "a version is being brought up")
    stated |= _scored(turn)
    if not turn.snapshot.task:
        message = f"ModelTask {turn.spec.task_ref.name} does not exist: nothing is changed until it does"
        stated |= {"Accepted": ("False", "TaskNotFound", message), "Stalled": ("True", "TaskNotFound", message)}
    stated |= of_model(turn) | references_resolved(turn) | advance_allowed(turn)
    stated |= feature_definition_changed(turn) | told(turn)
    return stated | {said.type: (said.status, said.reason, said.message) for said in inactive(turn.snapshot.inactive)}


def _ready(turn: Turn) -> Statement:
    stable, live, task = turn.variant("stable"), turn.snapshot.cron_job, turn.snapshot.batch
    if stable is None:
        return "False", "NothingScores", "no version scores yet"
    if live is None:
        return "False", "CronJobMissing", "the CronJob does not exist yet"
    name = live["metadata"]["name"]
    if task is not None and task.batch.schedule is None:
        by_hand = f"by hand: kubectl create job --from=cronjob/{name} NAME"
        return "True", "ByHand", f"version {stable.version} scores {by_hand}"
    return "True", "Scheduled", f"version {stable.version} scores by CronJob {name}"


def _scored(turn: Turn) -> dict[str, Statement]:
    """BatchScored: what the last run came to; a run that cannot start waits for a person."""
    status = turn.status.batch
    problem = trouble(turn.snapshot.job_pods.get(status.running, ())) if status and status.running else None
    if problem is not None and status is not None:
        message = f"{status.running} does not start: {problem.message}"
        return {
            "BatchScored": ("False", problem.reason, message),
            "Stalled": ("True", problem.reason, message),
        }
    if status is None or not status.outcome:
        return {"BatchScored": ("Unknown", "NoRunYet", "no batch was scored yet")}
    said = f"{status.last_run}: {status.message}"
    if status.outcome == "Succeeded":
        return {"BatchScored": ("True", "Scored", said)}
    return {"BatchScored": ("False", "Failed", said)}


def _phase(turn: Turn, stated: dict[str, Statement]) -> str:
    if stated["Stalled"][1] == "StageNotSupported":
        return "Held"
    if turn.stage_type:
        return "Paused" if stopped(turn) else _PHASES.get(turn.stage_type, "Held")
    if turn.variant("stable") is not None:
        return "Scoring"
    return "Failed" if stated["Stalled"][0] == "True" else "Pending"
