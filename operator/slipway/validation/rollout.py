"""A ModelRollout: what its schema cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import get_args

from slipway.api.v1alpha1.gates import Gate
from slipway.api.v1alpha1.metrics import LATENCIES
from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_benchmark import LEAST_ERRORS, MOST_REQUESTS
from slipway.api.v1alpha1.rollout_stages import Cause
from slipway.validation.cron import cron_fault, zone_fault
from slipway.validation.findings import Finding, Location, error, warning

CELLS = 4096
_WORKERS = "WEB_CONCURRENCY"
_LIVE = ("Canary", "ABTest")
_RESERVED = {"host", "x-slipway-revision", "x-slipway-assignment", "x-slipway-prediction-id", "x-request-id"}


def check_rollout(spec: ModelRolloutSpec) -> Iterator[Finding]:
    """Everything about one rollout that can be said without looking at another object."""
    yield from _gate_directions(spec)
    if spec.traffic is not None:  # else it is of a Batch task: no requests, so neither gates nor stages with traffic
        yield from _evidence(spec)
        yield from _provable(spec)
        yield from _order(spec)
    yield from _header(spec)
    yield from _weights(spec)
    yield from _environment(spec)
    yield from _freezes(spec)
    yield from _skipped(spec)
    yield from _probation(spec)


def all_gates(spec: ModelRolloutSpec) -> Iterator[tuple[Location, Gate]]:
    """Every gate, and where it is written."""
    for index, gate in enumerate(spec.gates):
        yield ("spec", "gates", index), gate
    for number, stage in enumerate(spec.stages):
        for index, gate in enumerate(stage.gates):
            yield ("spec", "stages", number, "gates", index), gate


def _gate_directions(spec: ModelRolloutSpec) -> Iterator[Finding]:
    for location, gate in all_gates(spec):
        if gate.metric in ("error_rate", "missing_rate", *LATENCIES) and gate.op in (">", ">="):
            yield warning(
                (*location, "op"), f"{gate.op} lets a high {gate.metric} pass and refuses a low one; did you mean <=?"
            )


def _evidence(spec: ModelRolloutSpec) -> Iterator[Finding]:
    enforced = [gate for _, gate in all_gates(spec) if gate.enforcement == "Enforce"]
    if not enforced:
        yield warning(
            ("spec", "gates"),
            "no gate is enforced: time alone brings the candidate to full traffic; a first gate: {name: errors, metric:"
            ' error_rate, op: "<=", bound: "1%"}',
        )
    elif spec.initial_revision == "Gated" and not any(gate.needs_nobody for gate in spec.gates if gate in enforced):
        yield warning(
            ("spec", "gates"),
            "no enforced gate has a bound on error_rate or a latency: nothing else can be judged of a first revision"
            " before its traffic",
        )
    for number, stage in enumerate(spec.stages):
        if stage.min_duration is not None and stage.min_duration.milliseconds == 0:
            yield warning(("spec", "stages", number, "minDuration"), "no time at all: the stage ends at its first look")


def _provable(spec: ModelRolloutSpec) -> Iterator[Finding]:
    """What no load can prove of a first revision would refuse each of them, after three attempts."""
    if spec.initial_revision != "Gated":
        return
    for index, gate in enumerate(spec.gates):
        errors = gate.metric == "error_rate" and gate.needs_nobody and gate.enforcement == "Enforce"
        if errors and gate.bound is not None and gate.bound.value < LEAST_ERRORS:
            yield warning(
                ("spec", "gates", index, "bound"),
                f"{gate.bound} can be proved of no first revision (GateUnproven): {MOST_REQUESTS:,} requests without an"
                f" error show at most {math.ceil(LEAST_ERRORS * 100_000) / 1000}%; take that or more, put the gate into"
                " the stages, where later revisions prove it by live requests, or set initialRevision: ServeDirectly",
            )


def _order(spec: ModelRolloutSpec) -> Iterator[Finding]:
    live = next((stage.name for stage in spec.stages if stage.type in _LIVE), None)
    seen_live = False
    for number, stage in enumerate(spec.stages):
        if stage.type in ("Shadow", "Backtest") and seen_live:
            yield warning(
                ("spec", "stages", number, "type"),
                f"{stage.type} after {live}: the candidate has answered real requests by then; put it before {live}",
            )
        seen_live = seen_live or stage.type in _LIVE
    if live is None:
        yield warning(
            ("spec", "stages"),
            "no stage of type Canary or ABTest: all traffic comes at once; a first one: {name: canary, type: Canary,"
            ' canary: {weight: "5%"}, minDuration: 24h, minSamples: 1000}',
        )


def _header(spec: ModelRolloutSpec) -> Iterator[Finding]:
    if spec.qa_header is not None and spec.qa_header.name.lower() in _RESERVED:
        yield error(
            ("spec", "qaHeader", "name"),
            f"{spec.qa_header.name!r} has a meaning of its own on the way to the model; name a header that testers "
            "alone send, such as x-slipway-variant",
        )
    gateway = spec.traffic.gateway_api if spec.traffic is not None else None
    if spec.qa_header is not None and gateway is not None and gateway.http_route_ref is not None:
        yield error(
            ("spec", "qaHeader"),
            "a route that exists (traffic.gatewayAPI.httpRouteRef) gets no rule for testers: take one of the two out",
        )
    if spec.traffic is None or spec.traffic.assignment is None:
        return
    header = spec.traffic.assignment.header
    if header.lower() in _RESERVED:
        yield error(
            ("spec", "traffic", "assignment", "header"),
            f"{header!r} has a meaning of its own on the way to the model; name the header that carries the entity's"
            " digest, such as x-slipway-bucket",
        )


def _weights(spec: ModelRolloutSpec) -> Iterator[Finding]:
    assigned = spec.traffic is not None and spec.traffic.assignment is not None
    steps = CELLS if assigned else 1000
    for number, stage in enumerate(spec.stages):
        member = stage.canary or stage.ab_test
        if member is None:
            continue
        asked = member.weight.fraction
        given = Decimal(min(max(round(asked * steps), 1), steps - 1)) / steps
        if abs(given - asked) > asked / 10:
            unit = "cells of the entity's digest" if assigned else "thousandths of the requests"
            yield warning(
                ("spec", "stages", number, "canary" if stage.canary is not None else "abTest", "weight"),
                f"{member.weight} becomes {float(given):.3%}: traffic is split in {steps} {unit}",
            )


def _freezes(spec: ModelRolloutSpec) -> Iterator[Finding]:
    for index, freeze in enumerate(spec.freeze):
        for field, value, fault in (
            ("cron", freeze.cron, cron_fault(freeze.cron)),
            ("timeZone", freeze.time_zone, zone_fault(freeze.time_zone)),
        ):
            if fault:
                yield error(("spec", "freeze", index, field), fault if value in fault else f"{value!r}: {fault}")


def _skipped(spec: ModelRolloutSpec) -> Iterator[Finding]:
    for number, stage in enumerate(spec.stages):
        if stage.skip is not None:
            yield warning(("spec", "stages", number, "skip"), f"stage {stage.name} is passed over without evidence")
    for cause in get_args(Cause):
        if spec.stages and all(stage.skip is not None or cause not in stage.when for stage in spec.stages):
            yield warning(("spec", "stages"), f"a model of cause {cause} passes no stage: all traffic comes at once")


def _probation(spec: ModelRolloutSpec) -> Iterator[Finding]:
    """Warnings: a rollout that serves is not left unguarded because of what comes after its promotion."""
    limit, log = spec.promotion.probation, spec.prediction_log
    if limit is None or spec.traffic is None:
        return
    if log is None:
        yield warning(
            ("spec", "promotion", "probation"),
            "judges logged predictions, and there are none: set spec.predictionLog, or take the probation out",
        )
    elif log.retention is not None and log.retention < spec.promotion.keep_previous.at_most:
        yield warning(
            ("spec", "predictionLog", "retention"),
            f"{log.retention} is shorter than promotion.keepPrevious.atMost ({spec.promotion.keep_previous.at_most}):"
            " the probation would lose what it has counted",
        )


def _environment(spec: ModelRolloutSpec) -> Iterator[Finding]:
    own = spec.model is not None and spec.model.type == "Image"  # whose processes may be rightly counted
    for index, variable in enumerate(spec.predictor.env):
        if variable.name.startswith("SLIPWAY_"):
            yield error(
                ("spec", "predictor", "env", index, "name"),
                f"{variable.name!r}: names that begin with SLIPWAY_ are set by the operator; choose another",
            )
        elif variable.name == _WORKERS and variable.value != "1" and not own:
            yield error(
                ("spec", "predictor", "env", index, "name"),
                f"{_WORKERS}: a pod serves in one process, whose counts are all of its evidence; raise minReplicas",
            )
