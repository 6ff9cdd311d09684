"""Objects that MLflow wrote by skops, cloudpickle or pickle."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway_serving.service.flavours.supported import UnsupportedModel


def load_object(path: Path, flavour: Mapping[str, Any], default: str) -> Any:
    """The object in `path`; `default` is the serialisation of a model that does not name its own.

    Raises UnsupportedModel for an unknown one.
    """
    serialisation = flavour.get("serialization_format", default)
    if serialisation == "skops":
        return importlib.import_module("skops.io").load(path, trusted=flavour.get("skops_trusted_types"))
    if serialisation not in ("pickle", "cloudpickle"):
        raise UnsupportedModel(f"the model is serialised as {serialisation}, which is unknown here")
    with path.open("rb") as file:
        return importlib.import_module(serialisation).load(file)
