"""The search: what it costs, what it tries, and that killed pods and many pods end in the same place."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.api.v1alpha1.search import grid, grid_values, planned_runs, space_of
from slipway.api.v1alpha1.training_trainer import Dimension, Tuning
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.tuning import Search, Trial, propose, search

BOWL: dict[str, Any] = {
    "x": {"range": {"low": "-5", "high": "5"}},
    "y": {"range": {"low": "0.001", "high": "10", "scale": "Log"}},
}


class Kept:
    """A store in memory, which may die after some trials."""

    def __init__(self, dies_after: int = 10_000) -> None:
        self.trials: list[Trial] = []
        self.dies_after = dies_after

    def finished(self) -> list[Trial]:
        return list(self.trials)

    def keep(self, trial: Trial) -> None:
        if len(self.trials) >= self.dies_after:
            raise KeyboardInterrupt
        self.trials.append(trial)


def asked(algorithm: str, trials: int = 25, space: Any = None, **more: Any) -> Search:
    tuning = Tuning.model_validate({"algorithm": algorithm, "trials": trials, "space": space or BOWL})
    return Search(tuning, tuning.space, planned_runs(tuning, tuning.space), 7, False, **more)


def bowl(parameters: Any) -> float:
    """Smallest at x = 2, y = 0.1."""
    x, y = float(parameters.get("x", "5")), float(parameters.get("y", "10"))
    return (x - 2) ** 2 + (y - 0.1) ** 2


def run(search_for: Search, store: Kept, value: Any = bowl) -> Any:
    return search(search_for, store, value, {}, sleep=lambda seconds: None)


def test_five_by_four_is_twenty() -> None:
    space = {
        "a": Dimension.model_validate({"choices": ["1", "2", "3", "4", "5"]}),
        "b": Dimension.model_validate({"range": {"low": "0", "high": "3", "step": "1", "integer": True}}),
    }
    tuning = Tuning.model_validate({"algorithm": "Grid", "space": space})
    assert planned_runs(tuning, space) == 20
    tried = list(grid(space))
    assert len({tuple(each.items()) for each in tried}) == 20
    assert tried[0] == {"a": "1", "b": "0"}


def test_a_range_of_a_grid_has_five_values_evenly_by_its_scale() -> None:
    log = Dimension.model_validate({"range": {"low": "0.00001", "high": "0.1", "scale": "Log"}})
    assert [float(text) for text in grid_values(log)] == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
    whole = Dimension.model_validate({"range": {"low": "1", "high": "3", "integer": True}})
    assert grid_values(whole) == ("1", "2", "3")


def test_one_among_fractions_is_a_fraction() -> None:
    shares = Dimension.model_validate({"range": {"low": "0.2", "high": "1"}})
    assert grid_values(shares)[-1] == "1.0"
    steps = Dimension.model_validate({"range": {"low": "5", "high": "20", "step": "5"}})
    assert grid_values(steps) == ("5", "10", "15", "20")


def test_a_grid_finds_the_best_of_all_and_the_default_is_beside_it() -> None:
    space = {"x": {"choices": ["0", "2", "4"]}, "y": {"choices": ["0.1", "1"]}}
    found = run(asked("Grid", space=space), Kept())
    assert len(found.trials) == 7
    assert found.best.parameters == {"x": "2", "y": "0.1"}
    assert (found.default.number, found.default.parameters) == (0, {})
    assert found.gain == pytest.approx(bowl({}) - 0.0)


@pytest.mark.parametrize("algorithm", ["Random", "Bayesian"])
def test_a_search_stays_within_its_space_and_its_number(algorithm: str) -> None:
    found = run(asked(algorithm), Kept())
    assert len(found.trials) == 26
    for trial in found.trials[1:]:
        assert -5 <= float(trial.parameters["x"]) <= 5
        assert 0.001 <= float(trial.parameters["y"]) <= 10


def test_random_tries_more_distinct_values_of_a_dimension_than_a_grid_of_the_same_size() -> None:
    of_grid, of_random = (run(asked(name), Kept()).trials[1:] for name in ("Grid", "Random"))
    assert len(of_grid) == len(of_random) == 25
    values = [len({trial.parameters["x"] for trial in trials}) for trials in (of_grid, of_random)]
    assert values == [5, 25]


def test_what_was_learned_is_used() -> None:
    """Over ten seeds, by the median: one seed may be lucky."""
    from dataclasses import replace

    ends = {
        name: sorted(run(replace(asked(name, 40), seed=seed), Kept()).best.value for seed in range(10))[5]
        for name in ("Random", "Bayesian")
    }
    assert ends["Bayesian"] < ends["Random"]


@pytest.mark.parametrize("algorithm", ["Grid", "Random", "Bayesian"])
@pytest.mark.parametrize("dies_after", [0, 1, 13])
def test_a_killed_search_goes_on_and_ends_as_if_nothing_had_happened(algorithm: str, dies_after: int) -> None:
    whole, broken = Kept(), Kept(dies_after)
    expected = run(asked(algorithm), whole)
    with pytest.raises(KeyboardInterrupt):
        run(asked(algorithm), broken)
    assert len(broken.trials) == dies_after
    broken.dies_after = 10_000
    assert [(t.number, t.parameters) for t in run(asked(algorithm), broken).trials] == [
        (t.number, t.parameters) for t in expected.trials
    ]


def test_pods_share_the_trials_and_the_first_one_tells_the_end() -> None:
    store, done = Kept(), []
    for worker in (2, 1):
        done.append(run(asked("Bayesian", worker=worker, workers=3), store))
    found = run(asked("Bayesian", worker=0, workers=3), store)
    assert done == [None, None]
    assert sorted(trial.number for trial in store.trials) == list(range(26)), "each once"
    assert len(found.trials) == 26


def test_what_a_lost_pod_left_is_done_by_the_first() -> None:
    store, now = Kept(), iter(range(0, 10_000_000, 50))
    found = search(asked("Random", 6, workers=2), store, bowl, {}, lambda seconds: None, lambda: float(next(now)))
    assert found is not None
    assert [trial.number for trial in found.trials] == list(range(7))


def test_trials_that_take_long_are_waited_for_and_not_made_twice() -> None:
    store, now = Kept(), [0.0]

    def value(parameters: Any) -> float:
        now[0] += 150
        return bowl(parameters)

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 350 and len(store.trials) == 1:  # the other pod is slower
            store.keep(Trial(1, {"x": "0.5", "y": "0.5"}, 0.1, 340))

    assert search(asked("Random", 1, workers=2), store, value, {}, sleep, lambda: now[0]) is not None
    assert [(trial.number, trial.seconds) for trial in store.trials] == [(0, 150), (1, 340)]


def test_parameters_that_fit_nothing_end_no_search() -> None:
    found = run(asked("Random", 8), Kept(), lambda p: float("nan") if "x" in p and float(p["x"]) < 0 else bowl(p))
    assert found.best.value == found.best.value
    assert len(found.trials) == 9


def test_a_proposal_depends_on_the_finished_trials_alone() -> None:
    past = [Trial(n, {"x": str(n / 10), "y": "1.0"}, float(n)) for n in range(1, 15)]
    first, second = (propose(asked("Bayesian"), order, 15) for order in (past, past[::-1]))
    assert first == second


@pytest.mark.parametrize(
    "name",
    [
        "Linear",
        "StochasticGradient",
        "RandomForest",
        "GradientBoosting",
        "NeuralNetwork",
        "NaiveBayes",
        "NearestNeighbours",
    ],
)
@pytest.mark.parametrize("task_type", ["BinaryClassification", "Regression"])
def test_the_default_space_of_every_estimator_is_legal_for_it(name: str, task_type: str) -> None:
    if (name, task_type) == ("NaiveBayes", "Regression"):
        return
    tuning = Tuning(algorithm="Random", trials=8)
    space = space_of(tuning, name, task_type)
    assert 1 <= len(space) <= 3
    search_for = Search(tuning, space, 8, 1, True)
    for number in range(1, 9):
        build_estimator(task_type, name, propose(search_for, [], number), 1)


def test_the_big_three_are_the_default_of_networks_and_of_foreign_trainers() -> None:
    tuning = Tuning()
    for space, names in (
        (space_of(tuning, None, "Regression"), ("learning_rate", "batch_size", "weight_decay")),
        (space_of(tuning, "NeuralNetwork", "Regression"), ("learning_rate_init", "batch_size", "alpha")),
    ):
        rate, batch, decay = (space[name].range for name in names)
        assert rate is not None
        assert batch is not None
        assert decay is not None
        assert (rate.low.text, rate.high.text, rate.scale) == ("0.00001", "0.01", "Log")
        assert (batch.low.text, batch.high.text, batch.integer) == ("32", "256", True)
        assert (decay.low.text, decay.high.text) == ("0", "0.1")
