"""Each flavour: trained small, saved by MLflow, loaded by our loader, and answering what MLflow answers offline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from slipway_serving.service.answers import ModelFault
from slipway_serving.service.flavours.supported import FLAVOURS as SUPPORTED
from slipway_serving.service.flavours.supported import UnsupportedModel, choose_flavour
from slipway_serving.service.model import ServedModel, load_model
from slipway_serving.service.predictor import Prediction

from tests.unit.serving import flavour_models
from tests.unit.serving.flavour_models import FLAVOURS, Saved, name_classes
from tests.unit.serving.servers import SOURCES
from tests.unit.serving.trees import write_tree

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=sorted(FLAVOURS))
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return FLAVOURS[request.param](tmp_path_factory.mktemp(request.param) / "model")


def answered(model: ServedModel, saved: Saved, **parameters: Any) -> list[Any]:
    columns = model.schema.read(saved.instances)
    return model.answer(columns, model.parameters.read({"parameters": parameters or saved.parameters})).labels


def test_answers_are_those_of_mlflow_offline(saved: Saved) -> None:
    model = load_model(saved.directory)
    got = answered(model, saved)
    if isinstance(saved.offline[0], str | int):
        assert got == saved.offline
    else:
        np.testing.assert_allclose(got, saved.offline, rtol=1e-6)
    assert len({str(label) for label in got}) > 1, "a model that always says the same would prove nothing"


def test_a_request_alone_is_answered_as_in_a_batch(saved: Saved) -> None:
    model = load_model(saved.directory)
    alone = [answered(model, Saved(saved.directory, [one], [], saved.parameters))[0] for one in saved.instances]
    together = answered(model, saved)
    if isinstance(together[0], str | int):
        assert alone == together
    else:
        np.testing.assert_allclose(alone, together, rtol=1e-6)


def test_scores_are_probabilities_of_the_answers(tmp_path: Path) -> None:
    saved = flavour_models.save_onnx_classifier(tmp_path / "model")
    model = load_model(saved.directory)
    answer = model.answer(model.schema.read(saved.instances))
    assert set(model.class_names) == {"honest", "fraud"}
    assert answer.scores is not None
    assert (answer.scores >= 0.5).all()
    assert answer.threshold is None


def test_a_profile_names_the_classes_of_a_booster(tmp_path: Path) -> None:
    saved = flavour_models.save_lightgbm_booster(tmp_path / "model")
    name_classes(saved.directory, ["honest", "fraud"], "fraud", threshold=0.45)
    model = load_model(saved.directory)
    answer = model.answer(model.schema.read(saved.instances))
    assert answer.labels == ["fraud" if score >= 0.45 else "honest" for score in saved.offline]
    np.testing.assert_allclose(np.asarray(answer.scores), saved.offline)
    assert (answer.threshold, set(answer.labels)) == (0.45, {"honest", "fraud"})


def test_a_profile_names_the_classes_of_a_booster_of_three(tmp_path: Path) -> None:
    saved = flavour_models.save_xgboost_booster(tmp_path / "model")
    name_classes(saved.directory, ["low", "middle", "high"])
    model = load_model(saved.directory)
    answer = model.answer(model.schema.read(saved.instances))
    assert answer.labels == [["low", "middle", "high"][int(np.argmax(row))] for row in saved.offline]
    np.testing.assert_allclose(np.asarray(answer.scores), np.max(saved.offline, axis=1), rtol=1e-6)


def test_numbers_that_are_no_probabilities_are_not_taken_for_some(tmp_path: Path) -> None:
    saved = flavour_models.save_onnx_tensor(tmp_path / "model")
    name_classes(saved.directory, ["honest", "fraud"], "fraud")
    model = load_model(saved.directory)
    with pytest.raises(ModelFault, match="no probabilities of the classes"):
        model.answer(model.schema.read(saved.instances))


def test_probabilities_beside_labels_need_no_map(tmp_path: Path) -> None:
    """What converters write without ZipMap; MLflow's own loader cannot answer a DataFrame with it."""
    import mlflow.onnx
    from mlflow.models import infer_signature
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    table = flavour_models.training_table()
    estimator = LogisticRegression().fit(table.to_numpy(), flavour_models.binary_label(table))
    graph = to_onnx(estimator, table.to_numpy(np.float32)[:1], options={"zipmap": False})
    mlflow.onnx.save_model(graph, str(tmp_path / "model"), signature=infer_signature(table), pip_requirements=["onnx"])
    model = load_model(tmp_path / "model")
    answer = model.answer(model.schema.read(table.to_dict("records")))
    assert answer.labels == estimator.predict(table.to_numpy()).tolist()
    expected = estimator.predict_proba(table.to_numpy()).max(axis=1)
    np.testing.assert_allclose(np.asarray(answer.scores), expected, atol=1e-5)


