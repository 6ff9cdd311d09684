"""The operator's own metrics of rollouts: as many series for ten thousand as for one."""

from __future__ import annotations

from typing import Any

from slipway.runtime.metrics import NOTICES, REGISTRY, CountedNotices, show_rollouts

from tests.unit.core.states import states


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"slipway_operator_{name}", labels)


def series() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Of rollouts: names and labels."""
    found = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    ours = ("slipway_operator_rollouts", "slipway_operator_gate")
    return {(each.name, tuple(sorted(each.labels.items()))) for each in found if each.name.startswith(ours)}


def rollout(phase: str, ready: str, stalled: str, *verdicts: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}, {"type": "Stalled", "status": stalled}]
    return {"status": {"phase": phase, "conditions": conditions, "gates": [{"verdict": each} for each in verdicts]}}


def test_rollouts_are_counted_by_phase_and_their_gates_by_verdict() -> None:
    canary = rollout("Canary", "True", "False", "Pass", "Wait")
    show_rollouts([canary, canary, rollout("Failed", "False", "True", "Breach"), {}])
    assert (value("rollouts", phase="Canary"), value("rollouts", phase="Failed")) == (2.0, 1.0)
    assert (value("rollouts", phase="Pending"), value("rollouts", phase="Shadow")) == (1.0, 0.0)
    assert (value("rollouts_stalled"), value("rollouts_not_ready")) == (1.0, 2.0)
    found = {verdict: value("gate_verdicts", verdict=verdict) for verdict in ("Pass", "Wait", "Breach", "Unknown")}
    assert found == {"Pass": 2.0, "Wait": 2.0, "Breach": 1.0, "Unknown": 0.0}
    show_rollouts([])
    assert (value("rollouts", phase="Canary"), value("rollouts_stalled")) == (0.0, 0.0), "what is gone is not counted"


def test_an_alarm_that_stands_has_a_series_of_its_own_until_it_is_over() -> None:
    shift = {"subject": "Candidate", "act": "RolledBack"}
    raised = {"metadata": {"namespace": "shop", "name": "fraud"}, "status": {"predictionShift": shift}}
    labels = {"rollout": "shop/fraud", "subject": "Candidate", "act": "RolledBack"}
    show_rollouts([raised, rollout("Serving", "True", "False")])
    assert REGISTRY.get_sample_value("slipway_prediction_shift", labels) == 1.0
    show_rollouts([rollout("Serving", "True", "False")])
    assert REGISTRY.get_sample_value("slipway_prediction_shift", labels) is None


def test_the_number_of_series_does_not_grow() -> None:
    show_rollouts([])
    before = series()
    show_rollouts([rollout(f"New phase {number}", "True", "False", f"verdict {number}") for number in range(500)])
    show_rollouts([obj for obj, _ in states().values()])
    assert series() == before


def test_every_phase_of_a_real_state_has_its_own_series() -> None:
    show_rollouts([obj for obj, _ in states().values()])
    assert value("rollouts", phase="Other") == 0.0


def test_reasons_of_notices_are_counted_up_to_a_bound() -> None:
    counted = CountedNotices(most=3)
    for number in range(10):
        counted.count("BoundedKind", f"Reason{number}")
    counted.count("BoundedKind", "Reason0")
    found = {s.labels["reason"]: s.value for m in NOTICES.collect() for s in m.samples
             if s.labels["kind"] == "BoundedKind" and s.name.endswith("_total")}  # fmt: skip
    assert found == {"Reason0": 2.0, "Reason1": 1.0, "Reason2": 1.0, "Other": 7.0}
