"""`slipway explain` of rollouts that people hold, approve and decide: what it says is what the operator acts on."""

from __future__ import annotations

import shlex

import pytest
from slipway.cli.__main__ import _parser
from slipway.cli.explanation import Explanation, explain

from tests.unit.core.commanded import SIGN_OFF, commanded, patient, rolling
from tests.unit.core.experiments import EQUAL, stage
from tests.unit.core.simulation import KEY, Simulation
from tests.unit.core.specs import FAILING, GOOD, pin, serves

LONG = patient()[1:]
APPROVED = [{**patient()[1], "minDuration": "5s"}, SIGN_OFF, patient()[2]]


def told(sim: Simulation) -> Explanation:
    obj = sim.get(KEY)
    assert obj is not None
    return explain(obj, sim.now)


def verbs(sim: Simulation) -> set[str]:
    """The commands of `slipway` that are offered, each of which parses."""
    found = [shlex.split(command) for _, command in told(sim).actions if command.startswith("slipway ")]
    for words in found:
        parsed = _parser("slipway").parse_args(words[1:])
        assert (parsed.name, parsed.namespace) == ("fraud", "ns")
    return {words[1] for words in found} - {"history"}


@pytest.mark.long
def test_a_hold_is_said_at_once_in_a_stage_that_has_run_for_long() -> None:
    sim = rolling("canary-10", stages=LONG)
    sim.run(2400)
    reported = sim.status["stage"]["reportedAt"]
    sim.ask("Hold", reason="complaints from Milan")
    sim.run(15)
    assert sim.status["stage"]["reportedAt"] > reported, "what it waits for is news"
    found = told(sim)
    assert "ada holds it (complaints from Milan)" in found.moves[-1]
    why = "\n".join(found.why)
    assert "It may not advance: held by ada: complaints from Milan" in why
    assert "(counted at " in why
    assert verbs(sim) == {"resume", "abort"}


@pytest.mark.long
def test_what_a_person_waits_for_is_written_once_and_not_at_every_look() -> None:
    sim = rolling("canary-10", stages=[{**each, "minDuration": "20h"} for each in LONG])
    sim.run(3600)
    sim.ask("Hold")
    sim.run(120)
    before = sim.writes
    sim.run(120)
    assert sim.writes - before <= 2


@pytest.mark.parametrize(
    ("place", "offered"), [("canary-10", {"advance", "hold", "abort"}), ("canary-50", {"promote", "hold", "abort"})]
)
def test_a_running_stage_offers_what_its_place_allows(place: str, offered: set[str]) -> None:
    sim = rolling(place, stages=[{**LONG[0], "minDuration": "1h" if place == "canary-10" else "5s"}, LONG[1]])
    assert verbs(sim) == offered


def test_a_stage_that_waits_for_a_person_says_for_whom_and_how() -> None:
    sim = rolling("sign-off", stages=APPROVED)
    assert "A member of risk or audit approves it." in told(sim).moves
    assert verbs(sim) == {"approve", "hold", "abort"}
    sim.ask("Hold")
    sim.ask("Approve", groups=["risk"])
    sim.run(3)
    assert any(each.startswith("Approved by ada") for each in told(sim).moves)
    assert verbs(sim) == {"resume", "abort"}


@pytest.mark.parametrize(
    ("limit", "place", "said"),
    [
        ("canary-10", "canary-10", "the next stage begins, and waits with its traffic until that is raised"),
        ("canary-10", "canary-50", "evidence does not pass this stage until that is raised"),
        ("canary-50", "canary-50", ""),
    ],
)
def test_a_ceiling_says_what_it_does(limit: str, place: str, said: str) -> None:
    sim = rolling(place, stages=[{**LONG[0], "minDuration": "5s" if place == "canary-50" else "1h"}, LONG[1]])
    sim.edit(KEY, lambda spec: spec.update(advanceThrough=limit))
    sim.run(3)
    assert [each for each in told(sim).moves if "advanceThrough" in each] == (
        [f"spec.advanceThrough is {limit}: {said}."] if said else []
    )


def test_after_an_end_there_is_a_way_back_and_another_try() -> None:
    sim = commanded(FAILING)
    pin(sim, "2").run(300, serves("1"))
    sim.run(60)
    assert verbs(sim) == {"retry"}
    sim.versions["2"] = GOOD
    sim.ask("Retry")
    sim.run(300, serves("2"))
    assert verbs(sim) == {"rollback"}


def test_an_open_end_is_a_persons_and_no_evidence_moves_it() -> None:
    sim = commanded(EQUAL, stages=[stage(ifInconclusive="Hold"), LONG[1]])
    pin(sim, "2").run(400, lambda s: s.condition("Stalled")[1] == "ABTestInconclusive")
    moves = told(sim).moves
    assert moves == (
        "Experiment ab has ended undecided, and is judged no more: ifInconclusive is Hold, so a person decides.",
    )
    assert verbs(sim) == {"advance", "hold", "abort"}
