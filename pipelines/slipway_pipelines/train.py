"""`python3 -m slipway_pipelines.train`: one attempt of a TrainingRun, from its data to a registered model version.

Reads SLIPWAY_TRAINING and MLFLOW_TRACKING_URI; writes the termination message. Exit codes: 0 done (also when criteria
are not met: that is a result), 1 the data or the manifest is wrong, 75 a server or the machine failed and the Job
should try again.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from types import FrameType

from slipway_pipelines import report
from slipway_pipelines.attempt import attempt
from slipway_pipelines.faults import EXIT_OK, DataFault, Fault, TransientFault, fault_of
from slipway_pipelines.steps import Steps


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Runs the attempt and returns the exit code of the process."""
    steps = Steps()
    try:
        report.write(attempt(environment, steps), environment)
    except Exception as error:
        fault = _fault(error)
        report.write(report.error_report(fault, steps.current, steps.seconds), environment)
        print(f"{steps.current}: {fault.reason}: {fault.message}", file=sys.stderr, flush=True)
        return fault.exit_code
    return EXIT_OK


def _fault(error: Exception) -> Fault:
    if isinstance(error, MemoryError):
        return DataFault("OutOfMemory", "the table does not fit; raise spec.resources.train.limits.memory")
    return fault_of(error)


def _stopped(number: int, frame: FrameType | None) -> None:
    """A pod that is taken away (suspend, cancel, eviction) says so in MLflow, within its grace period."""
    raise TransientFault("Terminated", f"the pod was told to stop by signal {number}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stopped)
    sys.exit(main())
