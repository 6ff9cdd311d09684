"""`slipway wheel`: the turns of a RetrainPolicy, from cause over data, run and version to what the rollout made of it.

All of it stands in the status of the policy and of its rollout, which everybody with `get` can read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.retrain_status import RetrainPolicyStatus, RunSummary
from slipway.api.v1alpha1.rollout_status import HistoryEntry, ModelRolloutStatus
from slipway.cli.arguments import add_output, add_place
from slipway.cli.cluster import Cluster, NotFound, Unreadable
from slipway.cli.words import instant, paragraph, table

SHOWN, UNREADABLE = 0, 2
_DESCRIPTION = """
Shows why a RetrainPolicy stands where it stands, and each turn of the wheel: what caused it, the rows and the
TrainingRun, the version, how the rollout decided about it, and whether its causes have ceased. You must be able to get
the RetrainPolicy and its ModelRollout.
"""
_EPILOG = "exit codes: 0 shown; 2 not found, not allowed, or no cluster: the message says what to do"


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "wheel", help="show the turns of a RetrainPolicy: cause, data, run, version, rollout", description=_DESCRIPTION,
        epilog=_EPILOG,
    )  # fmt: skip
    parser.add_argument("name", metavar="NAME", help="name of the RetrainPolicy")
    add_place(parser)
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the turns, and returns the exit code."""
    try:
        cluster = Cluster.connect(arguments.context)
        namespace = arguments.namespace or cluster.namespace
        policy = cluster.policy(namespace, arguments.name)
        rollout = _rollout(cluster, namespace, policy["spec"]["rolloutRef"]["name"])
    except Unreadable as unreadable:
        print(f"slipway wheel: {unreadable}", file=sys.stderr)
        return UNREADABLE
    if arguments.output == "json":
        print(json.dumps(document(policy, rollout), indent=2))
    else:
        print("\n".join((*standing(policy), "", *turn_lines(policy, rollout))))
    return SHOWN


def standing(policy: Mapping[str, Any]) -> Iterator[str]:
    """Why the policy stands where it stands, and what would move it."""
    metadata, status = policy["metadata"], status_of(policy)
    state = status.state or "not looked at yet"
    yield f"{metadata['name']} in namespace {metadata['namespace']}: {state}{_since(status.since)}"
    yield from paragraph(status.message or "nothing has been said yet: is the operator running?")
    for condition in status.conditions:
        ill = condition.type in ("Stalled", "Frozen", "InactiveFields") and condition.status == "True"
        lost = (
            condition.type
            in ("Ready", "DriftMeasured", "PerformanceMeasured", "DataQuality", "LabelQuality", "Continuable")
            and condition.status != "True"
        )
        if (ill or lost) and condition.message != status.message:
            yield from paragraph(f"{condition.type} is {condition.status}: {condition.message}", "    ", "  - ")
    yield from (f"  {sentence}" for sentence in _moves(metadata, status))


def turn_lines(policy: Mapping[str, Any], rollout: Mapping[str, Any] | None) -> Iterator[str]:
    """A line for each turn, newest first."""
    turns, history = status_of(policy).turns, _history(rollout)
    if not turns:
        yield "no turn yet: nothing has been trained by this policy"
        return
    head = ("ORDERED", "CAUSES", "ROWS", "RUN", "BASE", "CAME TO", "VERSION", "ROLLOUT", "CAUSES CEASED")
    cells = [
        (
            instant(turn.created_at) if turn.created_at else "", ", ".join(turn.causes), turn.data_digest[:12] or "-",
            turn.name, turn.base.rpartition("/")[2] or "-", _outcome(turn), turn.version or "-", _rolled(turn, history),
            instant(turn.ceased_at) if turn.ceased_at else "not yet" if turn.budget == "Triggered" else "-",
        )
        for turn in turns
    ]  # fmt: skip
    yield from table([head, *cells])
    for turn in turns:
        entry = _entry(turn, history)
        if entry is not None and entry.message:
            yield from paragraph(f"version {turn.version}: {entry.message}", "    ", "  ")


def document(policy: Mapping[str, Any], rollout: Mapping[str, Any] | None) -> dict[str, Any]:
    """All of it as JSON values."""
    status, history = status_of(policy), _history(rollout)
    return {
        "state": status.state,
        "message": status.message,
        "moves": list(_moves(policy["metadata"], status)),
        "turns": [_turn_document(turn, history) for turn in status.turns],
    }


def status_of(policy: Mapping[str, Any]) -> RetrainPolicyStatus:
    """The status of a RetrainPolicy as the API server has it."""
    return RetrainPolicyStatus.model_validate(policy.get("status") or {})


def _turn_document(turn: RunSummary, history: Sequence[HistoryEntry]) -> dict[str, Any]:
    entry = _entry(turn, history)
    told = turn.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return told | ({"rolloutReason": entry.reason, "rolloutMessage": entry.message} if entry is not None else {})


def _moves(metadata: Mapping[str, Any], status: RetrainPolicyStatus) -> Iterator[str]:
    where = f"{metadata['name']} -n {metadata['namespace']}"
    if status.frozen is not None:
        yield f"it goes on once a RolloutRequest with action Unfreeze names it; kubectl describe retrainpolicy {where}"
    if status.next is not None:
        yield f"the calendar trains next at {instant(status.next)}"
    if status.cooldown_until is not None and status.state == "Cooldown":
        yield f"triggers count again at {instant(status.cooldown_until)}"
    if status.calendar is not None and status.calendar.missed:
        yield f"{status.calendar.missed} runs of the calendar were left out: the Events ScheduleMissed say why"


def _rollout(cluster: Cluster, namespace: str, name: str) -> Mapping[str, Any] | None:
    try:
        return cluster.rollout(namespace, name)
    except NotFound:
        return None


def _history(rollout: Mapping[str, Any] | None) -> Sequence[HistoryEntry]:
    return ModelRolloutStatus.model_validate((rollout or {}).get("status") or {}).history


def _entry(turn: RunSummary, history: Sequence[HistoryEntry]) -> HistoryEntry | None:
    """What the rollout says of the version of a turn; a number that was there before the turn is another one's."""
    for entry in history:
        late = entry.ended_at is not None and turn.created_at is not None and entry.ended_at >= turn.created_at
        if turn.version and entry.version == turn.version and late:
            return entry
    return None


def _outcome(turn: RunSummary) -> str:
    return f"{turn.outcome} ({turn.reason})" if turn.reason else turn.outcome


def _rolled(turn: RunSummary, history: Sequence[HistoryEntry]) -> str:
    entry = _entry(turn, history)
    reason = f" ({entry.reason})" if entry is not None and entry.outcome == turn.rollout and entry.reason else ""
    return f"{turn.rollout}{reason}" if turn.rollout else "-"


def _since(at: datetime | None) -> str:
    return f" since {instant(at)}" if at is not None else ""
