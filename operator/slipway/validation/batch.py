"""Batch tasks and their rollouts: what their schemas cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.api.v1alpha1.modelrollout import ModelRolloutSpec
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.task_serving import Batch
from slipway.validation.cron import cron_fault, zone_fault
from slipway.validation.findings import Finding, Location, error, warning

_AT: Location = ("spec", "serving", "batch")
_PATTERN = ("*", "?", "[")
_LIVE = ("Shadow", "Canary", "ABTest")


def check_batch(task: ModelTaskSpec) -> Iterator[Finding]:
    """Everything about a task's batch that can be said without looking at another object."""
    batch = task.serving.batch
    if batch is None:
        return
    yield from _schedule(batch)
    yield from _places(batch)
    if not (task.id or task.entity or batch.keep_columns):
        yield warning(
            (*_AT, "keepColumns"),
            "no column names a row of the output: set id or entity of the task, or keepColumns",
        )


def _schedule(batch: Batch) -> Iterator[Finding]:
    schedule = batch.schedule
    if schedule is None:
        return
    fault = cron_fault(schedule.cron)
    if fault:
        yield error((*_AT, "schedule", "cron"), f"{schedule.cron!r}: {fault}")
    fault = zone_fault(schedule.time_zone)
    if fault:
        yield error((*_AT, "schedule", "timeZone"), fault)


def _places(batch: Batch) -> Iterator[Finding]:
    source, target = batch.input.uri, batch.output.uri
    if any(mark in target for mark in _PATTERN):
        yield error((*_AT, "output", "uri"), f"{target!r} must be one directory, not a pattern")
    for name, data in (("input", batch.input), ("output", batch.output)):
        if data.uri.startswith("file:") and "/../" in f"{data.uri}/":
            yield error((*_AT, name, "uri"), f"{data.uri!r} must stay below file:///data/: write it without ..")
        if data.uri.startswith("file:") and data.secret_ref is not None:
            yield warning((*_AT, name, "secretRef"), "a mounted volume needs no credentials: the Secret is not used")
    directory = not any(mark in source for mark in _PATTERN) and not source.endswith(".parquet")
    if directory and target.startswith(f"{source.rstrip('/')}/"):
        yield error(
            (*_AT, "output", "uri"),
            f"{target!r} lies in the input's directory, and its scores would be read as rows to score",
        )


def without_requests(rollout: ModelRolloutSpec) -> Iterator[Finding]:
    """What a rollout of a Batch task asks for that only requests can give."""
    if rollout.traffic is not None:
        yield error(("spec", "traffic"), "a task with serving.mode Batch gets no requests: take traffic out")
    for number, stage in enumerate(rollout.stages):
        if stage.type in _LIVE:
            yield error(
                ("spec", "stages", number, "type"),
                f"{stage.type} needs requests, and a task with serving.mode Batch gets none: take the stage out; each "
                "version is tried on the input before it takes over",
            )
    if rollout.prediction_log is not None:
        yield error(
            ("spec", "predictionLog"),
            "a task with serving.mode Batch gets no requests to log: take it out; the output of each run is kept",
        )
    if rollout.promotion.probation is not None:
        yield error(
            ("spec", "promotion", "probation"),
            "a probation judges logged requests, and a task with serving.mode Batch gets none: take it out; criteria "
            "of the task are proved by its TrainingRuns",
        )
    if rollout.gates:
        yield error(
            ("spec", "gates"),
            "gates are judged by requests, and a task with serving.mode Batch gets none: take them out; criteria of "
            "the task are proved by its TrainingRuns",
        )
