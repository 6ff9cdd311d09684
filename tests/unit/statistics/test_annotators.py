"""Kappa, the noise that it implies, and Dawid and Skene's errors."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from slipway.statistics.annotators import UNKNOWN, cohen_kappa, dawid_skene, kappa_of_noise, noise_of_two


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    other[:100] = one[:100]
    assert cohen_kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))


def test_rows_that_only_one_labelled_say_nothing() -> None:
    one, other = np.array([0, 1, UNKNOWN, 1]), np.array([0, 1, 1, UNKNOWN])
    assert cohen_kappa(one, other) == 1
    assert np.isnan(cohen_kappa(one, np.full(4, UNKNOWN)))


@pytest.mark.parametrize(("prevalence", "kappa"), [(0.5, 0.64), (0.05, 0.25), (0.005, 0.03)])
def test_ten_percent_errors_give_the_known_kappas(prevalence: float, kappa: float) -> None:
    assert kappa_of_noise(0.1, prevalence) == pytest.approx(kappa, abs=0.005)


def noisy(rng: np.random.Generator, truth: np.ndarray, miss: float, alarm: float) -> np.ndarray:
    return np.where(rng.random(len(truth)) < np.where(truth == 1, miss, alarm), 1 - truth, truth)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2])
def test_two_annotators_tell_their_noise(noise: float) -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random(40_000) < 0.2).astype(np.int64)
    found = noise_of_two(noisy(rng, truth, noise, noise), noisy(rng, truth, noise, noise))
    assert found == pytest.approx(noise, abs=0.01)


def test_three_annotators_tell_their_errors_by_class_also_with_gaps() -> None:
    rng = np.random.default_rng(2)
    truth = (rng.random(20_000) < 0.3).astype(np.int64)
    rates = [(0.3, 0.02), (0.1, 0.1), (0.05, 0.2)]
    labels = np.column_stack([noisy(rng, truth, miss, alarm) for miss, alarm in rates])
    labels[rng.random(labels.shape) < 0.2] = UNKNOWN
    found = dawid_skene(labels, 2)
    np.testing.assert_allclose([(e[1, 0], e[0, 1]) for e in found.errors], rates, atol=0.03)
    assert found.truth[:, 1].mean() == pytest.approx(truth.mean(), abs=0.02)
