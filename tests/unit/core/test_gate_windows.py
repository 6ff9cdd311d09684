"""Gates that judge windows: what counts, what breaches, what survives a restart, and what costs no write."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.rollout_status import GateResult
from slipway.core.gates import Case, Judgement, Verdict, judge
from slipway.core.rollout.windows import Row, counted, place

from tests.unit.core.api_server import remembered
from tests.unit.core.arms import arm, evidence, gate
from tests.unit.core.experiments import TEMPLATE
from tests.unit.core.simulation import Simulation
from tests.unit.core.specs import GOOD, SLOW, in_stage, pin, serves, spec

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = 60.0
P95 = {"name": "p95", "metric": "latency_p95", "op": "<=", "bound": "100ms", "window": "30s", "failures": 3}
DEPTH = {"name": "depth", "template": {"name": "depth"}, "op": "<=", "bound": "100", "window": "10s", "failures": 2}
QUEUE = {"value": "max by (revision)(depth{{selector}})"}


@dataclass
class Story:
    """What one gate's looks leave in status."""

    failures: int = 1
    shown: GateResult | None = None
    now: datetime = BEGAN

    def look(self, seconds: float, verdict: Verdict) -> GateResult:
        self.now += timedelta(seconds=seconds)
        one = gate(metric="error_rate", bound="1%", window="60s", failures=self.failures)
        age = (self.now - BEGAN).total_seconds()
        row = counted(one, WINDOW, Judgement(verdict, "said"), self.shown, age, self.now)
        self.shown = self.shown if row is None else _result(row)
        assert self.shown is not None
        return self.shown


def _result(row: Row) -> GateResult:
    said = row.judgement
    found = GateResult(
        name="g", verdict=said.verdict, message=said.message, in_a_row=row.in_a_row, counted_at=row.counted_at
    )
    return GateResult.model_validate_json(found.model_dump_json())


def test_a_breach_takes_as_many_windows_in_a_row_as_the_gate_says() -> None:
    story = Story(failures=3)
    assert story.look(10, "Breach").message == "the first window of 60s is not over"
    assert (story.look(50, "Breach").verdict, story.look(1, "Breach").in_a_row) == ("Wait", 1)
    assert story.look(30, "Breach").in_a_row == 1, "half of this window was counted already"
    assert story.look(29, "Breach").message.startswith("2 of 3 windows in a row have breached")
    found = story.look(60, "Breach")
    assert (found.verdict, found.in_a_row) == ("Breach", 3)


def test_one_window_that_does_not_breach_begins_the_row_anew() -> None:
    story = Story(failures=2)
    story.look(60, "Breach")
    assert story.look(60, "Wait").in_a_row == 0
    story.look(60, "Breach")
    assert story.shown is not None
    assert (story.shown.verdict, story.shown.in_a_row) == ("Wait", 1)


def test_what_nobody_knows_neither_counts_nor_clears() -> None:
    story = Story(failures=2)
    story.look(60, "Breach")
    for verdict in ("Unknown", "Invalid"):
        found = story.look(60, verdict)
        assert (found.verdict, found.in_a_row) == (verdict, 1)
    assert story.look(5, "Breach").verdict == "Breach", "the window of now, not one at the next multiple"


def test_after_an_outage_the_gate_does_not_wait_for_the_next_multiple_of_its_window() -> None:
    story = Story()
    story.look(60, "Pass")
    story.look(60, "Unknown")
    assert story.look(20, "Pass").verdict == "Pass"


def test_between_two_windows_what_was_said_of_the_last_one_stands() -> None:
    story = Story()
    assert story.look(61, "Pass").verdict == "Pass"
    assert story.look(30, "Breach").verdict == "Pass"
    assert story.look(30, "Breach").verdict == "Breach"


LOOKS = st.lists(st.tuples(st.integers(1, 40), st.sampled_from(("Pass", "Wait", "Breach", "Unknown", "Invalid"))))


@settings(max_examples=150)
@given(looks=LOOKS, failures=st.integers(1, 4))
def test_windows_that_count_never_overlap_and_only_breaches_in_a_row_breach(
    looks: list[tuple[int, Verdict]], failures: int
) -> None:
    story = Story(failures=failures)
    ended: list[datetime] = []
    for seconds, verdict in looks:
        before = story.shown
        after = story.look(seconds, verdict)
        row = before.in_a_row if before is not None else 0
        if verdict in ("Unknown", "Invalid"):
            assert (after.verdict, after.in_a_row) == (verdict, row)
        elif after.in_a_row > row:
            assert verdict == "Breach"
            assert after.counted_at == story.now
            ended = [*ended[len(ended) - row :], story.now] if row else [story.now]
            assert all((b - a).total_seconds() >= WINDOW for a, b in pairwise(ended))
        assert (after.verdict == "Breach") <= (after.in_a_row >= failures)
        assert story.look(0, verdict) == after, "a second look at the same instant changes nothing"


