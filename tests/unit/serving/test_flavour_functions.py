"""Models that are plain Python functions, in any shape of answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from slipway_serving.service.answers import ModelFault
from slipway_serving.service.model import ServedModel, load_model
from slipway_serving.service.schema import Form

from tests.unit.serving import flavour_models

pytestmark = pytest.mark.long


def function(directory: Path, answer: Any) -> ServedModel:
    """A python_function that answers `answer(table)`."""
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    class Function(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return answer(model_input)

    signature = infer_signature(flavour_models.training_table())
    mlflow.pyfunc.save_model(str(directory), python_model=Function(), signature=signature, pip_requirements=["pandas"])
    return load_model(directory)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda table: table[["amount"]], [0.25, 0.75]),
        (lambda table: table["amount"], [0.25, 0.75]),
        (lambda table: table["amount"].tolist(), [0.25, 0.75]),
        (lambda table: {"first": table["amount"].to_numpy(), "sure": np.array([True, False])},
         [{"first": 0.25, "sure": True}, {"first": 0.75, "sure": False}]),
        (lambda table: table.assign(words="x")[["amount", "words"]],
         [{"amount": 0.25, "words": "x"}, {"amount": 0.75, "words": "x"}]),
        (lambda table: [{"why": ["a", np.float32(0.5)]}] * 2, [{"why": ["a", 0.5]}] * 2),
        (lambda table: np.array([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]]),
        (lambda table: ["a", None], ["a", None]),
    ],
)  # fmt: skip
def test_a_function_may_answer_in_any_tabular_shape(tmp_path: Path, answer: Any, expected: list[Any]) -> None:
    model = function(tmp_path / "model", answer)
    assert model.answer(model.schema.read([[0.25, 1], [0.75, 2]])).labels == expected


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda table: [1.0], "1 rows for 2"),
        (lambda table: "text", "no list for 2"),
        (lambda table: 3, "no list for 2"),
        (lambda table: [float("nan"), 1.0], "not finite"),
        (lambda table: [{"deep": [float("inf")]}] * 2, "not finite"),
        (lambda table: [object(), object()], "JSON cannot carry"),
    ],
)
def test_what_a_function_must_not_answer(tmp_path: Path, answer: Any, said: str) -> None:
    model = function(tmp_path / "model", answer)
    with pytest.raises(ModelFault, match=said):
        model.answer(model.schema.read([[0.25, 1], [0.75, 2]]))


def test_a_function_of_texts_takes_texts(tmp_path: Path) -> None:
    """MLflow derives the signature of such a function from its type hints: one column without a name."""
    import mlflow.pyfunc

    class Louder(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, model_input: list[str], params: Any = None) -> list[str]:
            return [text.upper() for text in model_input]

    Louder.predict.__annotations__["model_input"] = list[str]  # this file's annotations are texts
    louder = Louder()
    mlflow.pyfunc.save_model(str(tmp_path / "model"), python_model=louder, pip_requirements=["pandas"])
    model = load_model(tmp_path / "model")
    assert model.schema.form is Form.NAMELESS_FRAME
    assert model.answer(model.schema.read(["one", ["two"]])).labels == ["ONE", "TWO"]
