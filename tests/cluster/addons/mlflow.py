"""MLflow's tracking server: a database, and artifacts that go through the server, so that clients need no storage."""

from __future__ import annotations

from slipway_oci import ImageConfig

from tests.cluster.addons.addon import Addon, Context, Probe, manifest
from tests.cluster.layers import DEPENDENCIES, environment_key
from tests.cluster.places import REPOSITORY

# The lock of the project's own pipelines: MLflow's server and the Jobs share one layer of 94 packages.
LOCK = REPOSITORY / "requirements" / "pipelines.txt"


def _phases(context: Context) -> list[str]:
    config = ImageConfig(
        env={"PYTHONPATH": f"/{DEPENDENCIES}", "PYTHONUNBUFFERED": "1"},
        entrypoint=("/usr/bin/python3", "-m", "mlflow"),
        user="65532",
    )
    image = context.images.on_base(
        "mlflow", lambda: [context.images.layers.python_environment(LOCK)], environment_key(LOCK), config
    )
    return [manifest("mlflow.yaml", image=image, data=str(context.data_directory("mlflow")))]


ADDON = Addon("mlflow", _phases, (("mlflow", "mlflow"),), (Probe("mlflow", "mlflow", 5000, "/health"),))
