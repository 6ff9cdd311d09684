"""A TrainingRun: what its schema cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.api.v1alpha1.search import FEW_DIMENSIONS, planned_runs, space_of
from slipway.api.v1alpha1.training_trainer import Dimension, Tuning
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway.validation.findings import Finding, error, warning


def check_training(spec: TrainingRunSpec) -> Iterator[Finding]:
    """Everything about one run that can be said without looking at its task."""
    function = spec.trainer.function
    if function is not None and function.git.ref is not None and spec.tuning is not None:
        message = "ref may move while a search runs, and its trials must be of one code: give commit"
        yield error(("spec", "trainer", "function", "git", "ref"), message)
    if spec.allow.dirty_tree and (function is None or function.git.difference is None):
        yield warning(("spec", "allow", "dirtyTree"), "nothing is dirty: only `slipway train` sends a difference")
    if spec.tuning is not None and spec.tuning.algorithm != "None":
        yield from _search(spec, spec.tuning)


def _search(spec: TrainingRunSpec, tuning: Tuning) -> Iterator[Finding]:
    location = ("spec", "tuning")
    if spec.trainer.type == "Existing":
        yield error(location, "trainer type Existing trains nothing, so there is nothing to tune")
        return
    estimator = spec.trainer.built_in.estimator if spec.trainer.built_in is not None else None
    space = space_of(tuning, estimator, "")
    runs = planned_runs(tuning, space)
    if runs > tuning.max_runs:
        message = (
            f"{tuning.algorithm} over {', '.join(sorted(space))} takes {runs} runs, and maxRuns is {tuning.max_runs}: "
            "raise it, try fewer values, or use Random or Bayesian with fewer trials"
        )
        yield error((*location, "maxRuns"), message)
    if len(space) > FEW_DIMENSIONS:
        message = (
            f"{len(space)} dimensions are searched: with more than {FEW_DIMENSIONS} most trials differ in what hardly "
            "matters; begin with the step size, the rows of a step, and what keeps weights small"
        )
        yield warning((*location, "space"), message)
    for name, dimension in tuning.space.items():
        yield from _steps((*location, "space", name, "range", "step"), dimension)


def _steps(location: tuple[str, ...], dimension: Dimension) -> Iterator[Finding]:
    found = dimension.range
    if found is None or found.step is None:
        return
    if found.step.value <= 0:
        yield error(location, "must be more than 0")
    elif found.scale == "Log":
        yield error(location, "is only legal with scale: Linear")
    elif found.step.value > found.high.value - found.low.value:
        yield error(location, "must not exceed high minus low")
