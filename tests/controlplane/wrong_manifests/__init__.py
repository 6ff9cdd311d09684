"""Wrong manifests by kind, each a good one with one thing changed, and what the refusal must say.

The API server refuses them by the CRD (test_crds.py); the models refuse SPECS too (tests/unit/api), so that
`slipway lint` and reconcile agree with the API server.
"""

from __future__ import annotations

from tests.controlplane.wrong_manifests.experiments import EXPERIMENTS
from tests.controlplane.wrong_manifests.gates import GATES
from tests.controlplane.wrong_manifests.manifest import ABSENT, Wrong, all_good, changed, good
from tests.controlplane.wrong_manifests.names import NAMES
from tests.controlplane.wrong_manifests.policies import POLICIES
from tests.controlplane.wrong_manifests.requests import REQUESTS
from tests.controlplane.wrong_manifests.rollouts import ROLLOUTS
from tests.controlplane.wrong_manifests.runs import RUNS
from tests.controlplane.wrong_manifests.tasks import BATCHES, TASKS
from tests.controlplane.wrong_manifests.templates import TEMPLATES

SPECS = (*TASKS, *BATCHES, *RUNS, *ROLLOUTS, *EXPERIMENTS, *GATES, *POLICIES, *REQUESTS, *TEMPLATES)

__all__ = ["ABSENT", "NAMES", "SPECS", "Wrong", "all_good", "changed", "good"]
