"""The space that a search looks through: its default by estimator, its grid, and how many runs it takes.

The three that matter most of any learner come first: the size of a step, the rows that a step looks at, and what keeps
weights small. Estimators without steps have what stands for these.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

from slipway.api.v1alpha1.scalars import Number
from slipway.api.v1alpha1.training_trainer import Dimension, Range, Tuning

GRID_STEPS = 5
"""Values of a range without `step` in a grid."""

FEW_DIMENSIONS = 3
"""More make a search thin: half of the trials then differ in what hardly matters."""

Space = Mapping[str, Dimension]


def _range(low: str, high: str, scale: str = "Linear", integer: bool = False) -> Dimension:
    return Dimension(range=Range(low=Number(low), high=Number(high), scale=scale, integer=integer))


_BIG_THREE: Space = {
    "learning_rate": _range("0.00001", "0.01", "Log"),
    "batch_size": _range("32", "256", "Log", integer=True),
    "weight_decay": _range("0", "0.1"),
}
_OF_ESTIMATORS: Mapping[str, Space] = {
    "NeuralNetwork": {
        "learning_rate_init": _BIG_THREE["learning_rate"],
        "batch_size": _BIG_THREE["batch_size"],
        "alpha": _BIG_THREE["weight_decay"],
    },
    "StochasticGradient": {"alpha": _range("0.000001", "0.1", "Log"), "eta0": _range("0.001", "0.1", "Log")},
    "GradientBoosting": {
        "learning_rate": _range("0.01", "0.3", "Log"),
        "min_samples_leaf": _range("5", "100", "Log", integer=True),
        "l2_regularization": _range("0", "0.1"),
    },
    "RandomForest": {
        "max_features": _range("0.2", "1"),
        "min_samples_leaf": _range("1", "50", "Log", integer=True),
        "ccp_alpha": _range("0", "0.1"),
    },
    "NaiveBayes": {"var_smoothing": _range("0.0000000001", "0.01", "Log")},
    "NearestNeighbours": {
        "n_neighbors": _range("1", "50", "Log", integer=True),
        "weights": Dimension(choices=("uniform", "distance")),
    },
    "IsolationForest": {
        "max_samples": _range("0.1", "1"),
        "max_features": _range("0.3", "1"),
        "n_estimators": _range("50", "400", "Log", integer=True),
    },
}


def space_of(tuning: Tuning, estimator: str | None, task_type: str) -> Space:
    """The space of a search: what the manifest says, else the default.

    Args:
        estimator: of a built-in trainer; None for others, whose code is expected to know the names of the big three.
    """
    if tuning.space:
        return tuning.space
    if estimator == "Linear":
        return {"alpha" if task_type == "Regression" else "C": _range("0.001", "100", "Log")}
    return _OF_ESTIMATORS.get(estimator, {}) if estimator is not None else _BIG_THREE


def planned_runs(tuning: Tuning, space: Space) -> int:
    """Parameter sets that a search tries, beside the one that is given."""
    if tuning.algorithm == "None" or not space:
        return 0
    if tuning.algorithm != "Grid":
        return tuning.trials
    return math.prod(len(grid_values(dimension)) for dimension in space.values())


def grid_values(dimension: Dimension) -> tuple[str, ...]:
    """The values of one dimension in a grid, as texts, from low to high."""
    if dimension.choices is not None:
        return dimension.choices
    found = dimension.range
    assert found is not None  # by the law of the union
    low, high = float(found.low.value), float(found.high.value)
    if found.step is not None:
        step = float(found.step.value)
        count = max(1, math.floor((high - low) / step + 1e-9) + 1) if step > 0 else 1
        values = [low + step * number for number in range(count)]
    else:
        shares = [number / (GRID_STEPS - 1) for number in range(GRID_STEPS)]
        log = found.scale == "Log"
        values = [low * (high / low) ** share if log else low + (high - low) * share for share in shares]
    whole = found.integer or all(float(value).is_integer() for value in values)
    return tuple(dict.fromkeys(_text(value, whole) for value in values))


def grid(space: Space) -> Iterator[dict[str, str]]:
    """All combinations, in a stable order."""
    names = sorted(space)
    for values in itertools.product(*(grid_values(space[name]) for name in names)):
        yield dict(zip(names, values, strict=True))


def _text(value: float, whole: bool) -> str:
    """Fractions stay fractions: to a forest `max_features` 1.0 is all of them, and 1 is one."""
    return str(round(value)) if whole else repr(float(f"{value:.12g}"))
