"""Step `tune`: the search for good parameters. MLflow keeps each trial, so that a killed pod's search goes on.

The study is made anew from the finished trials before each one: nothing else needs to survive, and pods that share a
search see each other's trials. Each trial has a seed of its own, so that with one pod the next trial depends on the
finished ones alone, killed or not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from slipway.api.v1alpha1.search import Space, grid
from slipway.api.v1alpha1.training_trainer import Tuning

Parameters = Mapping[str, str]
_STARTUP = 10  # random trials before a Bayesian search has something to learn from
_PATIENCE_SECONDS, _POLL_SECONDS = 120.0, 2.0


@dataclass(frozen=True)
class Trial:
    """One finished trial. `value` is the primary metric on rows that its fits have not seen; NaN: no model came out."""

    number: int
    parameters: Parameters
    value: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Found:
    """The end of a search. `default` is the trial of the parameters as given."""

    trials: tuple[Trial, ...]
    default: Trial
    best: Trial

    @property
    def gain(self) -> float:
        """The best value minus the default's, in the direction that is good."""
        return abs(self.best.value - self.default.value) if self.best is not self.default else 0.0


class Store(Protocol):
    """Where trials are kept."""

    def finished(self) -> list[Trial]:
        """All finished trials of this search, of any pod."""

    def keep(self, trial: Trial) -> None:
        """Keeps a trial."""


@dataclass(frozen=True)
class Search:
    """What is looked for. `runs` counts trials beside the default; `worker` of `workers` pods share them."""

    tuning: Tuning
    space: Space
    runs: int
    seed: int
    higher_is_better: bool
    worker: int = 0
    workers: int = 1

    def mine(self, number: int) -> bool:
        """Whether a trial is this pod's; trial 0, the default, is the first pod's."""
        return number % self.workers == self.worker


def search(
    asked: Search,
    store: Store,
    value: Callable[[Parameters], float],
    given: Parameters,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Found | None:
    """Tries what is left to try; the first of several pods waits for the others, and does what they do not.

    Args:
        value: fits with some parameters, and returns the primary metric on rows that the fit has not seen.
        given: the parameters as the manifest has them.

    Returns:
        None in any pod but the first, whose share is then done.
    """
    numbers = range(asked.runs + 1)
    for number in numbers:
        if asked.mine(number) and number not in _numbers(store.finished()):
            _try(asked, store, value, given, number, clock)
    if asked.worker:
        return None
    quiet, known = clock(), -1
    while missing := [number for number in numbers if number not in _numbers(store.finished())]:
        if len(missing) != known:
            quiet, known = clock(), len(missing)
        if clock() - quiet > _patience(store.finished()):
            _try(asked, store, value, given, missing[0], clock)
        else:
            sleep(_POLL_SECONDS)
    return _found(asked, store.finished())


def _numbers(trials: Iterable[Trial]) -> set[int]:
    return {trial.number for trial in trials}


def _patience(trials: Iterable[Trial]) -> float:
    """How long no trial may come before the first pod takes one for lost: long ones are waited for, not doubled."""
    return max(_PATIENCE_SECONDS, 2 * max((trial.seconds for trial in trials), default=0.0))


def _try(
    asked: Search,
    store: Store,
    value: Callable[[Parameters], float],
    given: Parameters,
    number: int,
    clock: Callable[[], float],
) -> None:
    began, chosen = clock(), propose(asked, store.finished(), number)
    parameters = {**given, **chosen}
    result = value(parameters)
    print(f"trial {number}/{asked.runs}: {result:.6g} with {dict(parameters)}", flush=True)
    store.keep(Trial(number, parameters, result, clock() - began))


def propose(asked: Search, finished: Iterable[Trial], number: int) -> Parameters:
    """The parameters that trial `number` adds to the given ones. Trial 0 adds none."""
    if number == 0:
        return {}
    if asked.tuning.algorithm == "Grid":
        return next(each for position, each in enumerate(grid(asked.space), 1) if position == number)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = (asked.seed + 7919 * number) % 2**32
    if asked.tuning.algorithm == "Random":
        sampler: Any = optuna.samplers.RandomSampler(seed=seed)
    else:
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP, multivariate=True)
    direction = "maximize" if asked.higher_is_better else "minimize"
    study, distributions = optuna.create_study(sampler=sampler, direction=direction), _distributions(asked.space)
    for trial in sorted(finished, key=lambda one: one.number):
        if trial.number and math.isfinite(trial.value):
            values = {name: _typed(one, trial.parameters[name]) for name, one in distributions.items()}
            made = optuna.trial.create_trial(params=values, distributions=distributions, value=trial.value)
            study.add_trial(made)
    return {name: _text(one) for name, one in study.ask(distributions).params.items()}


def _distributions(space: Space) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for name, dimension in sorted(space.items()):
        if dimension.range is None:
            found[name] = CategoricalDistribution(dimension.choices or ())
            continue
        low, high, log = float(dimension.range.low.value), float(dimension.range.high.value), dimension.range.scale
        step = float(dimension.range.step.value) if dimension.range.step is not None and log != "Log" else None
        if dimension.range.integer:
            found[name] = IntDistribution(round(low), round(high), log == "Log", round(step or 1))
        else:
            found[name] = FloatDistribution(low, high, log=log == "Log", step=step)
    return found


def _typed(distribution: Any, text: str) -> Any:
    """A value back from its text, within the distribution although the text is rounded."""
    if hasattr(distribution, "choices"):
        return text
    number = min(max(float(text), distribution.low), distribution.high)
    return round(number) if isinstance(distribution.low, int) else number


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _found(asked: Search, trials: Iterable[Trial]) -> Found:
    """The first of the best: two pods may have tried one number, and values may tie."""
    ordered = sorted(trials, key=lambda trial: trial.number)
    first = {trial.number: trial for trial in reversed(ordered)}
    kept = tuple(first[number] for number in sorted(first) if number <= asked.runs)
    sign = 1 if asked.higher_is_better else -1
    able = [trial for trial in kept if math.isfinite(trial.value)]
    best = max(able, key=lambda trial: (sign * trial.value, -trial.number)) if able else kept[0]
    return Found(kept, kept[0], best)
