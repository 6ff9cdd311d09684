"""What people ask for, what is passed over and what an experiment came to stand in the ledger as well."""

from __future__ import annotations

import pytest

from tests.unit.core.commanded import SIGN_OFF, rolling
from tests.unit.core.experiments import BETTER, EQUAL, experimenting
from tests.unit.core.ledgers import chain, decisions
from tests.unit.core.simulation import Simulation
from tests.unit.core.specs import pin, serves
from tests.unit.core.test_passing import patient
from tests.unit.core.traffic_model import Behaviour


def of_second(sim: Simulation) -> list[tuple[str, str]]:
    """Decisions about version 2."""
    assert chain(sim).problems == ()
    return decisions(sim)[2:]


@pytest.mark.long
def test_requests_and_what_they_pass_over_are_entries() -> None:
    sim = rolling("shadow", stages=[*patient(), SIGN_OFF])
    sim.ask("Hold", by="ada", reason="wait for the meeting")
    sim.run(5)
    sim.ask("Resume")
    sim.run(5)
    sim.ask("Promote", by="bob", reason="the first one is broken")
    sim.run(60, lambda s: s.status["stage"]["name"] == "sign-off")
    sim.ask("Approve", groups=["risk"], stage="sign-off")
    sim.run(60, serves("2")).run(5)
    assert of_second(sim) == [
        ("Started", ""), ("StageEntered", "shadow"), ("Requested", "shadow"), ("Requested", "shadow"),
        ("Requested", "shadow"), ("StageSkipped", "shadow"), ("StageEntered", "sign-off"), ("Requested", "sign-off"),
        ("StagePassed", "sign-off"), ("Promoted", "promote"),
    ]  # fmt: skip
    told = {(e["decision"], e["reason"]): e["message"] for e in chain(sim).entries}
    assert told["Requested", "Hold"] == "Hold by ada: wait for the meeting"
    skipped = told["StageSkipped", "PassedOver"]
    assert all(
        f"stage {name} is passed over: Promote by bob" in skipped for name in ("shadow", "canary-10", "canary-50")
    )


def test_an_abort_is_an_entry_with_its_author() -> None:
    sim = rolling("shadow", stages=patient())
    sim.ask("Abort", by="ada", reason="complaints from Milan")
    sim.run(60, lambda s: not s.status.get("stage")).run(5)
    assert of_second(sim)[-2:] == [("Requested", "shadow"), ("Aborted", "shadow")]
    assert "ada: complaints from Milan" in chain(sim).entries[-1]["message"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("second", "end", "verdict"), [(BETTER, "StagePassed", "Superior"), (EQUAL, "Inconclusive", "Inconclusive")]
)
def test_the_end_of_an_experiment_holds_its_numbers(second: Behaviour, end: str, verdict: str) -> None:
    sim = experimenting(second)
    pin(sim, "2").run(400, lambda s: len(s.status["history"]) > 1).run(5)
    assert chain(sim).problems == ()
    (entry,) = (e for e in chain(sim).entries if (e["decision"], e.get("stage", {}).get("name")) == (end, "ab"))
    found = entry["experiment"]
    assert found["verdict"] == verdict
    assert {"metric", "design", "required", "estimate", "low", "high", "exposures", "endsAt"} <= set(found)
