"""What several annotators tell about the noise of labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
UNKNOWN = -1
"""Code of a label that an annotator did not give."""

_STEPS = 100
_SETTLED = 1e-6


def cohen_kappa(one: Codes, other: Codes) -> float:
    """Agreement beyond chance of two annotators (Cohen 1960) over the rows that both labelled; NaN without any."""
    both = (one != UNKNOWN) & (other != UNKNOWN)
    if not both.any():
        return float("nan")
    size = int(max(one.max(), other.max())) + 1
    first = np.bincount(one[both], minlength=size) / both.sum()
    second = np.bincount(other[both], minlength=size) / both.sum()
    by_chance = float(first @ second)
    agreed = float((one[both] == other[both]).mean())
    return 1.0 if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def noise_of_two(one: Codes, other: Codes) -> float:
    """Share of wrong labels of each of two annotators, were both equally good, independent, and the classes two.

    They disagree where exactly one errs: d = 2e(1 − e), hence e = (1 − √(1 − 2d)) / 2. NaN where they do not overlap;
    one half where they agree less than by tossing coins.
    """
    both = (one != UNKNOWN) & (other != UNKNOWN)
    if not both.any():
        return float("nan")
    differing = float((one[both] != other[both]).mean())
    return (1 - float(np.sqrt(max(0.0, 1 - 2 * differing)))) / 2


def kappa_of_noise(noise: float, prevalence: float) -> float:
    """The kappa of two independent annotators who err in a share of the rows, at a prevalence of the positive class.

    So kappa must not be read as a quality by itself: 10% errors give .64 at a prevalence of 50%, and .03 at 0.5%.
    """
    positive = prevalence * (1 - noise) + (1 - prevalence) * noise
    by_chance = positive**2 + (1 - positive) ** 2
    agreed = (1 - noise) ** 2 + noise**2
    return (agreed - by_chance) / (1 - by_chance)


@dataclass(frozen=True)
class Consensus:
    """`truth`: the probability of each class for each row, shape (rows, classes). `errors`: for each annotator, the
    probability of the label (second axis) given the class (first axis), shape (annotators, classes, classes)."""

    truth: Floats
    errors: Floats


def dawid_skene(labels: Codes, classes: int) -> Consensus:
    """Class-conditional errors of annotators and the likely truth, by expectation–maximisation (Dawid, Skene 1979).

    Args:
        labels: shape (rows, annotators), UNKNOWN where one gave none.
    """
    votes = np.stack([(labels == code).sum(axis=1) for code in range(classes)], axis=1).astype(float)
    given = votes.sum(axis=1, keepdims=True)
    truth = np.where(given > 0, votes / np.maximum(given, 1), 1 / classes)
    errors = np.zeros((labels.shape[1], classes, classes))
    for _ in range(_STEPS):
        errors = _errors(labels, truth, classes)
        renewed = _truth(labels, truth.mean(axis=0), errors)
        moved = float(np.abs(renewed - truth).max())
        truth = renewed
        if moved < _SETTLED:
            break
    return Consensus(truth, errors)


def symmetric_truth(labels: Codes, classes: int, noise: float) -> Floats:
    """The probability of each class for each row, when every annotator errs in `noise` of the rows, whatever the class.

    The shares of the classes are those that agree with it (a fixed point of Bayes' rule).
    """
    errors = np.full((classes, classes), max(noise, 1e-9) / max(classes - 1, 1))
    np.fill_diagonal(errors, 1 - noise)
    every = np.stack([errors] * labels.shape[1])
    truth = np.full((len(labels), classes), 1 / classes)
    for _ in range(_STEPS):
        renewed = _truth(labels, truth.mean(axis=0), every)
        moved = float(np.abs(renewed - truth).max())
        truth = renewed
        if moved < _SETTLED:
            break
    return truth


def _errors(labels: Codes, truth: Floats, classes: int) -> Floats:
    """One pseudo-count in a hundred keeps a label that was never given from being impossible."""
    found = np.empty((labels.shape[1], classes, classes))
    for annotator in range(labels.shape[1]):
        counts = np.stack([truth[labels[:, annotator] == code].sum(axis=0) for code in range(classes)], axis=1) + 0.01
        found[annotator] = counts / counts.sum(axis=1, keepdims=True)
    return found


def _truth(labels: Codes, shares: Floats, errors: Floats) -> Floats:
    likelihood = np.log(np.maximum(shares, 1e-12)) + np.zeros((len(labels), len(shares)))
    for annotator in range(labels.shape[1]):
        known = labels[:, annotator] != UNKNOWN
        likelihood[known] += np.log(errors[annotator][:, labels[known, annotator]]).T
    weights = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
