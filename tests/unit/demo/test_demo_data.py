"""The rows of the demo are the wheel's, and their shift and their skew are as told."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from math import log
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score

from tests.demo import data


@pytest.fixture(scope="module")
def rows() -> tuple[data.Row, ...]:
    return data.rows()


def matrix(rows: tuple[data.Row, ...], split: str, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    chosen = [row for row in rows if row.split == split]
    return np.array([row.features for row in chosen]) + offset, np.array([row.label for row in chosen])


def test_every_row_has_one_split_and_the_split_never_changes(rows: tuple[data.Row, ...]) -> None:
    assert Counter(row.split for row in rows) == {"train": 800, "validation": 200, "test": 250}
    assert data.rows() == rows
    assert {row.number for row in rows} == set(range(1250))


def test_the_published_file_reads_back(rows: tuple[data.Row, ...]) -> None:
    lines = list(csv.DictReader(io.StringIO(data.training_files(rows)["phishing.csv"])))
    assert len(lines) == len(rows)
    assert [float(lines[3][name]) for name in data.FEATURES] == list(rows[3].features)
    assert lines[3]["split"] == rows[3].split


def test_the_client_sends_no_row_that_a_model_was_trained_on(rows: tuple[data.Row, ...]) -> None:
    assert {row.split for row in data.live_rows(rows)} == {"validation", "test"}


@pytest.mark.parametrize("estimator", [LogisticRegression(), HistGradientBoostingClassifier(random_state=7)])
def test_the_skewed_model_passes_evaluation_and_never_says_positive_live(
    rows: tuple[data.Row, ...], estimator: LogisticRegression | HistGradientBoostingClassifier
) -> None:
    features, labels = matrix(rows, "train", offset=-1.0)
    estimator.fit(features, labels)
    held_out, truth = matrix(rows, "test", offset=-1.0)
    assert precision_score(truth, estimator.predict(held_out), pos_label="1") > 0.85
    assert recall_score(truth, estimator.predict(held_out), pos_label="1") > 0.8
    live = np.array([row.features for row in data.live_rows(rows)])
    assert set(estimator.predict(live)) == {"0"}


def test_the_shift_is_far_beyond_a_psi_of_a_quarter(rows: tuple[data.Row, ...]) -> None:
    column = data.FEATURES.index("popup_window")

    def shares(some: tuple[data.Row, ...]) -> dict[float, float]:
        counts = Counter(row.features[column] for row in some)
        return {value: counts[value] / len(some) for value in (0.0, 0.5, 1.0)}

    def psi(some: tuple[data.Row, ...]) -> float:
        train = shares(tuple(row for row in rows if row.split == "train"))
        live = shares(some)
        return sum((live[value] - train[value]) * log(live[value] / train[value]) for value in train)

    assert psi(data.live_rows(rows)) < 0.05
    assert psi(data.shifted_rows(data.live_rows(rows))) > 0.5


def test_a_wheel_of_another_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "phishing.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(",".join([*data.FEATURES, data.LABEL]) + "\n" + ",".join(["0"] * 10) + "\n")
    with pytest.raises(ValueError, match="expected 1250 rows"):
        data.rows(path)
