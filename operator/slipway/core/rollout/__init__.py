"""ModelRollout: `decide(snapshot, now)` and the parts that it is made of, all pure."""

from slipway.core.rollout.comparison import Comparison, comparison
from slipway.core.rollout.decide import decide
from slipway.core.rollout.snapshot import Installation, Resolved, Snapshot

__all__ = ["Comparison", "Installation", "Resolved", "Snapshot", "comparison", "decide"]
