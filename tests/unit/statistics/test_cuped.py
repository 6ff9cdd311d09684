"""CUPED over clusters: the regression's theta, unbiased, and as much less variance as the past explains."""

from __future__ import annotations

import numpy as np
import pytest
from slipway.statistics.cuped import Paired, adjusted_difference, adjusted_relative, covariance
from slipway.statistics.estimates import difference, ratio_of_sums, relative
from slipway.statistics.ratios import Moments

from tests.unit.core.arms import moments


def paired(y: np.ndarray, n: np.ndarray, x: np.ndarray, m: np.ndarray) -> Paired:
    return Paired(moments(y, n), moments(x, m), (y * x).sum(), (y * m).sum(), (n * x).sum(), (n * m).sum())


def arm(rng: np.random.Generator, effect: float = 0.0, clusters: int = 256) -> Paired:
    """Users spend in proportion to a habit that was there before."""
    users = rng.poisson(30, clusters) + 1
    cluster = np.repeat(np.arange(clusters), users)
    habit = rng.gamma(2, 5, cluster.size)
    visits = rng.poisson(5, (2, cluster.size)) + 1
    spent = rng.normal(habit * visits, 5)
    spent[1] += effect * visits[1]
    sums = [np.bincount(cluster, part, minlength=clusters) for part in (spent[1], visits[1], spent[0], visits[0])]
    return paired(*sums)


def test_the_covariance_is_that_of_linearised_residuals() -> None:
    rng = np.random.default_rng(1)
    y, n, x, m = rng.gamma(3, 2, (4, 100))
    residuals, before = y - y.sum() / n.sum() * n, x - x.sum() / m.sum() * m
    expected = 100 / 99 * (residuals * before).sum() / (n.sum() * m.sum())
    assert covariance(paired(y, n, x, m)) == pytest.approx(expected)


@pytest.mark.long
@pytest.mark.parametrize(("adjust", "plain"), [(adjusted_difference, difference), (adjusted_relative, relative)])
def test_less_variance_no_bias_and_an_honest_error(adjust, plain) -> None:
    """400 experiments with an effect of 0.5 on a mean near 10."""
    rng = np.random.default_rng(2)
    found, without = [], []
    for _ in range(400):
        ours, theirs = arm(rng, 0.5), arm(rng)
        found.append(adjust(ours, theirs))
        without.append(float(plain(ratio_of_sums(ours.now), ratio_of_sums(theirs.now)).value))
    values = np.array([each.estimate.value for each in found])
    errors = np.sqrt([each.estimate.variance for each in found])
    truth = 0.5 if adjust is adjusted_difference else 0.05
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / np.sqrt(400))
    assert values.std() == pytest.approx(errors.mean(), rel=0.1)
    reduction = np.mean([each.reduction for each in found])
    assert 1 - values.var() / np.var(without) == pytest.approx(reduction, abs=0.08)
    assert reduction > 0.4
    assert 0.9 < (np.abs(values - truth) < 1.96 * errors).mean() < 0.98


def test_a_past_that_explains_nothing_changes_little() -> None:
    rng = np.random.default_rng(3)
    ours, theirs = (paired(*(rng.poisson(30, (4, 256)).astype(float) + 1)) for _ in range(2))
    found = adjusted_difference(ours, theirs)
    plain = difference(ratio_of_sums(ours.now), ratio_of_sums(theirs.now))
    assert found.reduction < 0.05
    assert found.estimate.value == pytest.approx(plain.value, abs=0.5 * np.sqrt(plain.variance))


def test_without_a_past_nothing_changes() -> None:
    rng = np.random.default_rng(4)
    arms = [
        Paired(moments(*(rng.poisson(30, (2, 100)) + 1.0)), Moments(0, 0, 0, 0, 0, 0), 0, 0, 0, 0) for _ in range(2)
    ]
    found = adjusted_difference(*arms)
    plain = difference(ratio_of_sums(arms[0].now), ratio_of_sums(arms[1].now))
    assert found.theta == 0
    assert found.reduction == 0
    assert found.estimate == plain
