"""What a Job tells the operator that has one answer: JSON of at most 4,096 bytes, its container's termination message.

Exit codes: 0 answered, 1 somebody must change something, 75 the store or the machine failed and the Job should try
again.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slipway_pipelines.faults import EXIT_OK, Fault, fault_of

LIMIT = 4096  # bytes; the kubelet cuts a longer message, and half a JSON document is none


def answered(environment: Mapping[str, str], work: Callable[[], str]) -> int:
    """Does the work, leaves its words or why there are none, and returns the exit code of the process."""
    try:
        said, code = work(), EXIT_OK
    except Exception as error:
        fault = fault_of(error)
        said, code = _error_words(fault), fault.exit_code
    print(said, flush=True)
    leave(said, environment)
    return code


def leave(text: str, environment: Mapping[str, str]) -> None:
    """Writes the message; that there is no place for it, outside of a container, is no reason to fail."""
    path = Path(environment.get("SLIPWAY_TERMINATION_LOG", "/dev/termination-log"))
    try:
        path.write_text(text)
    except OSError as error:
        print(f"{path}: {error.strerror}; outside of a pod this is the result: {text}", file=sys.stderr, flush=True)


def compact(document: Mapping[str, Any]) -> str:
    """JSON without spaces."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def short(value: float) -> float | int | None:
    """Seven digits; JSON has no infinity, and null stands for it."""
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.7g}")


def _error_words(fault: Fault) -> str:
    message = fault.message.encode("ascii", "replace").decode()[:1000]
    return json.dumps({"error": {"reason": fault.reason, "message": message}})
