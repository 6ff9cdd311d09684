"""`python3 -m slipway_serving.build`: one build; its result goes where the kubelet hands it to the operator."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slipway_oci import OciError

from slipway_serving.build.assemble import Build
from slipway_serving.build.faults import EXIT_TRANSIENT, BuildFault
from slipway_serving.build.request import BuildRequest, read_request
from slipway_serving.build.tracking import Tracking
from slipway_serving.termination import publish

logger = logging.getLogger("slipway.build")


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds; returns the exit code: 0, 1 (somebody must change something), 75 (trying again may help)."""
    return reported(_build, sys.argv[1:] if arguments is None else arguments)


def reported(step: Callable[[BuildRequest], dict[str, Any]], arguments: Sequence[str]) -> int:
    """Reads the request, does a step of the build, and leaves its result, or its fault with the end of the log."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    last = LastLines()
    logger.addHandler(last)
    logger.setLevel(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="slipway-build-") as work:
        try:
            report, code = step(read_request(arguments, Path(work), os.environ)), 0
        except OciError as error:
            report, code = _failure(BuildFault("resolve", error.reason, str(error), error.transient))
        except BuildFault as fault:
            report, code = _failure(fault)
        except Exception as error:  # a fault of ours: said as such, and tried again, since a restart costs little
            logger.exception("the builder itself failed")
            report, code = _failure(BuildFault("build", "InternalError", f"{type(error).__name__}: {error}", True))
    logger.removeHandler(last)
    if "error" in report:
        report["error"]["log"] = last.text
    publish(report)
    return code


class LastLines(logging.Handler):
    """Keeps the end of the log for whoever reads the condition and cannot read the pod any more."""

    def __init__(self, lines: int = 12, length: int = 160) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=lines)
        self._length = length

    def emit(self, record: logging.LogRecord) -> None:
        """Notes the lines of one record, each cut to its length."""
        said = record.getMessage()
        if record.exc_info:
            said += "\n" + logging.Formatter().formatException(record.exc_info)
        self._lines.extend(line[: self._length] for line in said.splitlines() if line.strip())

    @property
    def text(self) -> str:
        """The lines, the oldest first."""
        return "\n".join(self._lines)


def _build(request: BuildRequest) -> dict[str, Any]:
    return Build(request, Tracking(request.tracking_uri, request.tracking_login)).run()


def _failure(fault: BuildFault) -> tuple[dict[str, Any], int]:
    error = {"step": fault.step, "reason": fault.reason, "message": fault.message[-2500:]}
    if fault.exit_code == EXIT_TRANSIENT:
        error["retryable"] = "true"
    return {"error": error}, fault.exit_code


if __name__ == "__main__":
    sys.exit(main())
