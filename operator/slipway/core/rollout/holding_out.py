"""The hold-out of a rollout: who is held out, since when, and what their answers show.

Who is held out stands in status before the route says so, like all that moves requests. It changes by the spec, when a
pod has said that it has rules for them, and with time: nobody is held out for ever.
"""

from __future__ import annotations

from datetime import timedelta

from slipway.api.v1alpha1.rollout_holdout import MOST_REVISIONS, ContrastedRevision, Holdout
from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus, Variant
from slipway.core.desired.cells import CELLS, cells_of
from slipway.core.desired.http_route import HoldOut
from slipway.core.feedback import Suspicion, looked, suspicion
from slipway.core.plan import Unavailable
from slipway.core.rollout.report import LONG_SECONDS, STEP
from slipway.core.rollout.route import header_of, intent
from slipway.core.rollout.turn import Turn

ROTATE = timedelta(days=90)
"""How long one rotation lasts; the next one waits for the end of a rollout, whose arms it would change."""

ACTIVE, SUSPECTED = "HoldoutActive", "FeedbackSuspected"
Statement = tuple[str, str, str]


def hold_out(turn: Turn) -> Turn:
    """With the hold-out that spec, pods and time ask for. Evidence restarts where it moves requests."""
    known, wanted = turn.status.holdout, _wanted(turn)
    if wanted is None or wanted == known:
        return turn
    after = turn.set(holdout=wanted)
    if known is not None and wanted.rotation != known.rotation:
        message = f"rotation {wanted.rotation} of the hold-out begins: other entities are held out from now on"
        after = after.notice("Normal", "HoldoutRotated", message)
    return after if _asked(turn) == _asked(after) else after.new_epoch()


def _wanted(turn: Turn) -> Holdout | None:
    """None for a rollout that has never asked for one."""
    share = turn.spec.traffic.global_holdout if turn.spec.traffic is not None else None
    known = turn.status.holdout
    if share is None and known is None:
        return None
    before = known or Holdout(rotation=1, since=turn.now)
    cells = cells_of(share.fraction) if share is not None else 0
    fields = {
        "share": share.text if share is not None else "",
        "cells": cells,
        "real": _real(cells),
        "able": _able(turn),
    }
    if cells and not before.cells:
        fields["since"] = turn.now
    elif cells and turn.stage is None and before.since is not None and turn.now - before.since >= ROTATE:
        fields |= {"first": (before.first + before.cells) % CELLS, "rotation": before.rotation + 1, "since": turn.now}
    return before.model_copy(update=fields)


def _real(cells: int) -> str:
    return f"{100 * cells / CELLS:.4g}%" if cells else ""


def _able(turn: Turn) -> tuple[str, ...]:
    """Revisions that can hold out: what a revision's pods have said once is true of all of them, for good."""
    known, seen = turn.status.holdout.able if turn.status.holdout is not None else (), turn.snapshot.able
    if not isinstance(seen, frozenset):
        return known
    mine = {each.revision for each in turn.status.variants}
    new = (seen & mine) - set(known)
    return tuple(sorted({*known, *new} & mine)) if new else known


def _asked(turn: Turn) -> HoldOut | None:
    """What the route is asked for."""
    found = intent(turn.status, header_of(turn.spec))
    return found.hold_out if found is not None else None


def serving(status: ModelRolloutStatus) -> Variant | None:
    """The variant whose answers are contrasted: stable, where somebody is held out from it."""
    stable = next((each for each in status.variants if each.name == "stable"), None)
    known = status.holdout
    if stable is None or known is None or not known.cells or stable.revision not in known.able:
        return None
    return stable


def watch_feedback(turn: Turn) -> Turn:
    """With what the model's answers to who is held out show; it moves no traffic. Written at a change of what is sure,
    and otherwise at a change of 5%, at most once a minute."""
    known, found, stable = turn.status.holdout, turn.snapshot.contrast, serving(turn.status)
    same_epoch = turn.status.epoch == turn.snapshot.status.epoch
    if known is None or found is None or isinstance(found, Unavailable) or stable is None or not same_epoch:
        return turn
    before = known.revisions
    if not before or before[0].revision != stable.revision:
        entry = ContrastedRevision(
            revision=stable.revision, number=stable.number, version=stable.version, epoch=turn.status.epoch
        )
        before = (entry, *before[: MOST_REVISIONS - 1])
    after = looked(before[0], found, turn.status.epoch)
    if not (_news(before[0], after) or _moved(turn, before[0], after)):
        return turn
    revisions = (after.model_copy(update={"reported_at": turn.now}), *before[1:])
    return _told(turn.set(holdout=known.model_copy(update={"revisions": revisions})), suspicion(before))


