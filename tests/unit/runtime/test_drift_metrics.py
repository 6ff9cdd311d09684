"""The index of each drifting feature at /metrics: what statuses say now, and no more."""

from __future__ import annotations

from typing import Any

from prometheus_client import generate_latest
from slipway.runtime.metrics import REGISTRY, show_drift


def policy(name: str, measured: str = "True", **verdicts: tuple[str, str]) -> dict[str, Any]:
    """A RetrainPolicy whose features have a verdict and an index."""
    features = [{"name": each, "verdict": verdict, "psi": psi} for each, (verdict, psi) in verdicts.items()]
    conditions = [{"type": "DriftMeasured", "status": measured}]
    status = {"features": features, "conditions": conditions}
    return {"metadata": {"namespace": "team", "name": name}, "status": status}


def shown() -> list[str]:
    """The series, as they are scraped."""
    lines = generate_latest(REGISTRY).decode().splitlines()
    return [line for line in lines if line.startswith("slipway_feature_psi{")]


def test_features_that_are_judged_are_shown_by_policy() -> None:
    show_drift(
        [
            policy("a", amount=("Drifted", "0.3100"), country=("Stable", "0.0100")),
            policy("b", amount=("Stable", "0.0200")),
        ]
    )
    assert shown() == [
        'slipway_feature_psi{feature="amount",policy="team/a"} 0.31',
        'slipway_feature_psi{feature="country",policy="team/a"} 0.01',
        'slipway_feature_psi{feature="amount",policy="team/b"} 0.02',
    ]


def test_what_is_not_judged_not_measured_or_gone_has_no_series() -> None:
    show_drift([policy("a", amount=("Stable", "0.0100"))])
    assert len(shown()) == 1
    unknown = {"few": ("InsufficientData", "0.9000"), "odd": ("Unknown", "")}
    show_drift([policy("a", **unknown), policy("b", measured="Unknown", amount=("Stable", "0.0100"))])
    assert shown() == []
    show_drift([{"metadata": {"namespace": "team", "name": "new"}}])
    assert shown() == []
