"""What a Shadow stage needs to see: how the task's answers are compared, and stable's latency before the mirror."""

from __future__ import annotations

from datetime import datetime

from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.core.before_mirror import latency_before, question
from slipway.core.evidence import Histogram, Subject
from slipway.core.pairs import PairedTask
from slipway.core.plan import Unavailable
from slipway.core.rollout import Snapshot
from slipway.core.rollout.snapshot import variant
from slipway.runtime.world import World

_NUMBERS = ("Regression",)
_FLAGS = ("BinaryClassification", "AnomalyDetection")


def paired_task(spec: ModelTaskSpec) -> PairedTask:
    """The part of a task that a comparison of pairs needs. Without two classes an answer flags only where the task
    says which one does."""
    positive = spec.label.positive or ("1" if spec.type in _FLAGS else "")
    slices = spec.slices
    return PairedTask(
        positive="" if spec.type in _NUMBERS else positive,
        numeric=spec.type in _NUMBERS,
        entity=spec.entity or "",
        slices=slices.columns if slices is not None else (),
        minimum_rows=slices.minimum_rows if slices is not None else PairedTask.minimum_rows,
    )


async def before_mirror(snapshot: Snapshot, world: World, now: datetime) -> Histogram | Unavailable | None:
    """Stable's latency before the running Shadow stage; None where it is known, or nobody needs it."""
    status = snapshot.status
    stable, candidate, stage = variant(status, "stable"), variant(status, "candidate"), status.stage
    if stage is None or stage.type != "Shadow" or stage.since is None or stage.before_mirror is not None:
        return None
    if stable is None or candidate is None or not candidate.mirror or snapshot.latency is None:
        return None
    subject = Subject(snapshot.identity.key, stable.revision, "live", status.epoch)
    return latency_before(await world.query(question(subject, stage.since), now))
