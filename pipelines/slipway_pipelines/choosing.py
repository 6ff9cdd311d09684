"""Which parameters are trained: those as given, or the best of a search; and how they do on rows not fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slipway.api.v1alpha1.search import planned_runs, space_of

from slipway_pipelines.context import Context
from slipway_pipelines.crossvalidate import mean, scores, tried
from slipway_pipelines.data.prepare import Prepared
from slipway_pipelines.faults import DataFault
from slipway_pipelines.fit import build_pipeline
from slipway_pipelines.folds import number_of_folds
from slipway_pipelines.metrics import METRICS
from slipway_pipelines.request import TrainingRequest
from slipway_pipelines.trials import TrackedTrials
from slipway_pipelines.tuning import Found, Search, search


@dataclass(frozen=True)
class Chosen:
    """The parameters that are trained.

    Attributes:
        folds: of cross-validation; 0 where validation rows judged.
        values: the primary metric of each fold with these parameters; empty where a search has judged them.
        search: what was searched, and what it found; None without a search.
    """

    parameters: Mapping[str, str]
    folds: int
    values: tuple[float, ...] = ()
    search: Found | None = None

    @property
    def value(self) -> float:
        """The primary metric on rows that the fits have not seen."""
        return self.search.best.value if self.search is not None else mean(self.values)


def choose(context: Context, experiment: str, prepared: Prepared) -> Chosen | None:
    """Searches where the manifest asks for it; sets the estimator of the attempt to what was found.

    Returns:
        None in a pod that only shares the search.

    Raises:
        DataFault: no trial came to a model.
    """
    request, parts = context.request, prepared.parts
    task, given = request.task, dict(request.spec.parameters)
    rows, primary = sum(parts.rows.values()), task.metrics.primary
    count, by_time = number_of_folds(request.spec.folds, rows), request.spec.data.split.by == "Time"
    rest = (parts, request.columns, task.type, task.label.positive, primary, count, by_time)
    asked = _search(request)
    if asked is None:
        return Chosen(given, count, scores(build_pipeline(request.columns, context.estimator, prepared.chosen), *rest))

    def value(parameters: Mapping[str, str]) -> float:
        pipeline = build_pipeline(request.columns, context.built(parameters), prepared.chosen)
        if context.code is not None and parameters == given:  # what fails as it was given is no bad trial
            return mean(scores(pipeline, *rest))
        return tried(pipeline, *rest)

    store = TrackedTrials(context.tracking, experiment, context.run, request.uid)
    found = search(asked, store, value, given)
    if found is None:
        return None
    if found.best.value != found.best.value:
        message = (
            f"none of {len(found.trials)} trials has a value of {primary} in each of {count or 1} folds: where a class "
            "is too rare for folds set spec.folds to 0, else look at the values in spec.tuning.space"
        )
        raise DataFault("SearchFruitless", message)
    context.estimator = context.built(found.best.parameters)
    return Chosen(found.best.parameters, count, (), found)


def _search(request: TrainingRequest) -> Search | None:
    tuning, primary = request.spec.tuning, request.task.metrics.primary
    if tuning is None:
        return None
    space = space_of(tuning, request.estimator, request.task.type)
    runs = planned_runs(tuning, space)
    if not runs:
        return None
    higher = METRICS[request.task.type][primary].higher_is_better
    return Search(tuning, space, runs, request.seeds.search, higher, request.pod, request.pods)
