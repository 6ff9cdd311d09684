"""A model that was trained under other feature definitions than its task has now goes no further; one that serves
goes on serving."""

from __future__ import annotations

from slipway.api.v1alpha1.rollout_status import Target, Variant
from slipway.core.definitions.changes import REMEDY, Change, changes, listed
from slipway.core.definitions.told import CONDITION, NOT_RECORDED
from slipway.core.rollout.snapshot import Resolved
from slipway.core.rollout.turn import Turn


def redefined(turn: Turn, model: Target | Variant | Resolved) -> tuple[Change, ...] | None:
    """The features of a model that its task defines otherwise by now; None where that is not known."""
    return changes(model.definitions, turn.snapshot.definitions, turn.snapshot.definition_texts)


def why_held(turn: Turn, model: Target | Resolved) -> str:
    """Why a model may not advance; empty where it may, also where nothing is known of its definitions."""
    found = redefined(turn, model)
    if not found:
        return ""
    return f"version {model.version} {_otherwise(turn, found)}. It does not advance. Remedy: {REMEDY}"


def feature_definition_changed(turn: Turn) -> dict[str, tuple[str, str, str]]:
    """The condition, about what is being rolled out and what serves; nothing is said while there is neither."""
    target, stable = turn.status.target, turn.variant("stable")
    held = why_held(turn, target) if target is not None else ""
    found = redefined(turn, stable) if stable is not None else ()
    serves = f"version {stable.version}, which goes on serving, {_otherwise(turn, found)}" if stable and found else ""
    if held or serves:
        remedy = "" if held else f". Remedy: {REMEDY}"
        return {CONDITION: ("True", "DefinitionChanged", ". ".join(filter(None, (held, serves))) + remedy)}
    known = [one for one in (target, stable) if one is not None]
    if not known or turn.snapshot.definitions is None:
        return {}
    unknown = [f"version {one.version}" for one in known if redefined(turn, one) is None]
    if unknown:
        return {CONDITION: ("Unknown", "NotRecorded", f"{' and '.join(dict.fromkeys(unknown))}: {NOT_RECORDED}")}
    return {CONDITION: ("False", "AsTrained", "the features are defined as they were when the models were trained")}


def _otherwise(turn: Turn, found: tuple[Change, ...]) -> str:
    task = turn.spec.task_ref.name
    return f"was trained under other definitions than ModelTask {task} has now: {listed(found)}"
