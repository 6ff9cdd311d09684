"""What a rollout's conditions say of its running experiment."""

from __future__ import annotations

from slipway.api.v1alpha1.abtest import ABTest
from slipway.api.v1alpha1.abtest_status import primary_name
from slipway.core.experiment import design_of
from slipway.core.rollout.abtest_plan import UNDERPOWERED
from slipway.core.rollout.turn import Turn

Statement = tuple[str, str, str]


def of_experiment(turn: Turn) -> dict[str, Statement]:
    """Whether its data are valid, and, where it is so, that it cannot finish in its time."""
    result, stage = turn.status.ab_test, turn.stage
    if result is None or stage is None or stage.name != result.stage:
        return {}
    stated: dict[str, Statement] = {}
    entry = next((gate for gate in turn.status.gates if gate.name == primary_name(result.stage)), None)
    if result.verdict == "Invalid" or (entry is not None and entry.verdict == "Invalid"):  # a lost one stays Worse
        message = entry.message if entry is not None else "its data are not valid"
        stated["ExperimentValid"] = ("False", "InvalidData", f"experiment {result.stage} decides nothing: {message}")
    elif result.srm:
        stated["ExperimentValid"] = ("True", "SampleRatioAgrees", "entities arrive as they were assigned")
    if result.underpowered:
        stated[UNDERPOWERED] = ("True", "TooFewEntities", f"experiment {result.stage} {result.underpowered}")
    return stated


def anew(test: ABTest, restarts: int) -> str:
    """How often evidence began anew, and what that has left of alpha; empty where it did not."""
    if not restarts:
        return ""
    times = "once" if restarts == 1 else f"{restarts} times"
    return f"; alpha is {design_of(test, restarts).alpha:.3g}, since evidence began anew {times}"
