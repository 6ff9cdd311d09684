"""A RetrainPolicy: what its schema cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from slipway.api.v1alpha1.retrainpolicy import BY_CALENDAR, RetrainPolicySpec
from slipway.validation.cron import cron_fault, zone_fault
from slipway.validation.findings import Finding, error, warning
from slipway.validation.training import check_training


def check_retrain(spec: RetrainPolicySpec) -> Iterator[Finding]:
    """Everything about one policy that can be said without looking at another object."""
    yield from _schedule(spec)
    for index, trigger in enumerate(spec.triggers):
        if trigger.name == BY_CALENDAR:
            message = f"{BY_CALENDAR!r} is how status calls the calendar: give the trigger another name"
            yield error(("spec", "triggers", index, "name"), message)
    # A run that admission refuses would be asked for again and again, and nobody would see why.
    for found in check_training(spec.run_template.spec):
        yield replace(found, location=("spec", "runTemplate", *found.location))
    if spec.triggers and spec.budget.triggered == 0:
        yield warning(("spec", "budget", "triggered"), "0 runs by triggers: what they find is only told")


def _schedule(spec: RetrainPolicySpec) -> Iterator[Finding]:
    if spec.schedule is None:
        return
    for field, value, fault in (
        ("cron", spec.schedule.cron, cron_fault(spec.schedule.cron)),
        ("timeZone", spec.schedule.time_zone, zone_fault(spec.schedule.time_zone)),
    ):
        if fault:
            yield error(("spec", "schedule", field), fault if value in fault else f"{value!r}: {fault}")
    if spec.budget.scheduled == 0:
        yield warning(("spec", "budget", "scheduled"), "0 runs by the calendar: every one of them is left out")
