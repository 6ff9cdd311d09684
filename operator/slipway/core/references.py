"""What an object of ours refers to by name, as the API server holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def task_name(user: Mapping[str, Any]) -> str:
    """The ModelTask; empty where none is named. `user` may be a template of a TrainingRun."""
    return str(((user.get("spec") or {}).get("taskRef") or {}).get("name", ""))
