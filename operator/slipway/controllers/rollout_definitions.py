"""What the task of a rollout means by its features today, and what the models of the rollout were trained under."""

from __future__ import annotations

from dataclasses import replace

from slipway.controllers.task_models import texts
from slipway.core.definitions.changes import Definitions, changes
from slipway.core.rollout import Resolved, Snapshot
from slipway.runtime.world import World


def with_definitions(snapshot: Snapshot, present: Definitions | None, world: World) -> Snapshot:
    """The snapshot with the definitions; the runs are searched for texts only where there is a change to tell."""
    status = snapshot.status
    held = [one.definitions for one in (*status.variants, status.target, status.queued) if one is not None]
    held += [snapshot.model.definitions] if isinstance(snapshot.model, Resolved) else []
    changed = {one.digest for each in held for one in changes(each, present, {}) or ()}
    runs = world.list("TrainingRun", snapshot.namespace, {}) if changed else ()
    return replace(snapshot, definitions=present, definition_texts=texts(runs, changed))
