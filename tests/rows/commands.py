"""`slipway`, as a person runs it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.demo.settings import Environment
from tests.rows.service import Service

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Said:
    """How a command ended, and all that it printed."""

    code: int
    text: str


def slipway(environment: Environment, service: Service, command: str, *flags: str, reason: str = "a test") -> Said:
    """Runs one command on a rollout with the credentials of the cluster's kubeconfig, and waits for its answer."""
    words = [command, service.name, "-n", service.namespace, "--reason", reason, "--timeout", "90", *flags]
    done = run(*words, "--kubeconfig", environment.kubeconfig)
    return Said(done.returncode, done.stdout + done.stderr)


def run(*words: str, kubeconfig: str = "", seconds: float = 180) -> subprocess.CompletedProcess[str]:
    """Runs any command, in the environment that has the CLI's packages alone."""
    own = {"PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'model_images'}"}
    if kubeconfig:
        own["KUBECONFIG"] = kubeconfig
    return subprocess.run(
        [str(ROOT / ".venv-cli/bin/python"), "-m", "slipway.cli", *words], env={**os.environ, **own},
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
