"""`python3 -m slipway_pipelines.performance`: judges live predictions by their matured labels, once.

Reads SLIPWAY_PERFORMANCE; writes the termination message, with the exit codes of `slipway_pipelines.termination`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from slipway_pipelines.counting import connect
from slipway_pipelines.log_files import files_of
from slipway_pipelines.performance.figures import Measured, measure
from slipway_pipelines.performance.join import make_events
from slipway_pipelines.performance.labels import load_labels
from slipway_pipelines.performance.request import PerformanceRequest, read_request
from slipway_pipelines.performance.words import words
from slipway_pipelines.termination import answered


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Measures and returns the exit code of the process."""
    return answered(environment, lambda: words(measured(read_request(environment))))


def measured(request: PerformanceRequest) -> Measured:
    """One measurement. Raises a Fault for a store or a source of labels that refuses or is away."""
    files = files_of(request.log, request.revision, request.since, request.now)
    with tempfile.TemporaryDirectory(prefix="performance-") as folder, connect(Path(folder)) as database:
        load_labels(database, request)
        return measure(database, request, make_events(database, request, files))


if __name__ == "__main__":
    sys.exit(main())
