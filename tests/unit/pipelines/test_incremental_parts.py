"""A version that is continued, part by part: how it is read back, and a test before each learning."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway_pipelines.columns import Columns
from slipway_pipelines.estimators import build_estimator
from slipway_pipelines.evaluate import Frozen
from slipway_pipelines.faults import DataFault
from slipway_pipelines.fit import build_pipeline
from slipway_pipelines.incremental.forgetting import remembered
from slipway_pipelines.incremental.lineage import (
    Span,
    digest_of,
    first_lineage,
    in_order,
    span,
)
from slipway_pipelines.incremental.prequential import predict_then_learn
from slipway_pipelines.incremental.unpickle import Unreadable, read_pipeline
from slipway_pipelines.openings import Opening, TestSet, opened_until
from slipway_pipelines.preprocess import Preparation
from slipway_pipelines.split import Splits

from tests.unit.pipelines.made import COLUMNS, table

BINARY = "BinaryClassification"


def parts(seed: int = 3, rows: int = 1200) -> Splits:
    rows_in_order = table(rows, seed).sort_values("at").reset_index(drop=True)
    cut, end = int(rows * 0.6), int(rows * 0.75)
    return Splits(rows_in_order[:cut], rows_in_order[cut:end].reset_index(drop=True), rows_in_order[end:])


def test_the_first_lineage_has_seen_its_test_rows_and_names_its_validation_rows_by_their_time() -> None:
    found = parts()
    made = first_lineage(COLUMNS, found, "Time", "StochasticGradient", "sha256:d")
    assert made is not None
    assert made.end == found.test["at"].max().isoformat()
    assert made.validation == span(found.validation, "at")
    assert made.trained == len(found.train)
    assert first_lineage(replace(COLUMNS, timestamp=None), found, "Random", "Linear", "") is None
    by_entity = first_lineage(COLUMNS, found, "Entity", "Linear", "")
    assert by_entity is not None
    assert by_entity.validation is None


def test_the_digest_of_a_batch_is_that_of_its_rows_whatever_their_order_in_files() -> None:
    rows = table(50)
    rows.loc[5:9, "at"] = rows["at"].iloc[5]
    shuffled = rows.sample(frac=1, random_state=1).reset_index(drop=True)
    assert digest_of(in_order(rows, COLUMNS), COLUMNS) == digest_of(in_order(shuffled, COLUMNS), COLUMNS)
    other = rows.assign(fraud=rows["fraud"].where(rows.index != 7, "1" if rows["fraud"][7] == "0" else "0"))
    assert digest_of(in_order(rows, COLUMNS), COLUMNS) != digest_of(in_order(other, COLUMNS), COLUMNS)


def fitted(estimator: str = "StochasticGradient", columns: Columns = COLUMNS, label: str = "fraud") -> Frozen:
    rows = parts().train
    regression = label != "fraud"
    kind = "Regression" if regression else BINARY
    pipeline = build_pipeline(columns, build_estimator(kind, estimator, {}, 3))
    pipeline.fit(rows[list(columns.features)], rows[label])
    if regression:
        return Frozen(pipeline, replace(columns, label=label), kind, (), None, None)
    return Frozen(pipeline, columns, kind, ("0", "1"), "1", 0.5)


def new_rows(count: int = 400, seed: int = 9) -> pd.DataFrame:
    rows = table(count, seed)
    return in_order(rows.assign(at=rows["at"] + pd.Timedelta(400, unit="D")), COLUMNS)


@pytest.mark.parametrize("estimator", ["StochasticGradient", "NaiveBayes", "NeuralNetwork"])
def test_a_row_is_predicted_before_it_is_learnt(estimator: str) -> None:
    """What stands in the labels from a place on changes no prediction up to there, and the model at the end."""
    base, rows = fitted(estimator), new_rows()
    flipped = rows.copy()
    flipped.loc[256:, "fraud"] = np.where(rows["fraud"][256:] == "1", "0", "1")
    one, other = (predict_then_learn(base, [each], None, 0.0) for each in (rows, flipped))
    assert one.answers is not None
    assert other.answers is not None
    assert np.array_equal(one.answers.scores[:320], other.answers.scores[:320])
    assert not np.array_equal(one.answers.scores[320:], other.answers.scores[320:]), "and then it has learnt"
    asked = rows[list(COLUMNS.features)]
    assert not np.array_equal(*(each.model.pipeline.predict_proba(asked) for each in (one, other)))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 399))
def test_no_label_reaches_a_prediction_of_its_own_row_or_of_one_before(place: int) -> None:
    base, rows = fitted("NaiveBayes"), new_rows()
    flipped = rows.copy()
    flipped.loc[place, "fraud"] = "0" if rows["fraud"][place] == "1" else "1"
    one, other = (predict_then_learn(base, [each], None, 0.0).answers for each in (rows, flipped))
    assert one is not None
    assert other is not None
    assert np.array_equal(one.scores[: place + 1], other.scores[: place + 1])


def test_labels_that_come_late_are_learnt_late_and_the_model_is_the_same() -> None:
    base, rows = fitted(), new_rows()
    at_once, late = (predict_then_learn(base, [rows], None, delay) for delay in (0.0, 1e9))
    assert late.answers is not None
    assert at_once.answers is not None
    asked = rows[list(COLUMNS.features)]
    assert np.array_equal(late.answers.scores, base.pipeline.predict_proba(asked)), "nothing was known in time"
    assert not np.array_equal(at_once.answers.scores, late.answers.scores)
    assert np.array_equal(*(each.model.pipeline.predict_proba(asked) for each in (at_once, late)))


def test_the_base_stays_as_it_is_and_the_same_rows_make_the_same_model() -> None:
    base, rows = fitted("NeuralNetwork"), new_rows()
    before = pickle.dumps(base.pipeline)
    one, other = (predict_then_learn(base, [rows], None, 0.0).model.pipeline for _ in range(2))
    assert pickle.dumps(base.pipeline) == before
    asked = rows[list(COLUMNS.features)]
    assert np.array_equal(one.predict_proba(asked), other.predict_proba(asked))
    assert one[:-1].get_params().keys() == base.pipeline[:-1].get_params().keys()
    assert np.array_equal(one[:-1].transform(asked), base.pipeline[:-1].transform(asked)), "encoders are fixed"


def test_rows_that_were_looked_at_before_are_learnt_and_judge_nothing() -> None:
    base, rows = fitted(), new_rows()
    after = rows["at"].iloc[199]
    found = predict_then_learn(base, [rows], after, 0.0)
    assert found.answers is not None
    assert len(found.answers) == len(found.table) == 200
    assert (found.table["at"] > after).all()
    everything = predict_then_learn(base, [rows], None, 0.0)
    assert everything.answers is not None
    assert np.array_equal(everything.answers.scores[200:], found.answers.scores)
    with pytest.raises(ValueError, match="its own rows alone"):
        found.rows(rows)


def test_what_an_estimator_refuses_is_told_in_words() -> None:
    base, rows = fitted("NeuralNetwork"), new_rows()
    base.pipeline[-1].set_params(early_stopping=True)
    with pytest.raises(DataFault, match="MLPClassifier refuses the data"):
        predict_then_learn(base, [rows], None, 0.0)


def opening(number: int, last: str) -> Opening:
    return Opening(number, f"team/run-{number}", f"u-{number}", TestSet(np.empty(0, np.uint64), 5, "", last))


def test_rows_may_judge_from_the_end_of_what_was_opened_more_often_than_is_allowed() -> None:
    looks = [opening(1, "2026-01-03"), opening(2, "2026-01-01"), opening(3, "2026-01-02"), opening(4, "")]
    assert [opened_until(looks, allowed) for allowed in range(4)] == ["2026-01-03", "2026-01-02", "2026-01-01", ""]


WIDE = Columns(
    ("amount", "items"), ("country", "shop"), "fraud", "id", "card", "at", text=("note",),
    expressions={"each": "amount / items"},
)  # fmt: skip


@pytest.mark.parametrize("kind", [BINARY, "Regression"])
@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        ("StochasticGradient", {}),
        (
            "StochasticGradient",
            {"average": "true", "penalty": "elasticnet", "learning_rate": "adaptive", "eta0": "0.1"},
        ),
        ("NeuralNetwork", {"max_iter": "5"}),
        ("NeuralNetwork", {"max_iter": "5", "solver": "sgd"}),
        ("NaiveBayes", {}),
    ],
)
def test_all_that_a_training_puts_into_a_pipeline_is_read_back(
    kind: str, estimator: str, parameters: dict[str, str], tmp_path: Path
) -> None:
    if kind == "Regression" and estimator == "NaiveBayes":
        with pytest.raises(DataFault, match="is not one for Regression"):
            build_estimator(kind, estimator, parameters, 3)
        return
    rows = table(600)
    rows = rows.assign(
        shop=[f"s{n % 60}" for n in range(600)],
        note=[f"to {n % 7} at {n % 5}" for n in range(600)],
        paid=rows["amount"],
    )
    label, continuous = ("paid", True) if kind == "Regression" else ("fraud", False)
    chosen = Preparation((), ("shop",), continuous)
    pipeline = build_pipeline(WIDE, build_estimator(kind, estimator, parameters, 3), chosen)
    asked = rows[list(WIDE.features)]
    pipeline.fit(asked, rows[label])
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(pipeline))
    assert np.array_equal(read_pipeline(tmp_path / "model.pkl").predict(asked), pipeline.predict(asked))


class Harmful:
    """Whatever unpickles it writes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.file, "ran")


