"""A RetrainPolicy beside a model of the world, on a virtual clock, killed between any two writes: whatever comes in any
order, one run at a time, none twice, no budget overdrawn."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from slipway.core.drift import Look
from slipway.core.retrain.decide import decide
from slipway.core.retrain.snapshot import REQUESTED, Served

from tests.unit.drift.policy_world import BLIND, DRIFTED, RAW, STABLE, SUSPECT, World

pytestmark = pytest.mark.long
LOOKS = {"drifted": DRIFTED, "stable": STABLE, "suspect": SUSPECT, "blind": BLIND}
BUDGET = {"scheduled": 3, "triggered": 2, "per": "12h"}
PER = timedelta(hours=12)
SPEC = {**RAW, "budget": BUDGET, "schedule": {"cron": "0 * * * *", "startingDeadline": "20m"}, "historyLimit": 2}


class PolicyMachine(RuleBasedStateMachine):
    """`ordered` remembers what the status once ordered, by name: instant, budget."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(spec=dict(SPEC))
        self.look: Look = STABLE
        self.ordered: dict[str, tuple[datetime, str]] = {}
        self.newest = self.world.now
        self.versions = 0

    @initialize(minutes=st.integers(0, 90))
    def begins(self, minutes: int) -> None:
        self.world.later(minutes)

    @rule(look=st.sampled_from(sorted(LOOKS)))
    def sees(self, look: str) -> None:
        self.look = LOOKS[look]

    @rule(cut=st.sampled_from([0, 1, 99, 99, 99]))
    def decides(self, cut: int) -> None:
        """The operator, or the one after it, since each knows nothing but the status."""
        busy = self._busy()
        before = len(self.world.made)
        self.world.step(self.look, cut=cut)
        made = len(self.world.made) - before
        assert made <= 1
        assert not (busy and made), "never two in flight"
        for turn in self.world.status.turns:
            assert turn.created_at is not None
            self.ordered.setdefault(turn.name, (turn.created_at, turn.budget))

    @rule(minutes=st.integers(1, 200))
    def waits(self, minutes: int) -> None:
        self.world.later(minutes)
        self.newest = max(self.newest, self.world.now)

    @precondition(lambda self: self._busy())
    @rule(phase=st.sampled_from(["Succeeded", "Failed", "Cancelled"]))
    def ends(self, phase: str) -> None:
        self.versions += 1
        self.world.end(phase, str(self.versions))

    @precondition(lambda self: self._seen())
    @rule()
    def somebody_deletes_the_newest_run(self) -> None:
        """One that the operator has seen; another one is as if it had not been made yet, and is made again."""
        del self.world.runs[self._seen()[-1]]

    @precondition(lambda self: self.versions)
    @rule(what=st.sampled_from(["gated", "rolling", "promoted", "back"]))
    def the_rollout_moves(self, what: str) -> None:
        version, served = str(self.versions), self.world.served or Served("r1")
        if what == "promoted":
            self.world.promote(version)
        elif what == "back":
            self.world.roll_back(version)
        else:
            self.world.served = Served("r1", history=served.history, **{what: (version,)})

    @rule(broken=st.booleans())
    def data_breaks(self, broken: bool) -> None:
        self.world.damage = ("feature amount: 60% of the values are missing",) if broken else ()

    @rule(number=st.integers(0, 3))
    def somebody_asks(self, number: int) -> None:
        if all(each.name != str(number) for each in self.world.requests):
            self.world.ask(str(number))

    @rule(suspended=st.booleans())
    def somebody_suspends(self, suspended: bool) -> None:
        self.world.spec["suspend"] = suspended

    @invariant()
    def every_run_was_ordered(self) -> None:
        assert set(self.world.made) <= set(self.ordered)
        assert len(set(self.world.made)) == len(self.world.made)

    @invariant()
    def no_budget_is_overdrawn_in_any_window(self) -> None:
        for purse, most in (("Scheduled", BUDGET["scheduled"]), ("Triggered", BUDGET["triggered"])):
            at = sorted(instant for instant, paid in self.ordered.values() if paid == purse)
            for begin in at:
                assert sum(begin <= each < begin + PER for each in at) <= int(most)

    @invariant()
    def a_decision_repeated_changes_nothing(self) -> None:
        """Order-free: in any order in which the runs are listed; idempotent: once written, it is written."""
        world = self.world
        snapshot = world.snapshot(self.look)
        first = decide(snapshot, world.now)
        runs, requests = dict(reversed(world.runs.items())), tuple(reversed(world.requests))
        turned = World(
            world.now, world.status, runs, served=world.served, spec=world.spec, damage=world.damage, requests=requests
        )
        assert decide(turned.snapshot(self.look), world.now).status == first.status

    def _seen(self) -> list[str]:
        seen = {turn.name for turn in self.world.status.turns if turn.outcome != REQUESTED}
        return [name for name in self.world.made if name in self.world.runs and name in seen]

    def _busy(self) -> bool:
        last = self.world.made[-1] if self.world.made else ""
        return last in self.world.runs and "status" not in self.world.runs[last]

    def teardown(self) -> None:
        """With nothing more happening, it comes to rest: two decisions at one instant agree."""
        if self._busy():
            self.world.end("Succeeded", str(self.versions + 1))
        for _ in range(8):
            self.world.step(self.look)
        before = self.world.status
        self.world.step(self.look)
        assert self.world.status == before
        assert self.world.status.state or self.look is BLIND


PolicyMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    phases=[phase for phase in Phase if phase is not Phase.shrink],
)
TestPolicyMachine = PolicyMachine.TestCase
