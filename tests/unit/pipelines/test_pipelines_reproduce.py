"""When two models are the same: by the last bit, by a tolerance, and what is not as it was."""

from __future__ import annotations

import numpy as np
import pytest
from slipway_pipelines.environment import environment
from slipway_pipelines.metrics import Rows
from slipway_pipelines.reproduce import Predictions, compare, differences
from slipway_pipelines.split import Splits


def predictions(values: list[float], digest: str = "") -> Predictions:
    return Predictions(digest or str(values), np.array(values))


@pytest.mark.parametrize(
    ("now", "level"),
    [
        ([0.1, 0.9], "Bitwise"),
        ([0.1 + 1e-8, 0.9], "Tolerance"),
        ([0.1 + 1e-5, 0.9], "Different"),
        ([0.1, 0.9, 0.5], "Different"),
        ([], "Different"),
    ],
)
def test_levels(now: list[float], level: str) -> None:
    assert compare(predictions([0.1, 0.9]), predictions(now)).level == level


def test_the_tolerance_is_one_of_the_spread() -> None:
    assert compare(predictions([1e6, 2e6]), predictions([1e6 + 0.5, 2e6])).level == "Tolerance"
    assert compare(predictions([1e-6, 2e-6]), predictions([1.1e-6, 2e-6])).level == "Different"


def test_an_artifact_reads_back_to_the_last_bit() -> None:
    found = predictions([0.1, 1 / 3], "sha256:x")
    back = Predictions.read(found.text())
    assert compare(found, back).level == "Bitwise"
    assert back.values.tolist() == found.values.tolist()


class Model:
    """Says a number for each row of the table that it is given."""

    def rows(self, table: np.ndarray) -> Rows:
        return Rows(np.zeros(len(table)), np.asarray(table, float), np.empty((len(table), 0)))


def said(values: np.ndarray) -> Predictions:
    nothing = np.empty(0)
    return Predictions.of(Model(), Splits(nothing, values, nothing))  # type: ignore[arg-type]


def test_many_rows_are_compared_over_their_whole_length() -> None:
    values = np.random.default_rng(1).random(45_000)
    assert len(said(values).values) <= 10_000
    assert compare(said(values), said(values + 1e-9)).level == "Tolerance"
    late = values.copy()
    late[30_000:] = 0.5
    assert compare(said(values), said(late)).level == "Different"
    assert compare(said(values), said(values[:44_999])).level == "Different", "another number of rows"


def test_what_changed_is_named_and_how_parameters_were_found_is_not() -> None:
    before = {"version.numpy": "2.0", "seed": "7", "search.trials": "40", "folds": "5"}
    now = {"version.numpy": "2.1", "seed": "7", "folds": "0", "gpu": "x"}
    assert differences(before, now) == ("gpu: absent -> x", "version.numpy: 2.0 -> 2.1")


def test_the_environment_says_what_the_model_was_made_with() -> None:
    found = environment()
    assert {"python", "cpu", "threads", "gpu", "version.scikit-learn", "version.numpy"} <= found.keys()
    assert int(found["threads"]) >= 1
