"""What a task with serving.mode Batch asks for, as far as a rollout of it must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.task_serving import Batch


@dataclass(frozen=True)
class BatchTask:
    """`keys` are the columns that name a row, `sources` the input's column of a feature of another name."""

    batch: Batch
    keys: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


def batch_task(task: ModelTaskSpec) -> BatchTask | None:
    """The part of a task that a scoring Job follows; None for a task of another mode."""
    if task.serving.mode != "Batch" or task.serving.batch is None:
        return None
    keys = (task.id, task.entity, task.timestamp)
    return BatchTask(
        task.serving.batch,
        tuple(dict.fromkeys(key for key in keys if key is not None)),
        tuple(feature.name for feature in task.features),
        {feature.name: feature.column for feature in task.features if feature.column is not None},
    )
