"""Versions that appear while another one is being rolled out: which of them waits, and which is ignored."""

from __future__ import annotations

from dataclasses import replace

from slipway.api.v1alpha1.rollout_status import Queued
from slipway.core.rollout.sameness import resolved, same_model
from slipway.core.rollout.snapshot import Resolved
from slipway.core.rollout.turn import Turn

EMERGENCY = "Emergency"


def queue(turn: Turn, model: Resolved) -> Turn:
    """The latest version waits; an emergency keeps its place, so that no refresh displaces it."""
    waiting, latest = turn.status.queued, _entry(model)
    urgent = waiting is not None and waiting.cause == EMERGENCY and model.cause != EMERGENCY
    return turn if urgent or latest == waiting else turn.set(queued=latest)


def ignore(turn: Turn, model: Resolved) -> Turn:
    """The version is remembered, so that it is left alone also when the running one has ended."""
    latest = _entry(model)
    changes = {"ignored": latest, "queued": None}
    return turn if turn.status.ignored == latest and turn.status.queued is None else turn.set(**changes)


def next_model(turn: Turn, model: Resolved, *, pinned: bool) -> tuple[Turn, Resolved]:
    """With nothing under way: the model to look at, which is an emergency that still waits before what the alias names
    by now; and the turn without what needs no remembering any more."""
    waiting, ignored = turn.status.queued, turn.status.ignored
    if ignored is not None and (pinned or not same_model(model, ignored)):
        turn = turn.set(ignored=None)
    if waiting is None:
        return turn, model
    if not pinned and waiting.cause == EMERGENCY and _worth_trying(turn, waiting):
        found = replace(resolved(waiting), name=model.name, definitions=waiting.definitions)
        return turn, replace(found, evaluation=waiting.evaluation, cause=waiting.cause)
    return turn.set(queued=None), model


def _worth_trying(turn: Turn, waiting: Queued) -> bool:
    """Whether a waiting version neither serves already nor was rejected since it began to wait."""
    model = resolved(waiting)
    stable = turn.variant("stable")
    if stable is not None and same_model(model, stable):
        return False
    certified = waiting.evaluation == "passed" or turn.spec.certification is not None
    return certified and not any(same_model(model, each) for each in turn.status.rejected)


def _entry(model: Resolved) -> Queued:
    return Queued(
        model=model.name, version=model.version, digest=model.digest, cause=model.cause, evaluation=model.evaluation,
        definitions=model.definitions,
    )  # fmt: skip
