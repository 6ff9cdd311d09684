"""Rows 30 and 31: shares of the split are checked by the API server; what validation is worth is recorded."""

from __future__ import annotations

import pytest

from tests.demo.kube import Cluster, Refused
from tests.rows.fixtures import training_run
from tests.rows.training import Trained


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"train": "80%", "validation": "15%", "test": "15%"}, "must add up to 100%"),
        ({"train": "100%", "validation": "0%", "test": "0%"}, "without a test set nothing is proved"),
    ],
)
def test_r30_shares_that_do_not_add_up_are_refused(
    cluster: Cluster, namespace: str, shares: dict[str, str], said: str
) -> None:
    run = training_run("wrong-shares", namespace, "Linear", "phishing.csv")
    run["spec"]["data"]["split"] = {"by": "Random", **shares}
    with pytest.raises(Refused, match=said):
        cluster.apply(run)


def test_r31_the_gap_and_the_number_of_trials_are_recorded(trained: Trained) -> None:
    run = trained.tracked("t-searched")
    metrics, params = run.data.metrics, run.data.params
    found = metrics["validation.average_precision"] - metrics["test.average_precision"]
    assert metrics["gap.average_precision"] == pytest.approx(found)
    assert params["search.trials"] == "5"


def test_r31_boosting_stops_where_validation_does(trained: Trained) -> None:
    run = trained.tracked("t-searched")
    losses = [one.value for one in trained.client().get_metric_history(run.info.run_id, "curve.validation.loss")]
    assert int(run.data.params["iterations"]) == len(losses) - 1
    assert run.data.params["estimator__early_stopping"] == "True"
