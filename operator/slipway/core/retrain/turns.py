"""What became of each run of a policy: of itself, of its version in the rollout, and of the reasons for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.retrain_status import TURNS, RetrainPolicyStatus, RunSummary
from slipway.core.retrain.runs import is_requested
from slipway.core.retrain.snapshot import ENDED, RetrainSnapshot, Seen, Served, summary


def followed(snapshot: RetrainSnapshot, now: datetime) -> RetrainPolicyStatus:
    """The status with what is seen of the runs now: those that exist, and the policy's own, also when they are gone."""
    seen = sorted((summary(run) for run in snapshot.runs), key=lambda run: (run.created_at, run.name), reverse=True)
    before = snapshot.status
    turns = before.turns or ((before.last_run,) if before.last_run is not None else ())
    found = {run.name: run for run in seen}
    turns = tuple(_turn(turn, found.get(turn.name), snapshot.served, now) for turn in turns)
    if turns:
        turns = (_ceased(turns[0], snapshot.looks, now), *turns[1:])
    return before.model_copy(update={"runs": tuple(seen[:100]), **begun(turns)})


def begun(turns: Sequence[RunSummary]) -> dict[str, Any]:
    """The fields of a status that hold these turns, the newest first."""
    return {"turns": tuple(turns[:TURNS]), "last_run": turns[0] if turns else None}


def joined(status: RetrainPolicyStatus, causes: Sequence[str]) -> RetrainPolicyStatus:
    """With causes that arose while the newest run was under way: it answers to them as well."""
    last = status.turns[0]
    more = tuple(cause for cause in causes if cause not in last.causes)
    if not more:
        return status
    told = last.model_copy(update={"causes": (*last.causes, *more)[:21]})
    return status.model_copy(update=begun((told, *status.turns[1:])))


def _turn(turn: RunSummary, run: RunSummary | None, served: Served | None, now: datetime) -> RunSummary:
    """Causes, budget and instant stay as written: they say what was decided, not what somebody made of it."""
    if run is not None:
        fields = ("outcome", "reason", "version", "run_id", "data_digest", "ended_at")
        turn = turn.model_copy(update={field: getattr(run, field) for field in fields})
    elif not is_requested(turn) and turn.outcome not in (*ENDED, "Deleted"):
        turn = turn.model_copy(update={"outcome": "Deleted", "ended_at": now})
    return _rolled(turn, served)


def _rolled(turn: RunSummary, served: Served | None) -> RunSummary:
    if served is None or not turn.version or turn.created_at is None:
        return turn
    if turn.version in served.rolling:
        return turn.model_copy(update={"rollout": "Rollout", "rollout_at": None})
    if turn.version in served.gated:
        return turn.model_copy(update={"rollout": "Gate", "rollout_at": None})
    last = next((each for each in served.history if each.version == turn.version), None)
    if last is not None and last.at >= turn.created_at:
        return turn.model_copy(update={"rollout": last.outcome, "rollout_at": last.at})
    if turn.rollout in ("Gate", "Rollout"):  # it left the rollout without an entry, such as by a changed spec
        return turn.model_copy(update={"rollout": "", "rollout_at": None})
    return turn


def _ceased(turn: RunSummary, looks: Sequence[Seen], now: datetime) -> RunSummary:
    """Unknown is no relief: each of the triggers behind the run must have been measured, and hold in no window."""
    asked = [look for look in looks if look.trigger in turn.causes]
    quiet = bool(asked) and all(look.measured and not (look.suspected or look.lingers) for look in asked)
    if turn.ceased_at is not None or is_requested(turn) or not quiet:
        return turn
    return turn.model_copy(update={"ceased_at": now})
