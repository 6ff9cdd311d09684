"""`python -m slipway`: the operator."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import TYPE_CHECKING, Any

from slipway.runtime import logs, options

if TYPE_CHECKING:
    from slipway.runtime.world import Controller

CONTROLLERS = (
    "slipway.controllers.task:TaskController",
    "slipway.controllers.training:TrainingController",
    "slipway.controllers.rollout:RolloutController",
    "slipway.controllers.retrain:RetrainController",
    "slipway.controllers.request:RequestController",
    "slipway.controllers.template:TemplateController",
)


def controllers() -> list[Controller[Any]]:
    """One controller for each kind."""
    found = []
    for path in CONTROLLERS:
        module, _, name = path.partition(":")
        found.append(getattr(importlib.import_module(module), name)())
    return found


async def run(chosen: options.Options) -> int:
    """Runs the operator; returns the exit code."""
    from slipway.application import Application  # kopf is heavy, and --help should not wait for it

    install = None
    if chosen.webhook_cert:
        admission = importlib.import_module("slipway.admission")

        def install(registry: Any, settings: Any) -> None:
            admission.install(registry, settings, chosen)

    return await Application(chosen, controllers()).run(install)


def main() -> int:
    """Parses, logs, runs."""
    chosen = options.parse(sys.argv[1:])
    logs.configure(chosen.log_level, as_json=chosen.json_logs)
    return asyncio.run(run(chosen))


if __name__ == "__main__":
    sys.exit(main())
