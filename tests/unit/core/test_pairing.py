"""Shadow compared pair by pair: when Jobs are made, what gates say of their counts, and what happens when they fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slipway.core.plan import ObjectKey

from tests.unit.core.api_server import remembered
from tests.unit.core.pair_words import Told
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import in_stage, pin, serves, serving, spec
from tests.unit.core.traffic_model import Behaviour

LOG = {"uri": "s3://lake/fraud/", "secretRef": {"name": "lake"}, "rotate": {"size": "1Mi", "every": "1s"}}
AGREES = {"name": "agree", "metric": "agreement", "op": ">=", "bound": "0.9"}
NOTHING_FLAGGED = Told(both=0, ours=0, theirs=5, neither=995)
LARGE = Told(both=0, ours=0, theirs=50, neither=9950)


def stages(*gates: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    first, *rest = spec()["stages"]
    return [{**first, "gates": list(gates), **changes}, *rest]


@remembered
def mirrored(*gates: dict[str, Any], told: Any = None, **changes: Any) -> Simulation:
    """Version 2 is in the Shadow stage of a rollout with a log."""
    asked = {"predictionLog": LOG, "stages": stages(*gates), **changes}
    sim = serving(**asked)
    sim.told = Told() if told is None else told
    return pin(sim, "2").run(120, in_stage("shadow"))


def gate(sim: Simulation, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next((g for g in sim.status.get("gates", ()) if g["name"] == name), {})
    return found


def pairs(sim: Simulation) -> dict[str, Any]:
    found: dict[str, Any] = (sim.status.get("stage") or {}).get("pairs", {})
    return found


def ended(sim: Simulation) -> dict[str, Any]:
    found: dict[str, Any] = sim.status["history"][0]
    return found


@pytest.mark.long
def test_good_pairs_pass_and_the_status_tells_them_by_figure_and_slice() -> None:
    sim = mirrored(AGREES)
    sim.run(120, lambda s: gate(s, "agree").get("verdict") == "Pass")
    known = pairs(sim)
    assert known["pairs"] == 1000
    assert {f["metric"]: f["value"] for f in known["figures"]} == {
        "agreement": "98%", "positive_rate_ratio": "1", "flagged_overlap": "95.2%", "score_distance": "0.01",
        "pair_coverage": "100%",
    }  # fmt: skip
    assert known["slices"] == [{"name": "country=it", "pairs": 1000, "agreement": known["slices"][0]["agreement"]}]
    assert known["slices"][0]["agreement"].startswith("98% (96.")
    assert sim.status["stage"]["samples"] == 1000
    sim.run(300, serves("2"))


@pytest.mark.long
def test_a_model_that_flags_nothing_agrees_and_is_sent_back_by_the_gates_beside() -> None:
    sim = mirrored({**AGREES, "bound": "0.97"}, told=LARGE)
    sim.run(200, serves("1"))
    verdicts = {g["name"]: g["verdict"] for g in ended(sim)["gates"]}
    assert (ended(sim)["outcome"], ended(sim)["reason"]) == ("RolledBack", "GateBreached")
    assert verdicts["agree"] == "Pass"
    assert verdicts["default.positive-rate-low"] == "Breach"


def test_a_gate_of_ones_own_replaces_the_one_beside() -> None:
    own = {"name": "rate", "metric": "positive_rate_ratio", "op": ">=", "bound": "0"}
    sim = mirrored(AGREES, own).run(60, lambda s: bool(pairs(s).get("figures")))
    names = {g["name"] for g in sim.status["gates"]}
    assert {"agree", "rate", "default.flagged-overlap", "default.score-distance"} <= names
    assert "default.positive-rate-low" not in names


@pytest.mark.long
def test_without_a_gate_on_agreement_nothing_is_added_but_the_report() -> None:
    sim = mirrored().run(60, lambda s: bool(pairs(s).get("figures")))
    assert not any(g["name"].startswith("default.") for g in sim.status["gates"])
    sim.run(300, serves("2"))


@pytest.mark.long
def test_pair_coverage_under_99_percent_is_invalid_and_holds_the_stage() -> None:
    sim = mirrored(AGREES, told=Told(lost=20)).run(150)
    assert sim.status["stage"]["name"] == "shadow"
    assert gate(sim, "agree")["verdict"] == "Invalid"
    assert "pair coverage is 98%" in sim.status["stage"]["message"]
    sim.told = Told()
    sim.run(300, serves("2"))


@pytest.mark.long
def test_min_samples_counts_pairs() -> None:
    sim = mirrored(stages=stages(minSamples=900), told=Told(both=100, neither=100)).run(150)
    assert sim.status["stage"]["name"] == "shadow"
    assert "of 900 pairs" in sim.status["stage"]["message"]
    sim.told = Told()
    sim.run(300, serves("2"))


@pytest.mark.long
def test_the_stage_ends_with_a_comparison_over_all_of_its_time() -> None:
    sim = mirrored(stages=stages(minDuration="5m")).run(900, lambda s: not in_stage("shadow")(s))
    spans = [job["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"] for job in sim.compared]
    assert len(spans) == len(set(spans))
    assert 4 <= len(spans) <= 8


@pytest.mark.long
def test_a_failed_comparison_is_told_and_tried_again_and_never_passes() -> None:
    sim = mirrored(AGREES, told="LogUnreadable").run(100)
    assert sim.status["stage"]["name"] == "shadow"
    assert gate(sim, "agree")["verdict"] == "Unknown"
    assert "the store says no" in gate(sim, "agree")["message"]
    sim.told = Told()
    sim.run(300, serves("2"))


@pytest.mark.long
@pytest.mark.parametrize(
    ("last", "told"),
    [
        (
            {"message": "step read"},
            "OOMKilled: the comparison's process ended with exit code 137; the end of its log: st",
        ),
        ({}, "OOMKilled: the comparison's process ended with exit code 137; Failed: the Job failed"),
    ],
)
def test_a_comparison_that_was_killed_is_told_as_what_it_is(last: dict[str, str], told: str) -> None:
    sim = mirrored(AGREES, told=None)
    sim.told = None
    sim.run(60, lambda s: bool(s.compared))
    sim.finish(sim.compared[0], "Failed", {})
    sim.say_of(sim.compared[0], {"terminated": {"reason": "OOMKilled", "exitCode": 137, **last}})
    sim.run(10, lambda s: bool(pairs(s).get("message")))
    assert pairs(sim)["message"].startswith(told)


@pytest.mark.long
def test_a_pod_that_does_not_start_is_said_until_it_does() -> None:
    sim = mirrored(AGREES, told=None)
    sim.told = None
    sim.run(60, lambda s: bool(s.compared))
    waits = {"reason": "CreateContainerConfigError", "message": 'secret "lake" not found'}
    pod = sim.pod_of(sim.compared[0], {"phase": "Pending", "containerStatuses": [{"state": {"waiting": waits}}]})
    sim.run(10)
    assert sim.condition("PairsCompared")[:2] == ("False", "SecretNotFound")
    assert "Secret lake does not exist" in sim.condition("PairsCompared")[2]
    pod["status"], sim.told = {}, Told()
    sim.run(60, lambda s: bool(pairs(s).get("figures")))
    assert sim.condition("PairsCompared")[0] == ""


@pytest.mark.long
def test_old_counts_are_no_evidence() -> None:
    sim = mirrored(AGREES, stages=stages(AGREES, minDuration="30m"))
    sim.run(200, lambda s: gate(s, "agree").get("verdict") == "Pass")
    sim.told = None
    sim.run(1500)
    assert gate(sim, "agree")["verdict"] == "Unknown"
    assert "the newest comparison ends at" in gate(sim, "agree")["message"]


@pytest.mark.long
def test_pairs_are_compared_while_a_change_of_the_stage_waits() -> None:
    long = [{**AGREES, "onUnknown": {"after": "5m", "action": "Rollback"}}]
    sim = mirrored(stages=stages(*long, minDuration="30m", shadow={"percent": "50%"}))
    sim.run(240, lambda s: bool(s.compared))
    sim.edit(KEY, lambda s: s.update(paused=True, stages=stages(*long, minDuration="30m")))
    known = len(sim.compared)
    sim.run(2400)
    assert sim.status["stage"]["name"] == "shadow"
    assert "the spec's change of it waits" in sim.status["stage"]["message"]
    assert len(sim.compared) > known + 2
    assert gate(sim, "agree")["verdict"] == "Pass"


@pytest.mark.long
def test_stable_that_does_not_log_yet_is_said_and_requests_are_counted() -> None:
    sim = serving(stages=stages())
    sim.edit(KEY, lambda s: s.update(predictionLog=LOG, stages=stages(AGREES)))
    pin(sim, "2").run(150, lambda s: bool(gate(s, "agree")))
    sim.run(60)
    assert gate(sim, "agree")["verdict"] == "Unknown"
    assert "does not log to s3://lake/fraud/" in gate(sim, "agree")["message"]
    assert sim.status["stage"]["samples"] > 1000
    assert not sim.compared


@pytest.mark.long
def test_the_job_that_somebody_deletes_is_made_again_and_gone_with_the_stage() -> None:
    sim = mirrored(AGREES, told=None)
    sim.told = None
    sim.run(60, lambda s: bool(s.compared))
    key = ObjectKey("batch/v1", "Job", "ns", sim.compared[0]["metadata"]["name"])
    sim.delete(key)
    sim.run(30, lambda s: key in s.objects)
    sim.edit(KEY, lambda s: s["model"]["mlflow"].update(version="1"))
    sim.run(60, serves("1"))
    sim.run(10)
    assert key not in sim.objects


@pytest.mark.long
@pytest.mark.parametrize("write", [3, 11, 19, 24, 29, 35])
def test_a_kill_at_any_write_makes_no_second_job_for_a_span(write: int) -> None:
    sim = serving(predictionLog=LOG, stages=stages(AGREES))
    sim.told = Told()
    first = sim.writes
    sim.kill = lambda now: now == first + write
    pin(sim, "2").run(400, serves("2"))
    names = [job["metadata"]["name"] for job in sim.compared]
    assert len(names) == len(set(names))


@pytest.mark.long
@pytest.mark.parametrize(("before", "outcome"), [(0.01, "RolledBack"), (0.4, "Promoted")], ids=["harm", "slow before"])
def test_a_mirror_that_slows_stable_ends_and_one_beside_a_slow_stable_does_not(before: float, outcome: str) -> None:
    sim = serving()
    sim.prometheus.before = before
    sim.versions["1"] = Behaviour(latency=0.4)
    pin(sim, "2").run(400, lambda s: len(s.status.get("history", ())) > 1)
    assert ended(sim)["outcome"] == outcome
    if outcome == "RolledBack":
        assert (ended(sim)["reason"], ended(sim)["stage"]) == ("MirrorHarmsStable", "shadow")
        (harm,) = [g for g in ended(sim)["gates"] if g["name"] == "mirror.latency"]
        assert (harm["verdict"], harm["value"]) == ("Breach", "100%")


@pytest.mark.long
def test_latency_before_and_during_is_told() -> None:
    sim = pin(serving(), "2").run(120, lambda s: "in the hour before" in gate(s, "mirror.latency").get("message", ""))
    assert gate(sim, "mirror.latency")["stableValue"] == "0.5%", "what a count of a few hundred bears"
    assert "in the hour before" in gate(sim, "mirror.latency")["message"]


@pytest.mark.long
def test_a_gate_beside_agreement_that_nobody_can_judge_is_told() -> None:
    hook = {"name": "all", "events": ["GateUnknown"], "url": "https://hooks.example.com/x"}
    agrees = {**AGREES, "onUnknown": {"after": "30s"}}
    sim = mirrored(agrees, told=Told(both=0, ours=0, theirs=0, neither=1000), hooks=[hook])
    sim.run(120, lambda s: gate(s, "agree").get("verdict") == "Pass").run(60)
    assert gate(sim, "default.flagged-overlap")["verdict"] == "Unknown"
    assert any("gate default.flagged-overlap could not be judged" in each.content["message"] for each in sim.sent)


@pytest.mark.long
def test_a_task_without_flags_has_no_rate_and_says_so() -> None:
    sim = mirrored({**AGREES, "metric": "positive_rate_ratio"})
    sim.told = replace(Told(), both=0, ours=0, theirs=0, neither=1000)
    sim.run(120, lambda s: bool(pairs(s).get("figures")))
    sim.run(20)
    assert gate(sim, "agree")["verdict"] == "Unknown"
