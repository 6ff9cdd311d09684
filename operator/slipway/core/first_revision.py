"""What a first revision must keep before its first traffic, where nothing serves beside which it could be judged.

Evidence is a synthetic load: the example of its signature, sent to the image as it will run. That tells how fast
answers come and whether they come. What they say of people's requests it cannot tell, so that gates on answers are
named as not judged (docs/decisions/0029-first-revision.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_status import GateResult
from slipway.api.v1alpha1.task_label import Latency
from slipway.core.gate_words import shown
from slipway.core.gates import Verdict
from slipway.core.measures import Unit
from slipway.core.proof import Demand, Measured, Quantile, demand_of, failures

_QUANTILES = {"latency_p50": "p50", "latency_p95": "p95", "latency_p99": "p99"}


def judged(spec: ModelRolloutSpec) -> tuple[Gate, ...]:
    """The rollout's enforced gates with a bound of their own on what a synthetic load shows."""
    return tuple(gate for gate in _enforced(spec) if gate.needs_nobody)


def not_judged(spec: ModelRolloutSpec) -> tuple[str, ...]:
    """Names of the enforced gates that only live requests can answer, or stable beside it."""
    return tuple(gate.name for gate in _enforced(spec) if not gate.needs_nobody)


def _enforced(spec: ModelRolloutSpec) -> Sequence[Gate]:
    return [gate for gate in spec.gates if gate.enforcement == "Enforce"]


def demand(latency: Latency | None, gates: Sequence[Gate]) -> Demand | None:
    """The task's latency and the gates together, the stricter of two limits; None where neither asks for anything."""
    declared = demand_of(latency) if latency is not None else Demand({})
    limits, errors = dict(declared.limits), None
    for gate in gates:
        limit, name = _limit(gate), _QUANTILES.get(gate.metric or "")
        if name:
            limits[name] = min(limit, limits.get(name, limit))
        else:
            errors = limit if errors is None else min(limit, errors)
    return Demand(limits, declared.concurrency, errors) if limits or errors is not None else None


def results(gates: Sequence[Gate], measured: Measured, now: datetime) -> tuple[GateResult, ...]:
    """The gates by the figures of one load: a pass when the bound clears the limit, a breach when the opposite one
    violates it."""
    return tuple(_result(gate, measured, now) for gate in gates)


def _result(gate: Gate, measured: Measured, now: datetime) -> GateResult:
    name, limit = _QUANTILES.get(gate.metric or ""), _limit(gate)
    found: Quantile = measured.quantiles[name] if name else failures(measured)
    unit: Unit = "seconds" if name else "share"
    verdict: Verdict = "Pass" if found.high <= limit else "Breach" if found.low > limit else "Wait"
    value, low, high = (shown(each, unit) for each in (found.value, found.low, found.high))
    sent = f"{measured.requests} requests of its example, {measured.concurrency} at a time, before any traffic"
    return GateResult(
        name=gate.name, metric=gate.metric or "", value=value, low=low, high=high,
        bound=f"{gate.op} {shown(limit, unit)}", samples=measured.requests, verdict=verdict, since=now,
        message=f"{gate.metric} is {value} ({low} to {high}), limit {shown(limit, unit)}, over {sent}",
        breaches=int(verdict == "Breach"),
    )  # fmt: skip


def _limit(gate: Gate) -> float:
    assert gate.bound is not None
    return float(gate.bound.value)
