"""A tiny model of each flavour as MLflow saves it, with what MLflow itself answers offline for a few rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

CODE = '''"""Rules that travel beside a model."""

LIMIT = 0.5


def is_large(values):
    return values > LIMIT
'''


@dataclass(frozen=True)
class Saved:
    """A model directory, requests for it, and the offline answers: labels or numbers, one per instance."""

    directory: Path
    instances: list[Any]
    offline: list[Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def training_table() -> Any:
    """60 rows of two features, the same every time."""
    import pandas as pd

    draw = np.random.default_rng(5)
    return pd.DataFrame({"amount": draw.random(60), "items": draw.integers(0, 9, 60).astype(float)})


def binary_label(table: Any) -> Any:
    return (table["amount"] > 0.5).astype(int)


def save_sklearn_skops(directory: Path) -> Saved:
    """LogisticRegression as skops keeps it, without a pickle."""
    import mlflow.sklearn
    import skops
    from mlflow.models import infer_signature
    from sklearn import __version__
    from sklearn.linear_model import LogisticRegression

    table = training_table()
    mlflow.sklearn.save_model(
        LogisticRegression(C=100).fit(table, binary_label(table)),
        str(directory),
        serialization_format="skops",
        signature=infer_signature(table),
        pip_requirements=[f"scikit-learn=={__version__}", f"skops=={skops.__version__}"],
    )
    return _saved(directory, table)


def save_xgboost_estimator(directory: Path) -> Saved:
    """XGBClassifier."""
    import xgboost

    table = training_table()
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(table, binary_label(table))
    _save("xgboost", model, directory, table)
    return _saved(directory, table)


def save_xgboost_booster(directory: Path) -> Saved:
    """A Booster of three classes, saved without a signature: it knows its features itself."""
    import xgboost

    table = training_table()
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "nthread": 1}
    _save("xgboost", xgboost.train(settings, xgboost.DMatrix(table, (table["amount"] * 3).astype(int)), 3), directory)
    return _saved(directory, table)


def save_lightgbm_estimator(directory: Path) -> Saved:
    """LGBMClassifier with labels of text."""
    import lightgbm

    table = training_table()
    label = binary_label(table).map({0: "honest", 1: "fraud"})
    model = lightgbm.LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1, n_jobs=1).fit(table, label)
    _save("lightgbm", model, directory, table)
    return _saved(directory, table)


def save_lightgbm_booster(directory: Path) -> Saved:
    """A Booster that answers a probability."""
    import lightgbm

    table = training_table()
    settings = {"objective": "binary", "verbose": -1, "min_data_in_leaf": 2, "num_threads": 1}
    data = lightgbm.Dataset(table, binary_label(table), free_raw_data=False)
    _save("lightgbm", lightgbm.train(settings, data, 3), directory, table)
    return _saved(directory, table)


def save_onnx_classifier(directory: Path) -> Saved:
    """A converted logistic regression: labels, and a map of probabilities for each row."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    table = training_table()
    label = binary_label(table).map({0: "honest", 1: "fraud"})
    graph = to_onnx(LogisticRegression().fit(table.to_numpy(), label), table.to_numpy(np.float32)[:1])
    _save("onnx", graph, directory, table)
    return _saved(directory, table, "output_label")


def save_onnx_tensor(directory: Path) -> Saved:
    """A regression with a tensor signature."""
    import mlflow.pyfunc
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    table = training_table().to_numpy(np.float32)
    graph = to_onnx(LinearRegression().fit(table, table.sum(axis=1)), table[:1])
    _save("onnx", graph, directory, table)
    offline = mlflow.pyfunc.load_model(str(directory)).predict(table[:9])["variable"]
    return Saved(directory, table[:9].tolist(), offline[:, 0].tolist())


def save_python_function(directory: Path) -> Saved:
    """A PythonModel with an inference parameter, which uses a module beside it (`code_paths`)."""
    import sys

    import mlflow.pyfunc
    from mlflow.models import infer_signature

    source = directory.parent / "code" / "rules_beside.py"
    source.parent.mkdir(exist_ok=True)
    source.write_text(CODE)

    class Rules(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            import rules_beside  # type: ignore[import-not-found]

            return rules_beside.is_large(model_input["amount"] * params["factor"]).map({True: "fraud", False: "honest"})

    table = training_table()
    signature = infer_signature(table, params={"factor": 1.0})
    words = {"python_model": Rules(), "code_paths": [str(source)], "signature": signature}
    mlflow.pyfunc.save_model(str(directory), pip_requirements=requirements("python_function"), **words)
    parameters = {"factor": 0.7}
    model = mlflow.pyfunc.load_model(str(directory))
    answers = model.predict(table.head(9), params=parameters).tolist()
    sys.modules.pop("rules_beside")
    sys.path.remove(str(directory / "code"))
    return Saved(directory, table.head(9).to_dict("records"), answers, parameters)


FLAVOURS: Mapping[str, Callable[[Path], Saved]] = {
    "sklearn-skops": save_sklearn_skops,
    "xgboost-estimator": save_xgboost_estimator,
    "xgboost-booster": save_xgboost_booster,
    "lightgbm-estimator": save_lightgbm_estimator,
    "lightgbm-booster": save_lightgbm_booster,
    "onnx-classifier": save_onnx_classifier,
    "onnx-tensor": save_onnx_tensor,
    "python_function": save_python_function,
}


def requirements(flavour: str) -> list[str]:
    """What MLflow would find out by loading the model in a second process: the flavour's library as it is here."""
    import importlib

    names = {"onnx": ("onnx", "onnxruntime"), "python_function": ("pandas",)}.get(flavour, (flavour,))
    return [f"{name}=={importlib.import_module(name).__version__}" for name in names]


def name_classes(directory: Path, classes: list[str], positive: str | None = None, threshold: float = 0.5) -> None:
    """A profile as a user may write it by hand for a model that does not name its classes."""
    profile = {"classes": classes, "positive": positive, "threshold": threshold}
    (directory / "slipway").mkdir(exist_ok=True)
    (directory / "slipway/profile.json").write_text(json.dumps(profile))


def _save(flavour: str, model: Any, directory: Path, example: Any = None) -> None:
    import importlib

    from mlflow.models import infer_signature

    signature = None if example is None else infer_signature(example)
    save = importlib.import_module(f"mlflow.{flavour}").save_model
    save(model, str(directory), signature=signature, pip_requirements=requirements(flavour))


def _saved(directory: Path, table: Any, column: str | None = None) -> Saved:
    import mlflow.pyfunc

    answers = mlflow.pyfunc.load_model(str(directory)).predict(table.head(9))
    chosen = answers if column is None else answers[column]
    return Saved(directory, table.head(9).to_dict("records"), np.asarray(chosen).tolist())
