"""ModelRollout: `decide(snapshot, now)` and the parts that it is made of, all pure."""

from slipway.core.rollout.decide import decide
from slipway.core.rollout.snapshot import Installation, Resolved, Snapshot

__all__ = ["Installation", "Resolved", "Snapshot", "decide"]
