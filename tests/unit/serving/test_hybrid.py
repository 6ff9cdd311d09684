"""Rules before the model: who answers what, that the model sees only its own rows, and what is said and counted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from slipway.features.decision import DECISION, Calibration, Decision, RuleText
from slipway_serving.service.application import Application
from slipway_serving.service.flavours.sklearn import SklearnPredictor
from slipway_serving.service.model import ServedModel, load_model
from slipway_serving.service.profile import Profile
from slipway_serving.service.schema import schema_of
from slipway_serving.service.settings import Settings
from slipway_serving.service.signature import ColumnSpec, Signature, TensorSpec

from tests.unit.serving.asgi import call
from tests.unit.serving.models import PROFILE, save_sklearn

SIGNATURE = Signature((ColumnSpec("amount", "double"), ColumnSpec("country", "string")))
RULES = (
    RuleText("large-abroad", "amount > 100 and country != 'it'", "1"),
    RuleText("tiny", "amount < 1", "0"),
    RuleText("unknown", "country is missing", "1"),
)
LAYER = Decision(0.5, None, RULES)


class Recorder:
    """A classifier that says amount / 1,000 and keeps what it was asked."""

    classes_ = np.array([0, 1])

    def __init__(self) -> None:
        self.asked: list[float] = []

    def predict(self, table: Any) -> Any:
        raise AssertionError("probabilities are asked for")

    def predict_proba(self, table: Any) -> Any:
        self.asked += table["amount"].tolist()
        share = np.clip(table["amount"].to_numpy() / 1000, 0, 1)
        return np.column_stack([1 - share, share])


def served(model: Any, layer: Decision = LAYER, profile: Profile | None = None) -> ServedModel:
    profile = profile or Profile(positive="1")
    return ServedModel(SklearnPredictor(model), schema_of(SIGNATURE, profile, Signature()), profile, None, layer)


def by_rule(amount: float, country: str | None) -> int:
    """The rules again, by hand: the index of the first that applies."""
    if amount > 100 and country is not None and country != "it":
        return 0
    if amount < 1:
        return 1
    return 2 if country is None else -1


ROWS = st.lists(
    st.tuples(st.sampled_from([0.5, 50.0, 200.0, 900.0]), st.sampled_from(["it", "de", None])), min_size=1, max_size=9
)


@given(ROWS)
def test_rules_answer_their_rows_and_the_model_only_the_others(rows: list[tuple[float, str | None]]) -> None:
    recorder = Recorder()
    model = served(recorder)
    answer = model.answer([[amount for amount, _ in rows], [country for _, country in rows]])
    deciding = [by_rule(*row) for row in rows]
    left = [amount for (amount, _), rule in zip(rows, deciding, strict=True) if rule < 0]
    expected = [
        (1, 0, 1)[rule] if rule >= 0 else int(amount >= 500) for (amount, _), rule in zip(rows, deciding, strict=True)
    ]
    assert recorder.asked == left
    assert answer.labels == expected
    assert answer.classes is not None
    assert answer.classes.tolist() == expected
    assert answer.decided_by is not None
    assert answer.decided_by.tolist() == deciding
    scores = np.full(len(rows), np.nan) if answer.scores is None else answer.scores
    assert np.isnan(scores).tolist() == [rule >= 0 for rule in deciding]
    assert scores[np.array(deciding) < 0].tolist() == [amount / 1000 for amount in left]
    assert answer.threshold == (0.5 if left else None)


def test_a_model_without_rules_says_nothing_of_who_decided() -> None:
    model = served(Recorder(), Decision(0.5))
    assert model.answer([[900.0], ["de"]]).decided_by is None
    assert model.deciders == ()


def test_scores_are_calibrated_before_the_threshold_cuts_them() -> None:
    layer = Decision(0.25, Calibration("Isotonic", (0.0, 0.5, 1.0), (0.0, 0.2, 1.0)))
    answer = served(Recorder(), layer).answer([[250.0, 500.0, 750.0], ["it"] * 3])
    assert answer.scores is not None
    np.testing.assert_allclose(answer.scores, [0.1, 0.2, 0.6])
    assert (answer.labels, answer.threshold) == ([0, 0, 1], 0.25)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (RuleText("a", "amount > 1", "2"), "rule 'a' predicts '2'; the model's classes are 0, 1"),
        (RuleText("a", "colour == 'red'", "1"), "rule 'a', character 1: 'colour' is no feature"),
        (RuleText("a", "amount == 'x'", "1"), "rule 'a', character 11: 'x' is a text"),
    ],
)
def test_rules_that_the_model_does_not_bear_keep_it_from_serving(rule: RuleText, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        served(Recorder(), Decision(rules=(rule,)))


def test_a_model_that_takes_a_fixed_number_of_rows_leaves_none_to_rules() -> None:
    schema = schema_of(Signature(tensors=(TensorSpec(None, "float64", (4, 2)),)), Profile(), Signature())
    with pytest.raises(ValueError, match="takes 4 instances at once"):
        ServedModel(SklearnPredictor(Recorder()), schema, Profile(), None, LAYER)


class Doubles:
    """A regression."""

    def predict(self, table: Any) -> Any:
        return table["amount"].to_numpy() * 2


def test_a_rule_of_a_regression_answers_a_number() -> None:
    layer = Decision(rules=(RuleText("free", "amount <= 0", 0.0),))
    answer = served(Doubles(), layer).answer([[-5.0, 5.0], ["it", "it"]])
    assert (answer.labels, answer.classes) == ([0.0, 10.0], None)
    assert answer.scores is not None
    assert np.isnan(answer.scores).tolist() == [True, False]


def write(directory: Path, layer: Decision, profile: dict[str, Any] | None = None) -> Path:
    (directory / DECISION).write_text(json.dumps(layer.document()))
    (directory / "slipway/profile.json").write_text(json.dumps(profile or PROFILE))
    return directory


def test_a_rule_for_everything_does_not_hide_what_the_model_tolerates(tmp_path: Path) -> None:
    """The row that the model is tried with at start would be answered by the rule."""
    every = RuleText("every", "amount is missing or amount is not missing", "1")
    plain = load_model(save_sklearn(tmp_path / "plain"))
    ruled = load_model(write(save_sklearn(tmp_path / "ruled"), Decision(0.5, None, (every,))))
    assert ruled.schema.columns == plain.schema.columns
    assert ruled.answer(ruled.schema.read([[0.1, "it"]])).labels == [1]


class Hybrid:
    """The application with a hybrid model, in this process; `scrape` reads its metrics."""

    profile: dict[str, Any] = PROFILE | {
        "predictions": {"scores": {"edges": [0.5], "counts": [5, 5]}},
        "slices": [{"column": "country", "values": ["it"]}],
    }

    def __init__(self, directory: Path) -> None:
        rule = RuleText("large", "amount > 0.99", "0")
        self.application = Application(Settings(rollout="a/b", revision="r1", version="7", model_name="fraud"))
        self.model = load_model(write(save_sklearn(directory), Decision(0.5, None, (rule,)), self.profile))
        self.application.serve(self.model)

    def call(self, path: str, document: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        body = None if document is None else json.dumps(document).encode()
        return asyncio.run(call(self.application, path, body, headers))[:2]

    def scrape(self, name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(self.call("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return None


@pytest.fixture
def hybrid(tmp_path: Path) -> Hybrid:
    return Hybrid(tmp_path / "model")


ASKED: dict[str, Any] = {"instances": [[0.52, "it"], [5.0, "it"], [0.48, "de"], [6.0, "fr"]]}


def test_v1_says_of_each_prediction_who_made_it(hybrid: Hybrid) -> None:
    status, answer = hybrid.call("/v1/models/fraud:predict", ASKED)
    assert (status, answer["predictions"]) == (200, [1, 0, 0, 0])
    assert answer["decided_by"] == ["model", "rule/large", "model", "rule/large"]


def test_v2_says_it_in_a_last_tensor(hybrid: Hybrid) -> None:
    tensors = [
        {"name": "amount", "shape": [2], "datatype": "FP64", "data": [0.9, 5.0]},
        {"name": "country", "shape": [2], "datatype": "BYTES", "data": ["it", "it"]},
    ]
    answer = hybrid.call("/v2/models/fraud/infer", {"inputs": tensors})[1]
    assert [one["name"] for one in answer["outputs"]] == ["predict", "decided_by"]
    assert answer["outputs"][1] == {
        "name": "decided_by", "shape": [2], "datatype": "BYTES", "data": ["model", "rule/large"],
    }  # fmt: skip
    described = hybrid.call("/v2/models/fraud")[1]["outputs"]
    assert [one["name"] for one in described] == ["predict", "decided_by"]


def test_who_decided_is_counted_from_zero_on_and_scores_are_the_models_alone(hybrid: Hybrid) -> None:
    live = {"x-slipway-revision": "r1", "x-slipway-assignment": "1.9", "x-slipway-bucket": "ab" * 32}
    for by in ("rule/large", "model"):
        assert hybrid.scrape("slipway_decisions_total", by=by, traffic="live") == 0
    assert hybrid.scrape("slipway_decisions_total", by="model", traffic="shadow") is None
    hybrid.call("/predict", ASKED, live)
    hybrid.call("/predict", ASKED, {**live, "x-slipway-revision": "other"})
    for kind in ("live", "shadow"):
        assert hybrid.scrape("slipway_decisions_total", by="rule/large", traffic=kind) == 2
        assert hybrid.scrape("slipway_decisions_total", by="model", traffic=kind) == 2
        assert hybrid.scrape("slipway_score_bucket_total", bucket="0", traffic=kind) == 1
        assert hybrid.scrape("slipway_score_bucket_total", bucket="1", traffic=kind) == 1
        assert hybrid.scrape("slipway_predictions_total", **{"class": "0"}, traffic=kind) == 3, "rules' answers count"
        assert hybrid.scrape("slipway_evidence_cluster_scores", moment="count", traffic=kind) == 2
    total = hybrid.scrape("slipway_evidence_cluster_scores", moment="sum", traffic="live")
    squares = hybrid.scrape("slipway_evidence_cluster_scores", moment="sumsq", traffic="live")
    scores = hybrid.model.answer(hybrid.model.schema.read(ASKED["instances"])).scores
    assert scores is not None
    assert total == pytest.approx(np.nansum(scores))
    assert squares == pytest.approx(np.nansum(scores**2))
    assert hybrid.scrape("slipway_score_reference", bucket="1") == 0.5


def test_answers_are_counted_by_slice(hybrid: Hybrid) -> None:
    hybrid.call("/predict", ASKED)
    hybrid.call("/predict", ASKED, {"x-slipway-revision": "r1"})

    def counted(value: str, answer: str, kind: str = "live") -> float | None:
        found = {"class": answer, "slice": "country", "value": value, "traffic": kind}
        return hybrid.scrape("slipway_slice_predictions_total", **found)

    assert (counted("it", "0"), counted("it", "1"), counted("other", "0"), counted("other", "1")) == (1, 1, 2, 0)
    assert counted("it", "1", "direct") == 1