def test_a_graph_of_several_inputs_takes_a_column_each(tmp_path: Path) -> None:
    import mlflow.onnx
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table = flavour_models.training_table().drop(columns="items")
    table["country"] = np.where(np.arange(len(table)) % 3, "it", "de")
    encode = make_column_transformer((OneHotEncoder(), ["country"]), remainder="passthrough")
    pipeline = make_pipeline(encode, LogisticRegression()).fit(table, flavour_models.binary_label(table))
    inputs = [("amount", FloatTensorType([None, 1])), ("country", StringTensorType([None, 1]))]
    mlflow.onnx.save_model(to_onnx(pipeline, initial_types=inputs), str(tmp_path / "model"), pip_requirements=["onnx"])
    model = load_model(tmp_path / "model")
    kinds = {column.name: column.type for column in model.schema.columns}
    assert kinds == {"amount": "double", "country": "string"}
    answer = model.answer(model.schema.read(table.to_dict("records")))
    assert answer.labels == pipeline.predict(table).tolist()
    assert model.class_names == (), "no row is known that this encoder survives, so nothing told the classes"
    country = {"name": "country", "type": "Categorical", "values": ["it", "de"], "counts": [2, 1]}
    profile = {"features": [{"name": "amount", "type": "Numeric"}, country]}
    write_tree(tmp_path / "model", {"slipway/profile.json": json.dumps(profile).encode()})
    assert load_model(tmp_path / "model").class_names == ("0", "1")


def test_parameters_reach_the_model(tmp_path: Path) -> None:
    saved = flavour_models.save_python_function(tmp_path / "model")
    model = load_model(saved.directory)
    assert set(answered(model, saved, factor=0.0)) == {"honest"}
    by_default = model.answer(model.schema.read(saved.instances)).labels
    assert by_default == answered(model, saved, factor=1.0) != saved.offline


def test_parameters_reach_a_booster(tmp_path: Path) -> None:
    import mlflow.xgboost
    import xgboost
    from mlflow.models import infer_signature

    table = flavour_models.training_table()
    matrix = xgboost.DMatrix(table, flavour_models.binary_label(table))
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, matrix, 3)
    signature = infer_signature(table, params={"output_margin": False})
    mlflow.xgboost.save_model(booster, str(tmp_path / "m"), signature=signature, pip_requirements=["xgboost"])
    model = load_model(tmp_path / "m")
    columns = model.schema.read(table.to_dict("records"))
    margins = model.answer(columns, model.parameters.read({"params": {"output_margin": True}}))
    np.testing.assert_allclose(np.asarray(margins.scores), booster.predict(matrix, output_margin=True), rtol=1e-6)
    assert min(margins.labels) < 0 < min(model.answer(columns).labels)


def test_the_table_names_every_loader_and_chooses_the_native_one() -> None:
    folder = Path(sys.modules[choose_flavour.__module__].__file__ or "").parent
    assert {one.name for one in SUPPORTED} <= {path.stem for path in folder.glob("*.py")}
    function = {"loader_module": "mlflow.lightgbm"}
    assert choose_flavour({"python_function": function, "lightgbm": {}}).name == "lightgbm"
    assert choose_flavour({"python_function": {"loader_module": "mlflow.pyfunc.model"}}).name == "python_function"
    assert choose_flavour({"python_function": {"loader_module": "my_loader"}}).name == "python_function"


@pytest.mark.parametrize("flavours", [{}, {"catboost": {}, "python_function": {"loader_module": "mlflow.catboost"}}])
def test_other_flavours_are_refused_with_those_that_are_served(flavours: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        choose_flavour(flavours)
    for flavour in SUPPORTED:
        assert flavour.name in str(caught.value)


def test_the_served_flavours_need_no_mlflow(tmp_path: Path) -> None:
    """All but python_function: an image of theirs has no MLflow, so its import must fail and nothing must miss it."""
    saved = flavour_models.save_onnx_classifier(tmp_path / "model")
    code = (
        "import sys; sys.modules['mlflow'] = None\n"
        "from pathlib import Path\nfrom slipway_serving.service.model import load_model\n"
        f"print(load_model(Path({str(saved.directory)!r})).class_names, 'onnx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": SOURCES}, capture_output=True, text=True)
    assert done.stdout.strip() == "('fraud', 'honest') False", done.stderr


def test_prediction_without_anything_named_is_a_fault() -> None:
    from slipway_serving.service.answers import AnswerReader
    from slipway_serving.service.profile import Profile

    with pytest.raises(ModelFault, match="nothing names"):
        AnswerReader(None, Profile()).read(Prediction(None, np.array([[0.5, 0.5]])), 1)
