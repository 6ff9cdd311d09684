"""Specs for the tests of the decision, short enough to be read beside them."""

from __future__ import annotations

from typing import Any

from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import remembered
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.traffic_model import Behaviour

GOOD = Behaviour()
NEVER_POSITIVE = Behaviour(positive=0.0)
SLOW = Behaviour(latency=0.4)
FAILING = Behaviour(errors=0.3)
DIES = Behaviour(starts=False, proves=False)
NEVER_READY = Behaviour(starts=False)
TOO_SLOW = Behaviour(timings=((0.4, 0.3, 0.5),))
UNSTEADY = Behaviour(timings=((0.09, 0.08, 0.12), (0.09, 0.07, 0.11), (0.08, 0.07, 0.09)))


def spec(**changes: Any) -> dict[str, Any]:
    """A rollout of seconds: shadow, then 10%, then 50%."""
    positive = {"name": "positives", "metric": "positive_rate", "op": ">=", "ratioToStable": "0.5"}
    canary = {"type": "Canary", "minDuration": "10s", "minExposures": 50}
    base: dict[str, Any] = {
        "taskRef": {"name": "fraud"},
        "model": {"type": "MLflow", "mlflow": {"name": "fraud", "version": "1"}},
        "warmUp": "2s",
        "initialRevision": "ServeDirectly",
        "traffic": {
            "type": "GatewayAPI",
            "gatewayAPI": {
                "parentRefs": [{"name": "public", "namespace": "infra"}],
                "hostnames": ["fraud.example.com"],
                "timeouts": {"request": "2s"},
            },
            "assignment": {"header": "x-slipway-bucket"},
        },
        "stages": [
            {
                "name": "shadow",
                "type": "Shadow",
                "shadow": {"percent": "100%"},
                "minDuration": "10s",
                "minSamples": 100,
            },
            {"name": "canary-10", **canary, "canary": {"weight": "10%"}, "gates": [positive]},
            {"name": "canary-50", **canary, "canary": {"weight": "50%"}},
        ],
        "gates": [
            {"name": "errors", "metric": "error_rate", "op": "<=", "bound": "5%"},
            {"name": "p95", "metric": "latency_p95", "op": "<=", "bound": "100ms"},
        ],
        "promotion": {"keepPrevious": {"atLeast": "5m", "atMost": "1h"}},
        "rollback": {"scaleDownDelay": "20s"},
        "progressDeadline": "2m",
    }
    return {**base, **changes}


@remembered
def serving(second: Behaviour = GOOD, **changes: Any) -> Simulation:
    """Version 1 serves; versions 2 and 3 are in the registry."""
    sim = Simulation(spec(**changes), {"1": GOOD, "2": second, "3": GOOD})
    return sim.run(60, lambda s: s.status.get("phase") == "Serving")


def pin(sim: Simulation, version: str) -> Simulation:
    """A person asks for a version."""
    sim.edit(KEY, lambda s: s["model"]["mlflow"].update(version=version))
    return sim


def in_stage(name: str) -> Any:
    """A condition for `run`: the stage is running."""
    return lambda sim: (sim.status.get("stage") or {}).get("name") == name


def serves(version: str) -> Any:
    """A condition for `run`: the version is stable and nothing is under way."""
    return lambda sim: sim.variants().get("stable", {}).get("version") == version and not sim.status.get("stage")


def service(sim: Simulation, name: str) -> ObjectKey:
    """The InferenceService of the variant in one place."""
    return ObjectKey("serving.kserve.io/v1beta1", "InferenceService", "ns", sim.variants()[name]["inferenceService"])


def replaced(sim: Simulation) -> bool:
    """No replacement of a deleted InferenceService is under way."""
    return not sim.status.get("retiring") and not any(
        "successor" in variant or sim.objects[service(sim, name)]["metadata"].get("deletionTimestamp")
        for name, variant in sim.variants().items()
        if service(sim, name) in sim.objects
    )
