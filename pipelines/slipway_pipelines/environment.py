"""What a model was made with, beside data and parameters: what decides whether it comes out again bit by bit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

LIBRARIES = ("scikit-learn", "numpy", "pandas", "scipy", "mlflow-skinny", "optuna")
_CPU, _GPU = Path("/proc/cpuinfo"), Path("/proc/driver/nvidia/version")


def environment() -> dict[str, str]:
    """Versions of Python and libraries, the class of the CPU, threads, and the driver of a GPU where there is one."""
    known = {f"version.{name}": importlib.metadata.version(name) for name in LIBRARIES}
    return known | {
        "python": platform.python_version(),
        "cpu": _cpu(),
        "threads": str(len(os.sched_getaffinity(0))),
        "gpu": _GPU.read_text().splitlines()[0].strip() if _GPU.exists() else "",
    }


def _cpu() -> str:
    lines = _CPU.read_text().splitlines() if _CPU.exists() else ()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