def _news(before: ContrastedRevision, after: ContrastedRevision) -> bool:
    sure = [{one.name for one in each.slices if one.sure} for each in (before, after)]
    return sure[0] != sure[1] or (before.epoch, before.restarts) != (after.epoch, after.restarts)


def _moved(turn: Turn, before: ContrastedRevision, after: ContrastedRevision) -> bool:
    due = before.reported_at is None or turn.age(before.reported_at) >= LONG_SECONDS
    old, new = (max((one.samples for one in each.slices), default=0) for each in (before, after))
    return due and new - old >= max(1.0, STEP * old)


def _told(turn: Turn, before: Suspicion) -> Turn:
    """Events of what was not known before."""
    known = turn.status.holdout
    found = suspicion(known.revisions if known is not None else ())
    if found.status == "True" and before.status != "True":
        return turn.notice("Warning", SUSPECTED, found.message)
    if found.reason == "OneRevisionDiffers" and before.reason != found.reason:
        return turn.notice("Warning", "HoldoutDiffers", found.message)
    return turn


def holdout_conditions(turn: Turn) -> dict[str, Statement]:
    """Both conditions, by their type; nothing where nobody is to be held out."""
    known = turn.status.holdout
    if known is None or not known.cells:
        return {}
    why_not = _inactive(turn, known)
    if why_not is not None:
        return {ACTIVE: why_not, SUSPECTED: ("Unknown", "NobodyHeldOut", "nobody is held out")}
    rounded = f", since the share is made of whole cells of {CELLS}" if _rounded(known) else ""
    active = (
        f"{known.real} of the entities get the task's rules instead of a model ({known.share} was asked for{rounded})"
    )
    return {ACTIVE: ("True", "HeldOut", active), SUSPECTED: _suspected(turn, known)}


def _rounded(known: Holdout) -> bool:
    return float(known.share.rstrip("%")) / (100 if known.share.endswith("%") else 1) != known.cells / CELLS


def _inactive(turn: Turn, known: Holdout) -> Statement | None:
    """Why nobody is held out now; None where somebody is."""
    stable, task = turn.variant("stable"), turn.spec.task_ref.name
    if stable is not None and stable.revision in known.able:
        return None
    contract = turn.snapshot.contract
    if contract is None or contract.rules is None:
        return (
            "False", "TaskHasNoRules",
            f"ModelTask {task} has no spec.rules, which who is held out would get: nobody is held out. Remedy: add "
            "rules (serve: ModelOnly keeps them from answering anybody else), and train and roll out a version",
        )  # fmt: skip
    if stable is None:
        return "Unknown", "NothingServes", "no version serves yet"
    seen = turn.snapshot.able
    if isinstance(seen, Unavailable):
        return "Unknown", seen.reason, f"whether version {stable.version} can hold out is not known: {seen.message}"
    return (
        "False", "VersionHasNoRules",
        f"no pod of version {stable.version} has said that it has rules for who is held out (metric "
        "slipway_holdout_rules): nobody is. Remedy: train and roll out a version since the task has rules; an image of "
        "your own must meet docs/own-image.md, Hold-out; within a minute of its first pod this is no fault",
    )  # fmt: skip


def _suspected(turn: Turn, known: Holdout) -> Statement:
    kind, seen, stable = turn.snapshot.metrics.type, turn.snapshot.contrast, turn.variant("stable")
    if kind and kind != "BinaryClassification":
        return "Unknown", "NotBinary", f"the task is a {kind}: only answers of two classes are contrasted"
    if isinstance(seen, Unavailable):
        return "Unknown", seen.reason, seen.message
    mine = known.revisions if known.revisions and stable and known.revisions[0].revision == stable.revision else ()
    found = suspicion(mine)
    return found.status, found.reason, found.message
