"""Step `noise`: how many labels are wrong, and the best that any model could reach on labels like these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from slipway.statistics.annotators import UNKNOWN, cohen_kappa, dawid_skene, noise_of_two, symmetric_truth

from slipway_pipelines.columns import Columns, carried
from slipway_pipelines.criteria import Criterion
from slipway_pipelines.data.record import Record
from slipway_pipelines.faults import DataFault
from slipway_pipelines.validate import canonical

if TYPE_CHECKING:
    import pandas as pd


def annotated(
    table: pd.DataFrame, columns: Columns, positive: str | None, criteria: Sequence[Criterion], record: Record
) -> None:
    """Kappa of each pair of annotators, the noise of the label by them, and the ceilings that follow.

    Two annotators: both are taken as equally good. Three and more: Dawid and Skene's class-conditional errors.

    Raises:
        DataFault: a criterion asks for more than a perfect model would reach on these labels.
    """
    labels, classes = _codes(table, columns)
    for one, other in combinations(range(len(columns.annotators)), 2):
        kappa = cohen_kappa(labels[:, one], labels[:, other])
        names = (columns.annotators[one], columns.annotators[other])
        record.facts[f"kappa.{names[0]}.{names[1]}"] = round(kappa, 4)
        said = f"Cohen's kappa of {names[0]!r} and {names[1]!r} is {kappa:.3f}"
        if math.isnan(kappa):
            said = f"{names[0]!r} and {names[1]!r} have no row in common: their agreement is not known"
        record.note("Kappa", said, *names)
    given = table[columns.label].map({name: code for code, name in enumerate(classes)}).to_numpy(dtype=np.int64)
    truth = _truth(labels, len(classes))
    noise = 1 - float(truth[np.arange(len(given)), given].mean())
    ceilings = _ceilings(truth, given, classes, positive)
    record.facts |= {"noise": round(noise, 4)} | {f"ceiling.{name}": round(v, 4) for name, v in ceilings.items()}
    best = ", ".join(f"{name} {value:.3f}" for name, value in ceilings.items())
    message = f"about {noise:.1%} of the labels are wrong by {len(columns.annotators)} annotators; at best: {best}"
    record.note("LabelNoise", message, columns.label)
    _refuse_above(criteria, ceilings)


def _codes(table: pd.DataFrame, columns: Columns) -> tuple[np.ndarray, list[str]]:
    texts = {name: canonical(table[carried(name)]) for name in columns.annotators}
    found = set(table[columns.label].dropna()).union(*(set(one.dropna()) for one in texts.values()))
    classes = sorted(found)
    place = {name: code for code, name in enumerate(classes)}
    codes = [one.map(place).fillna(UNKNOWN).to_numpy(dtype=np.int64) for one in texts.values()]
    return np.column_stack(codes), classes


def _truth(labels: np.ndarray, classes: int) -> np.ndarray:
    """The probability of each class for each row."""
    if labels.shape[1] > 2:
        return dawid_skene(labels, classes).truth
    noise = noise_of_two(labels[:, 0], labels[:, 1])
    if not noise == noise:
        raise DataFault("AnnotatorsApart", "no row has labels of both annotators: their agreement cannot be told")
    return symmetric_truth(labels, classes, noise)


def _ceilings(truth: np.ndarray, given: np.ndarray, classes: Sequence[str], positive: str | None) -> dict[str, float]:
    """What a model that always says the truth would be measured at, since it is measured by these labels."""
    right = truth[np.arange(len(given)), given]
    found = {"accuracy": float(right.mean())}
    if positive in classes:
        code = classes.index(str(positive))
        called = given == code
        found["recall"] = float(truth[called, code].mean()) if called.any() else float("nan")
        found["precision"] = float(truth[called, code].sum() / truth[:, code].sum())
    return found


def _refuse_above(criteria: Sequence[Criterion], ceilings: Mapping[str, float]) -> None:
    for criterion in criteria:
        for part in criterion.parts:
            best = ceilings.get(part.metric, float("nan"))
            if part.wants_more and part.bound > best:
                message = (
                    f"criterion {criterion.name!r} asks for {part.metric} {part.op} {part.bound:g}, and on labels as "
                    f"noisy as these a perfect model would reach {best:.3f}: label again, or ask for less"
                )
                raise DataFault("CriterionAboveCeiling", message)
