"""A rollout of a task with serving.mode Batch: in place of services and a route, a CronJob that scores."""

from slipway.core.rollout.batch.decide import decide_batch
from slipway.core.rollout.batch.mode import is_batch, mode_changed, unusable_for_batch

__all__ = ["decide_batch", "is_batch", "mode_changed", "unusable_for_batch"]
