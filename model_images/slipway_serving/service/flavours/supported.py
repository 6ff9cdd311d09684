"""Which flavours of an MLflow model can be served: the one table that the builder and the server share.

Nothing here imports a flavour's library: the builder, which holds push credentials, reads this too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Flavour:
    """One flavour by its name in `MLmodel`.

    `package` is what its loader imports, and `version` the member of the flavour (of `MLmodel` itself where not
    `native`) that says which version wrote the model; `unneeded` are packages that MLflow writes into every such
    model's requirements and that no answer needs. `native` is False where the model is loaded through MLflow itself;
    `signed` says that the model alone does not tell what it wants to be asked.
    """

    name: str
    package: str
    version: str
    unneeded: tuple[str, ...] = ()
    native: bool = True
    signed: bool = False


# In the order of choice: nearly every model has python_function besides its own flavour, which says more of it.
FLAVOURS = (
    Flavour("sklearn", "scikit-learn", "sklearn_version"),
    Flavour("xgboost", "xgboost", "xgb_version"),
    Flavour("lightgbm", "lightgbm", "lgb_version"),
    Flavour("onnx", "onnxruntime", "", unneeded=("onnx",)),
    Flavour("pytorch", "torch", "pytorch_version", signed=True),
    Flavour("python_function", "mlflow-skinny", "mlflow_version", native=False, signed=True),
)


class UnsupportedModel(Exception):
    """A model directory that cannot be served; the message says why, and what would be."""


def choose_flavour(flavours: Mapping[str, Any]) -> Flavour:
    """The flavour that a model is served as. Raises UnsupportedModel.

    A python_function that only forwards to a library's own flavour (`loader_module: mlflow.catboost`) counts as that
    flavour: nobody has tried whether it loads here.
    """
    for flavour in FLAVOURS:
        if flavour.name in flavours and (flavour.native or _of_its_own(flavours[flavour.name])):
            return flavour
    names = ", ".join(sorted(map(str, flavours))) or "none"
    supported = ", ".join(flavour.name for flavour in FLAVOURS)
    raise UnsupportedModel(
        f"the model's flavours are {names}; supported are {supported}. Log it as one of these: a "
        "mlflow.pyfunc.PythonModel may hold any model"
    )


def brings_code(flavours: Mapping[str, Any]) -> bool:
    """Whether modules travel with the model (`code_paths`), or it is nothing but Python."""
    own = any(isinstance(one, Mapping) and one.get("code") for one in flavours.values())
    return own or not choose_flavour(flavours).native


def _of_its_own(function: Mapping[str, Any]) -> bool:
    module = str(function.get("loader_module") or "")
    return not module.startswith("mlflow.") or module.startswith("mlflow.pyfunc.")
