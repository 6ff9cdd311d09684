"""What the steps of an attempt share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.steps import Steps
from slipway_pipelines.tracking import Tracking

if TYPE_CHECKING:
    from slipway_pipelines.function.client import Code


@dataclass
class Context:
    """One attempt: what is asked, where it is recorded, and what was noted on the way.

    `code` is the user's, where the trainer is a function of theirs.
    """

    request: TrainingRequest
    tracking: Tracking
    steps: Steps
    estimator: Any
    code: Code | None = None
    run: str = ""

    @property
    def made_by(self) -> dict[str, Any]:
        """What the operator is told of the user's code; nothing where an estimator is built in."""
        return {"code": self.code.told()} if self.code is not None else {}

    def built(self, parameters: Mapping[str, str]) -> Any:
        """As `estimator_of`."""
        return estimator_of(self.request, self.code, parameters)


def estimator_of(request: TrainingRequest, code: Code | None, parameters: Mapping[str, str]) -> Any:
    """An unfitted estimator with the parameters: a built-in one, or that of the user's function. Raises DataFault."""
    if code is not None:
        return code.estimator(request.task.type, parameters, request.seeds.estimator)
    assert request.estimator is not None  # by the union rule of the trainer
    return build_estimator(request.task.type, request.estimator, parameters, request.seeds.estimator)