def test_the_chances_to_err_of_all_windows_together_are_those_of_one_look() -> None:
    cases = [Case(gate(metric="error_rate", bound="1%"), None, window=k) for k in range(1, 2000)]
    assert sum(case.certainty.passing.alpha for case in cases) == pytest.approx(0.05, rel=1e-3)
    assert (place(30.0, 60.0), place(60.0, 60.0), place(185.0, 60.0)) == (1, 1, 3)


@remembered
def windowed(*gates: dict[str, Any], **changes: Any) -> Simulation:
    """Version 1 serves under gates that judge windows."""
    errors = spec()["gates"][0]
    sim = Simulation(spec(gates=[errors, *gates], **changes), {"1": GOOD, "2": GOOD, "3": GOOD})
    sim.prometheus.recent = 30.0
    sim.put(TEMPLATE.__class__(TEMPLATE.api_version, TEMPLATE.kind, "", "depth"), spec=QUEUE)
    return sim.run(60, lambda s: s.status.get("phase") == "Serving")


def one(sim: Simulation, name: str) -> dict[str, Any]:
    return next((each for each in sim.status.get("gates", ()) if each["name"] == name), {})


@pytest.mark.long
def test_a_candidate_that_is_slow_for_two_windows_only_is_promoted() -> None:
    sim = pin(windowed(P95), "2").run(300, in_stage("canary-10"))
    sim.versions["2"] = SLOW
    sim.run(120, lambda s: one(s, "p95").get("inARow") == 2)
    sim.versions["2"] = GOOD
    sim.run(400, serves("2"))
    assert sim.status["history"][0]["outcome"] == "Promoted"


def test_one_that_stays_slow_goes_back_after_three_windows_whatever_restarts() -> None:
    """Each decision of the simulation is that of a new process."""
    sim = pin(windowed(P95), "2").run(300, in_stage("canary-10"))
    began, sim.versions["2"] = sim.now, SLOW
    sim.run(200, in_stage("rollback"))
    assert (sim.now - began).total_seconds() >= 60
    assert sim.status["history"] == [] or sim.status["history"][0]["reason"] == "GateBreached"
    assert "3 of 3" not in one(sim, "p95").get("message", "")


def test_windows_that_hold_cost_no_write_after_promotion() -> None:
    sim = pin(windowed(P95), "2").run(400, serves("2")).run(60)
    before = sim.writes
    assert sim.run(150).writes == before
    assert one(sim, "p95")["verdict"] == "Pass"


def test_a_queue_that_grows_sends_the_candidate_back() -> None:
    sim = windowed(DEPTH)
    sim.prometheus.numbers = {"1": 5.0, "2": 500.0}
    pin(sim, "2").run(200, in_stage("rollback"))
    sim.run(100, serves("1"))
    entry = sim.status["history"][0]
    assert entry["reason"] == "GateBreached"
    assert "depth is 500" in entry["message"]


def test_a_queue_that_is_short_lets_it_pass() -> None:
    sim = windowed(DEPTH)
    sim.prometheus.numbers = {"1": 5.0, "2": 6.0}
    pin(sim, "2").run(400, serves("2"))


@pytest.mark.parametrize("numbers", [{"1": 5.0}, {"1": 5.0, "2": math.nan}, {"1": 5.0, "2": math.inf}])
def test_a_number_that_is_none_never_lets_it_pass(numbers: dict[str, float]) -> None:
    sim = windowed({**DEPTH, "op": ">=", "bound": "0", "onUnknown": {"after": "1m", "action": "Rollback"}})
    sim.prometheus.numbers = numbers
    pin(sim, "2").run(60, in_stage("shadow")).run(30)
    assert one(sim, "depth")["verdict"] == "Unknown"
    sim.run(100, in_stage("rollback"))
    assert sim.run(100, serves("1")).status["history"][0]["reason"] == "GateUnknown"


def test_a_window_without_evidence_of_its_own_is_unknown_whatever_the_whole_epoch_says() -> None:
    found = evidence(arm(), arm())
    assert judge(Case(gate(metric="error_rate", bound="1%"), found.windows.get(60.0))).verdict == "Unknown"
