"""What is said of a search for parameters before it starts, and how many pods share it."""

from __future__ import annotations

from slipway.api.v1alpha1.search import planned_runs, space_of
from slipway.api.v1alpha1.training_trainer import Search
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec


def search_ahead(spec: TrainingRunSpec, task_type: str) -> Search | None:
    """The search that a run is going to make; None where there is none."""
    if spec.tuning is None:
        return None
    estimator = spec.trainer.built_in.estimator if spec.trainer.built_in is not None else None
    runs = planned_runs(spec.tuning, space_of(spec.tuning, estimator, task_type))
    if not runs:
        return None
    folds = spec.folds if isinstance(spec.folds, int) else 0
    return Search(algorithm=spec.tuning.algorithm, runs=runs, folds=folds)


def search_words(found: Search | None) -> str:
    """What people are told of its cost."""
    if found is None:
        return ""
    fits = f"{found.folds} fits each" if found.folds else "one fit each, 5 with folds: Auto under 10,000 rows"
    return f"; its {found.algorithm} search takes {found.runs} runs and one with the parameters as given, {fits}"


def pods_of(spec: TrainingRunSpec) -> int:
    """Pods of the training Job: those beyond the first only share the search."""
    searches = spec.tuning is not None and spec.tuning.algorithm != "None"
    return spec.tuning.parallelism if spec.tuning is not None and searches else 1