def test_what_else_a_pickle_names_is_refused_and_never_called(tmp_path: Path) -> None:
    pipeline = fitted().pipeline
    pipeline.steps.append(("harm", Harmful(tmp_path / "ran")))
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(pipeline))
    with pytest.raises(Unreadable, match="pathlib"):
        read_pipeline(tmp_path / "model.pkl")
    assert not (tmp_path / "ran").exists()


def test_another_object_a_broken_file_and_another_version_of_the_library_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    pipeline = fitted().pipeline
    file.write_bytes(pickle.dumps(pipeline[-1]))
    with pytest.raises(Unreadable, match="SGDClassifier, no Pipeline"):
        read_pipeline(file)
    file.write_bytes(pickle.dumps(pipeline)[:-40])
    with pytest.raises(Unreadable):
        read_pipeline(file)
    import sklearn

    version = sklearn.__version__.encode()
    file.write_bytes(pickle.dumps(pipeline).replace(version, b"0" * len(version)))
    with pytest.raises(Unreadable, match="has fitted it, and this is another version"):
        read_pipeline(file)


def forgotten(base: Frozen, model: Frozen, tolerance: float = 0.01) -> Any:
    held = parts().validation
    return remembered(base, model, held, span(held, "at"), "roc_auc", tolerance, 1)


def test_a_sure_loss_on_the_old_rows_is_forgetting_and_a_tolerance_bears_it() -> None:
    base = fitted()
    rows = new_rows(400)
    upside_down = rows.assign(fraud=np.where(rows["fraud"] == "1", "0", "1"))
    turned = predict_then_learn(base, [upside_down], None, 0.0).model
    found = forgotten(base, turned)
    assert (found.status, found.reason) == ("True", "Forgot")
    assert "roc_auc" in found.message
    assert found.value.value < found.before
    assert forgotten(base, turned, 1.0).status == "False"


def test_the_same_model_has_forgotten_nothing() -> None:
    base = fitted()
    assert forgotten(base, base).status == "False"


def test_without_the_old_rows_nobody_knows() -> None:
    base, held = fitted(), parts().validation
    gone = remembered(base, base, held.iloc[:0], span(held, "at"), "roc_auc", 0.01, 1)
    never = remembered(base, base, held.iloc[:0], None, "roc_auc", 0.01, 1)
    assert [(one.status, one.reason) for one in (gone, never)] == [("Unknown", "CohortGone"), ("Unknown", "NoCohort")]
    assert gone.condition()["type"] == "Forgetting"
    assert Span(1, "a", "b").rows == 1
