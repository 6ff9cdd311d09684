"""Wrong stages of type ABTest."""

from __future__ import annotations

from tests.controlplane.wrong_manifests.manifest import Wrong

_ROLLOUT, _AB = "modelrollout-card-fraud", "spec/stages/5/abTest"

EXPERIMENTS = (
    Wrong("no error at all", _ROLLOUT, f"{_AB}/alpha", "0", ("alpha must be more than 0 and less than 0.5",)),
    Wrong("as good as a coin", _ROLLOUT, f"{_AB}/alpha", "50%", ("alpha must be more than 0 and less than 0.5",)),
    Wrong("certain power", _ROLLOUT, f"{_AB}/power", "1", ("power must be more than alpha and less than 1",)),
    Wrong("less power than error", _ROLLOUT, f"{_AB}/power", "0.04", ("power must be more than alpha",)),
    Wrong("no effect", _ROLLOUT, f"{_AB}/effect/value", "0%", ("the smallest effect worth finding",)),
    Wrong("effect in seconds", _ROLLOUT, f"{_AB}/effect/value", "20ms", ("the smallest effect worth finding",)),
    Wrong("effect backwards", _ROLLOUT, f"{_AB}/effect/value", "-2%", ("the smallest effect worth finding",)),
    Wrong(
        "no margin",
        _ROLLOUT,
        f"{_AB}/hypothesis",
        {"type": "NonInferiority", "nonInferiority": {"margin": "0"}},
        ("how much worse may still pass",),
    ),
    Wrong("share of no class", _ROLLOUT, f"{_AB}/metric", "class_share", ("class is required with",)),
    Wrong("class of another metric", _ROLLOUT, f"{_AB}/class", "1", ("class is required with, and only legal with",)),
    Wrong(
        "a gate called as the experiment is",
        _ROLLOUT,
        "spec/stages/5/gates",
        [{"name": "primary", "metric": "error_rate", "op": "<", "bound": "1%"}],
        ("may be called primary",),
    ),
    Wrong("as long as it lasts", _ROLLOUT, "spec/stages/5/minDuration", "28d", ("be shorter than abTest.atMost",)),
)
