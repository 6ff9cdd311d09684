"""`python3 -m slipway_serving.build`: one build; its result goes where the kubelet hands it to the operator."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipway_oci import OciError

from slipway_serving.build.assemble import Build
from slipway_serving.build.faults import EXIT_TRANSIENT, BuildFault
from slipway_serving.build.request import read_request
from slipway_serving.build.tracking import Tracking

logger = logging.getLogger("slipway.build")

_TERMINATION_LOG = Path(os.environ.get("SLIPWAY_TERMINATION_LOG", "/dev/termination-log"))
_MOST_BYTES = 4096  # what the kubelet keeps of a container's termination message


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds; returns the exit code: 0, 1 (somebody must change something), 75 (trying again may help)."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    with tempfile.TemporaryDirectory(prefix="slipway-build-") as work:
        try:
            request = read_request(sys.argv[1:] if arguments is None else arguments, Path(work))
            tracking = Tracking(request.tracking_uri, _tracking_auth())
            report, code = Build(request, tracking).run(), 0
        except OciError as error:
            report, code = _failure(BuildFault("resolve", error.reason, str(error), error.transient))
        except BuildFault as fault:
            report, code = _failure(fault)
        except Exception as error:  # a fault of ours: said as such, and tried again, since a restart costs little
            logger.exception("the builder itself failed")
            report, code = _failure(BuildFault("build", "InternalError", f"{type(error).__name__}: {error}", True))
    _publish(report)
    return code


def _failure(fault: BuildFault) -> tuple[dict[str, Any], int]:
    error = {"step": fault.step, "reason": fault.reason, "message": fault.message[-2500:]}
    if fault.exit_code == EXIT_TRANSIENT:
        error["retryable"] = "true"
    return {"error": error}, fault.exit_code


def _publish(report: dict[str, Any]) -> None:
    content = json.dumps(report)
    logger.info("%s", content)
    if len(content.encode()) > _MOST_BYTES:
        report["error"]["message"] = report["error"]["message"].encode("ascii", "replace").decode()[-1000:]
        content = json.dumps(report)
    try:
        _TERMINATION_LOG.write_text(content)
    except OSError:
        logger.warning("%s cannot be written: outside of a pod the line above is the result", _TERMINATION_LOG)


def _tracking_auth() -> tuple[str, str] | None:
    user, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    return (user, password) if user and password else None


if __name__ == "__main__":
    sys.exit(main())
