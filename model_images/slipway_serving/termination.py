"""How a Job tells the operator its result: by the container's termination message, which needs no rights."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

logger = logging.getLogger("slipway.job")

_TERMINATION_LOG = Path(os.environ.get("SLIPWAY_TERMINATION_LOG", "/dev/termination-log"))
_MOST_BYTES = 4096  # what the kubelet keeps of a container's termination message


def publish(report: dict[str, Any]) -> None:
    """Leaves the report as JSON; where it is too long, `error.message` and `error.log` lose their beginnings."""
    content = json.dumps(report)
    logger.info("%s", content)
    if len(content.encode()) > _MOST_BYTES:
        for part in {"message", "log"} & report["error"].keys():
            report["error"][part] = report["error"][part].encode("ascii", "replace").decode()[-1000:]
        content = json.dumps(report)
    try:
        _TERMINATION_LOG.write_text(content)
    except OSError:
        logger.warning("%s cannot be written: outside of a pod the line above is the result", _TERMINATION_LOG)
