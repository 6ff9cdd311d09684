"""Rollback and retry: to what is kept, while something is rolled out, and of what was rejected."""

from __future__ import annotations

import pytest

from tests.unit.core.commanded import Commanded, ask_now, asked, commanded, last, patient, rolling, weights
from tests.unit.core.specs import FAILING, GOOD, in_stage, pin, serves


@pytest.mark.long
def test_a_rejected_version_is_tried_again_on_request() -> None:
    sim = pin(commanded(FAILING), "2").run(300, serves("1")).run(60)
    assert isinstance(sim, Commanded)
    assert sim.condition("Stalled")[1] == "Rejected"
    assert "RolloutRequest with action Retry" in sim.condition("Stalled")[2]
    sim.versions["2"] = GOOD
    request = sim.ask("Retry", reason="the feed is repaired")
    sim.run(300, serves("2"))
    assert sim.answer(request) == ("Applied", "Retry")
    assert sim.answer(ask_now(sim, "Retry")) == ("Refused", "NotRejected")


def test_retry_names_a_revision_by_history() -> None:
    sim = pin(commanded(FAILING), "2").run(300, serves("1")).run(60)
    assert isinstance(sim, Commanded)
    sim.versions["2"] = GOOD
    assert sim.answer(ask_now(sim, "Retry", revision="0000")) == ("Refused", "NotRejected")
    assert sim.answer(ask_now(sim, "Retry", revision=last(sim)["revision"][:8])) == ("Applied", "Retry")
    sim.run(300, serves("2"))


def test_rollback_takes_the_fast_path_and_stays() -> None:
    sim = pin(commanded(), "2").run(300, serves("2"))
    assert isinstance(sim, Commanded)
    old = sim.variants()["previous"]
    pods = old["inferenceService"]
    request = sim.ask("Rollback", reason="fewer sales", rollback={"toRevision": old["revision"][:6]})
    sim.run(2)
    assert weights(sim) == {"1": 1.0}
    assert sim.variants()["stable"]["inferenceService"] == pods, "no cold start"
    sim.run(120)
    assert sim.variants()["stable"]["version"] == "1", "the spec still asks for 2, which was rejected"
    assert sim.answer(request) == ("Applied", "Rollback")
    assert (last(sim)["version"], last(sim)["outcome"], last(sim)["reason"]) == ("2", "RolledBack", "RollbackRequested")
    assert asked(last(sim)) == [("Rollback", "ada", "fewer sales")]
    assert sim.client_errors == []
    assert sim.answer(ask_now(sim, "Rollback")) == ("Refused", "NotKept")


def test_rollback_to_what_is_not_kept_names_what_is() -> None:
    sim = pin(commanded(), "2").run(300, serves("2"))
    assert isinstance(sim, Commanded)
    request = ask_now(sim, "Rollback", rollback={"toRevision": "0000"})
    assert sim.answer(request) == ("Refused", "NotKept")
    assert "(version 1) is" in sim.objects[request]["status"]["message"]
    pin(sim, "3").run(300, in_stage("canary-10"))
    assert sim.answer(ask_now(sim, "Rollback")) == ("Refused", "CandidateRunning")


@pytest.mark.long
@pytest.mark.parametrize("stage", ["build", "start", "canary-10", "promote"])
def test_a_rollback_to_a_kept_revision_aborts_what_is_being_rolled_out_in_the_same_act(stage: str) -> None:
    sim = pin(commanded(), "2").run(300, serves("2"))
    assert isinstance(sim, Commanded)
    kept = sim.variants()["previous"]
    pin(sim, "3").run(300, in_stage(stage))
    request = sim.ask("Rollback", rollback={"toRevision": kept["revision"]})
    sim.run(3)
    assert weights(sim) == {"1": 1.0}
    assert sim.variants()["stable"]["inferenceService"] == kept["inferenceService"], "no cold start"
    sim.run(120)
    assert sim.answer(request) == ("Applied", "Rollback")
    ended = [(each["version"], each["outcome"]) for each in sim.status["history"][:2]]
    assert ended == [("2", "RolledBack"), ("3", "Aborted")]
    assert {each["version"] for each in sim.status["rejected"]} == {"2", "3"}
    assert sim.variants()["stable"]["version"] == "1", "what the spec asks for is not tried again"
    assert len(list(sim.services())) == 1
    assert sim.client_errors == []


def test_a_rollback_to_what_serves_aborts_what_is_being_rolled_out() -> None:
    sim = rolling("canary-10", stages=patient()[1:])
    stable = sim.variants()["stable"]
    request = sim.ask("Rollback", rollback={"toRevision": stable["revision"]})
    sim.run(3)
    assert weights(sim) == {"1": 1.0}
    assert sim.answer(request) == ("Applied", "Rollback")
    assert (last(sim)["version"], last(sim)["outcome"]) == ("2", "Aborted")
