"""Row 4: a model passes by what it has surely reached; where nothing can be proved the test rows stay closed."""

from __future__ import annotations

from tests.demo.kube import condition
from tests.rows.training import Trained


def test_r04_criteria_are_met_by_lower_bounds_on_test_rows(trained: Trained) -> None:
    run = trained.ended("t-searched")
    met = condition(run, "CriteriaMet")
    assert (met["status"], run["status"]["phase"]) == ("True", "Succeeded"), run["status"]
    assert "recall >= 0.7" in met["message"]
    assert "recall >= rules.recall" in met["message"]
    assert "https=" in met["message"], "the worst slice is named"
    recall = next(one for one in run["status"]["metrics"] if one["name"] == "recall" and one["split"] == "test")
    assert 0.7 <= float(recall["low"]) <= float(recall["value"])


def test_r04_what_cannot_be_proved_is_said_and_the_test_rows_stay_closed(trained: Trained) -> None:
    run = trained.ended("t-unprovable")
    missed = condition(run, "CriteriaMet")
    assert (missed["status"], missed["reason"]) == ("False", "Unprovable")
    assert "independent test rows" in missed["message"]
    assert run["status"].get("testOpenings", 0) == 0
    assert not [one for one in run["status"].get("metrics", ()) if one["split"] == "test"]
