"""Actions that make the world agree with the persisted status of a Batch rollout."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.core.agreement import cron_job_agrees
from slipway.core.desired.scoring_cronjob import SCORING_LABEL, TRIAL, scoring_cron_job, trial_job, trial_name
from slipway.core.plan import Action, Apply, Create, Delete
from slipway.core.rollout.announcing import deliveries
from slipway.core.rollout.batch.jobs import read
from slipway.core.rollout.batch.trial import scoring_of, spent
from slipway.core.rollout.effects import build, network, proof
from slipway.core.rollout.recording import ledger_writes
from slipway.core.rollout.snapshot import key_of, leaving
from slipway.core.rollout.turn import START, Turn


def effects(turn: Turn) -> tuple[Action, ...]:
    """No finalizer: nothing here must go in an order. `turn` is the decision before any transition."""
    made = (*network(turn), *_cron_job(turn), *build(turn), *proof(turn), *_trials(turn))
    return (*deliveries(turn), *made, *ledger_writes(turn))


def _cron_job(turn: Turn) -> Iterator[Action]:
    stable, live = turn.variant("stable"), turn.snapshot.cron_job
    scoring = scoring_of(turn, stable) if stable is not None else None
    if scoring is None or leaving(live):
        return
    wanted = scoring_cron_job(turn.snapshot.identity, scoring, turn.spec.predictor)
    if live is None or not cron_job_agrees(live, wanted):
        yield Apply(wanted)


def _trials(turn: Turn) -> Iterator[Action]:
    """The candidate's, made once, and again when it failed a while ago; those of others go."""
    candidate, snapshot = turn.variant("candidate"), turn.snapshot
    scoring = scoring_of(turn, candidate) if candidate is not None and turn.stage_type == START else None
    name = trial_name(snapshot.identity, scoring, turn.spec.predictor) if scoring is not None else ""
    for other, job in snapshot.jobs.items():
        if (job["metadata"].get("labels") or {}).get(SCORING_LABEL) != TRIAL or leaving(job):
            continue
        if other != name or spent(turn, read(job, ())):
            yield Delete(key_of(job), job["metadata"]["uid"])
    if scoring is not None and name not in snapshot.jobs:
        yield Create(trial_job(snapshot.identity, scoring, turn.spec.predictor))
