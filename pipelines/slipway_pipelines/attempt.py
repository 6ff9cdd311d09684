"""The sequence of one attempt. Each step is a module of its own; here they only follow one another."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slipway_pipelines import record
from slipway_pipelines.context import Context, estimator_of
from slipway_pipelines.data.page import page
from slipway_pipelines.data.prepare import Prepared, prepare
from slipway_pipelines.data.report import data_report
from slipway_pipelines.data.workspace import Workspace
from slipway_pipelines.faults import DataFault, Fault
from slipway_pipelines.incremental.increment import incremented
from slipway_pipelines.modelling import modelled
from slipway_pipelines.request import TrainingRequest, read_request
from slipway_pipelines.steps import Steps
from slipway_pipelines.threads import threads_for
from slipway_pipelines.tracking import Tracking

if TYPE_CHECKING:
    from slipway_pipelines.function.client import Code


def attempt(environment: Mapping[str, str], steps: Steps) -> dict[str, Any]:
    """Runs all steps and returns the report. A model that an earlier, killed pod registered is found, not made again.

    Raises:
        Fault: as `train` turns into an exit code.
    """
    with steps.step("start"):
        context = _context(environment, steps)
        done = _registered_before(context)
        if done is not None:
            return done
        if not context.request.pod:
            context.run = context.tracking.start(*record.run_identity(context.request, context.code))
    try:
        done = _made(context, environment)
    except BaseException as error:
        _close(context, "KILLED" if getattr(error, "reason", "") == "Terminated" else "FAILED")
        raise
    if not context.request.pod:  # the others only help, and the first one may still need what it has kept
        Workspace.of(environment, context.request.uid).remove()
    return done


def _made(context: Context, environment: Mapping[str, str]) -> dict[str, Any]:
    if context.request.spec.incremental is not None:
        return incremented(context, environment)
    prepared = prepare(context.request, environment, context.steps)
    if context.run:
        with context.steps.step("report"):
            _report(context, prepared)
    with threads_for(prepared.parts.train):
        return modelled(context, prepared)


def _context(environment: Mapping[str, str], steps: Steps) -> Context:
    request = read_request(environment)
    code = _code(request, environment)
    estimator = estimator_of(request, code, dict(request.spec.parameters))
    uri = environment.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise DataFault("MLflowNotConfigured", "MLFLOW_TRACKING_URI is not set: the installation names no MLflow")
    return Context(request, Tracking(uri), steps, estimator, code)


def _code(request: TrainingRequest, environment: Mapping[str, str]) -> Code | None:
    """The user's function, tried with the parameters as given before any row is read; None with a built-in one."""
    if request.entrypoint is None:
        return None
    from slipway_pipelines.function.client import Code

    return Code.connect(environment, request.entrypoint)


def _registered_before(context: Context) -> dict[str, Any] | None:
    register = context.request.spec.registration
    if register is None:
        return None
    found = context.tracking.finished(register.model, context.request.uid)
    if found is None:
        return None
    version, report = found
    if report["evaluation"] == record.PASSED:
        context.tracking.set_alias(register.model, register.alias, version)
    context.tracking.end(report["runId"], "FINISHED")
    return {**report, "version": version}


def _report(context: Context, prepared: Prepared) -> None:
    """The data report is there before a model is, so that a failed training leaves it."""
    report = data_report(prepared, context.request)
    context.tracking.upload_documents(context.run, {"data/report.json": report, "data/report.html": page(report)})


def _close(context: Context, status: str) -> None:
    if not context.run:
        return
    try:
        context.tracking.end(context.run, status)
    except Fault as fault:  # the fault that brought us here is the one to tell
        print(f"the MLflow run {context.run} stays open: {fault.message}", file=sys.stderr, flush=True)
