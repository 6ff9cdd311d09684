"""Entities that are held out: the rules answer them, the model is asked all the same, and both are told apart."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from slipway.features.baseline import BASELINE, Baseline, BaselineError, read_baseline
from slipway.features.decision import RuleText
from slipway_serving.service.application import Application
from slipway_serving.service.assignment import Origin, read_origin
from slipway_serving.service.model import load_model
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import LogSettings
from slipway_serving.service.settings import Settings

from tests.unit.serving.asgi import call
from tests.unit.serving.logged import SCHEMA, entry
from tests.unit.serving.models import PROFILE, save_sklearn

RULES = Baseline((RuleText("large", "amount > 0.7", "1"), RuleText("french", "country == 'fr'", "1")), "0")
ASKED: dict[str, Any] = {"instances": [[0.52, "it"], [0.9, "it"], [0.48, "fr"], [0.1, "de"]]}
ENTITY = hashlib.sha256(b"card 1").hexdigest()
HELD = {
    "x-slipway-revision": "r1", "x-slipway-assignment": "1.9", "x-slipway-bucket": ENTITY, "x-slipway-holdout": "3",
}  # fmt: skip
LIVE = {name: value for name, value in HELD.items() if name != "x-slipway-holdout"}


class Pod:
    """The application with a small model and a baseline beside it, in this process."""

    def __init__(self, directory: Path, baseline: Baseline | str | None = RULES) -> None:
        save_sklearn(directory)
        profile = PROFILE | {"slices": [{"column": "country", "values": ["it"]}]}
        (directory / "slipway/profile.json").write_text(json.dumps(profile))
        if baseline is not None:
            text = baseline if isinstance(baseline, str) else json.dumps(baseline.document())
            (directory / BASELINE).write_text(text)
        self.application = Application(Settings(rollout="a/b", revision="r1", version="7", model_name="fraud"))
        self.model = load_model(directory)
        self.application.serve(self.model)

    def ask(self, headers: dict[str, str], path: str = "/predict", document: Any = None) -> Any:
        body = json.dumps(document or ASKED).encode()
        status, answer = asyncio.run(call(self.application, path, body, headers))[:2]
        assert status == 200
        return answer

    def scrape(self, name: str, **labels: str) -> list[float]:
        page = asyncio.run(call(self.application, "/metrics", None, None))[1]
        return [
            float(sample.value)
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path / "model")


def test_the_rules_answer_who_is_held_out_and_the_model_everybody_else(pod: Pod) -> None:
    held, live = pod.ask(HELD), pod.ask(LIVE)
    assert held["predictions"] == [0, 1, 1, 0]
    assert held["decided_by"] == ["holdout", "holdout/large", "holdout/french", "holdout"]
    assert live["predictions"] == [1, 1, 0, 0]
    assert "decided_by" not in live


def test_v2_says_the_same(pod: Pod) -> None:
    tensors = [
        {"name": "amount", "shape": [2], "datatype": "FP64", "data": [0.9, 0.6]},
        {"name": "country", "shape": [2], "datatype": "BYTES", "data": ["it", "it"]},
    ]
    outputs = pod.ask(HELD, "/v2/models/fraud/infer", {"inputs": tensors})["outputs"]
    assert [one["data"] for one in outputs] == [[1, 0], ["holdout/large", "holdout"]]


def test_held_out_requests_are_no_evidence_of_what_gates_read(pod: Pod) -> None:
    pod.ask(LIVE)
    names = (
        "slipway_requests_total",
        "slipway_predictions_total",
        "slipway_evidence_requests",
        "slipway_evidence_cluster_predictions",
        "slipway_exposure_register",
        "slipway_slice_predictions_total",
    )
    before = {name: pod.scrape(name, traffic="live") for name in names}
    pod.ask(HELD)
    assert {name: pod.scrape(name, traffic="live") for name in names} == before
    assert sum(pod.scrape("slipway_requests_total", traffic="holdout")) == 1
    assert sum(pod.scrape("slipway_evidence_requests", traffic="holdout", epoch="9")) == 1
    assert pod.scrape("slipway_predictions_total", traffic="holdout", **{"class": "1"}) == [2.0], "the model's own"


def test_the_models_answers_are_contrasted_by_slice_from_the_first_held_out_request_on(pod: Pod) -> None:
    pod.ask(LIVE)
    assert pod.scrape("slipway_holdout_predictions") == []
    pod.ask(HELD)
    pod.ask(LIVE)
    for kind in ("live", "holdout"):
        of = {"traffic": kind, "epoch": "9"}
        assert pod.scrape("slipway_holdout_predictions", **of, slice="", **{"class": "1"}) == [2.0]
        assert pod.scrape("slipway_holdout_predictions", **of, slice="country", value="it", **{"class": "1"}) == [2.0]
        assert pod.scrape("slipway_holdout_predictions", **of, slice="country", value="it", **{"class": "0"}) == []
        assert pod.scrape("slipway_holdout_predictions", **of, slice="country", value="other", **{"class": "0"}) == [
            2.0
        ]
        block = f"{int(ENTITY[8:10], 16) // 4:02x}"
        assert sum(pod.scrape("slipway_holdout_predictions", **of, slice="", cluster=block)) == 4


def test_a_pod_says_that_it_can_hold_out(pod: Pod, tmp_path: Path) -> None:
    assert pod.scrape("slipway_holdout_rules") == [2.0]
    assert Pod(tmp_path / "without", None).scrape("slipway_holdout_rules") == []


@pytest.mark.parametrize(
    "baseline",
    [
        None,
        "{",
        Baseline((RuleText("colours", "colour == 'red'", "1"),), "0"),
        Baseline((RuleText("third", "amount > 1", "2"),), "0"),
        Baseline(RULES.rules, "2"),
    ],
)
def test_a_model_without_a_baseline_that_fits_it_serves_and_holds_nobody_out(
    tmp_path: Path, baseline: Baseline | str | None
) -> None:
    pod = Pod(tmp_path / "model", baseline)
    assert pod.model.baseline is None
    assert pod.ask(HELD)["predictions"] == [1, 1, 0, 0]
    assert sum(pod.scrape("slipway_requests_total", traffic="live")) == 1
    assert pod.scrape("slipway_holdout_rules") == []


def origin(**headers: str) -> Origin:
    named = {f"x-slipway-{name}": value for name, value in headers.items()}
    return read_origin(named, "mine", "x-slipway-bucket", holds_out=True)


def test_only_the_chosen_revision_holds_out_and_only_by_a_number() -> None:
    assert origin(revision="mine", assignment="3.17", bucket=ENTITY, holdout="5")[:2] == ("holdout", 17)
    assert origin(revision="mine", assignment="3.17", bucket=ENTITY, holdout="5").rotation == 5
    assert origin(revision="other", assignment="3.17", bucket=ENTITY, holdout="5").traffic == "shadow"
    assert origin(revision="other", assignment="3.17", bucket=ENTITY, holdout="5").rotation is None
    assert origin(holdout="5") == Origin("direct")
    for wrong in ("", "x", "-1", "1.5", "1" * 10):
        assert origin(revision="mine", holdout=wrong) == Origin("live")


def test_the_log_has_what_was_answered_and_what_was_withheld() -> None:
    held = entry(origin=Origin("holdout", 3, rotation=5), told=[0])
    failed = entry(answer=None, origin=Origin("holdout", 3, rotation=5))
    batch = RowLayout(SCHEMA, "7", LogSettings("file:///log", Path("/log"))).batch([entry(), held, failed])
    columns = {name: batch.column(name).to_pylist() for name in ("traffic", "holdout", "answer", "withheld", "score")}
    assert columns == {
        "traffic": ["live", "holdout", "holdout"],
        "holdout": [None, 5, 5],
        "answer": ["1", "0", None],
        "withheld": [None, "1", None],
        "score": [0.75, 0.75, None],
    }


texts = st.text(max_size=20)
answers = st.one_of(texts, st.floats(allow_nan=False, allow_infinity=False))


@given(st.builds(Baseline, st.lists(st.builds(RuleText, texts, texts, answers), max_size=4).map(tuple), answers))
def test_a_baseline_reads_back_as_it_was_written(baseline: Baseline) -> None:
    assert read_baseline(json.dumps(baseline.document())) == baseline


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": 2}, "format 2 is not known"),
        ({"otherwise": "1"}, "differs from its digest"),
        ({"otherwise": True, "digest": None}, "True is no answer"),
        ({"when": 5}, "differs from its digest"),
    ],
)
def test_a_baseline_that_is_none_is_refused(changed: dict[str, Any], said: str) -> None:
    document = {name: value for name, value in (RULES.document() | changed).items() if value is not None}
    with pytest.raises(BaselineError, match=said):
        read_baseline(json.dumps(document))
