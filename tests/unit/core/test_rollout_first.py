"""A first revision beside which nothing serves: given up before the gateway has carried it, or just when it has."""

from __future__ import annotations

from tests.unit.core.simulation import KEY, ROUTE, Simulation
from tests.unit.core.specs import GOOD, in_stage, pin, serves, spec


class Refusing(Simulation):
    """A gateway that accepts no route while it is `broken`, and goes on with what it carried."""

    broken = True

    def _gateway(self) -> None:
        super()._gateway() if not self.broken else self._refuse()

    def _refuse(self) -> None:
        route = self.objects.get(ROUTE)
        if route is not None:
            generation = route["metadata"]["generation"]
            no = {"type": "Accepted", "status": "False", "reason": "NotAllowed", "observedGeneration": generation}
            route["status"] = {"parents": [{"conditions": [no]}]}


def promoting() -> Refusing:
    sim = Refusing(spec(), {"1": GOOD, "2": GOOD})
    sim.run(60, in_stage("promote")).run(10)
    assert ROUTE in sim.objects
    return sim


def test_a_first_revision_that_no_gateway_carried_makes_room_for_another() -> None:
    sim = pin(promoting(), "2").run(2)
    assert in_stage("rollback")(sim)
    assert ROUTE not in sim.objects, "it named the version that was given up"
    sim.run(300, in_stage("promote"))
    sim.broken = False
    sim.run(30, serves("2"))
    assert [entry["outcome"] for entry in sim.status["history"]] == ["Promoted", "Superseded"]
    assert len(list(sim.run(30).services())) == 1
    assert sim.client_errors == []


def test_a_gateway_that_is_mended_meanwhile_never_serves_what_was_given_up() -> None:
    sim = pin(promoting(), "2")
    sim.settle()
    sim.broken = False
    sim.tick()
    assert sim.carried is None
    sim.run(300, serves("2"))


def test_a_first_revision_that_serves_by_now_stays_until_the_next_one_is_promoted() -> None:
    sim = promoting()
    sim.broken = False
    sim.tick()
    pin(sim, "2").run(300, serves("2"))
    assert [entry["outcome"] for entry in sim.status["history"]] == ["Promoted", "Promoted"]
    assert sim.client_errors == []


def test_a_lost_status_leaves_the_route_as_it_is() -> None:
    sim = Simulation(spec(), {"1": GOOD}).run(60, serves("1"))
    del sim.objects[KEY]["status"]
    sim.run(5)
    assert ROUTE in sim.objects
    assert sim.run(60, serves("1")).client_errors == []
