"""Row 32: the test rows are looked at once; a second look fails, unless a budget allows it."""

from __future__ import annotations

from tests.demo.kube import condition
from tests.rows.training import Trained


def test_r32_a_second_look_fails_and_a_budget_allows_it(trained: Trained) -> None:
    first = trained.ended("t-searched")
    assert first["status"]["testOpenings"] == 1
    trained.run("t-second", {"taskRef": {"name": "t-judged"}, "folds": 0})
    trained.run("t-allowed", {"taskRef": {"name": "t-judged"}, "folds": 0, "allow": {"testReuse": 1}})
    refused, allowed = trained.ended("t-second"), trained.ended("t-allowed")
    assert condition(refused, "Stalled")["reason"] == "TestSetOpened"
    assert "t-searched" in condition(refused, "Stalled")["message"]
    assert not [one for one in refused["status"].get("metrics", ()) if one["split"] == "test"]
    assert allowed["status"]["testOpenings"] == 2
    for name in ("t-second", "t-allowed"):
        trained.cluster.delete("TrainingRun", name, trained.namespace)
