"""Counters: what each family says after known requests, and that a scrape is well formed."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import Origin
from slipway_serving.service.classlabels import MOST_CLASSES, class_labels
from slipway_serving.service.countable import Countable
from slipway_serving.service.latency import latency_edges
from slipway_serving.service.measure import Measurements
from slipway_serving.service.profile import ReferenceFeature, read_profile
from slipway_serving.service.settings import Settings

SETTINGS = Settings(rollout="shop/fraud", revision="r1", version="7", latency_edges=(0.1234,))
AMOUNT = ReferenceFeature("amount", True, (0.0, 10.0), (), (1, 2, 1))
COUNTRY = ReferenceFeature("country", False, (), ("it", "de"), (3, 1, 0))
OF_A_LIFE = ("slipway_evidence_", "slipway_feature_bucket_", "slipway_score_bucket_")
LIVE = Origin("live", 17, 0xAB, 5, 3)

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(measurements: Measurements) -> Series:
    series: Series = {}
    for family in text_string_to_metric_families(measurements.render()):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert (labels.pop("rollout"), labels.pop("revision")) == ("shop/fraud", "r1")
            assert bool(labels.pop("life", "")) is sample.name.startswith(OF_A_LIFE)
            key = (sample.name, frozenset(labels.items()))
            assert key not in series
            series[key] = sample.value
    return series


def value(series: Series, name: str, **labels: str) -> float | None:
    labels = {key.rstrip("_"): text for key, text in labels.items()}
    return series.get((name, frozenset(labels.items())))


def answered(*classes: int, **more: Any) -> Answer:
    """The answer of a model with these classes."""
    return Answer([str(index) for index in classes], np.array(classes, np.intp), **more)


def measurements() -> Measurements:
    return Measurements(SETTINGS, Countable(("0", "1"), (AMOUNT, COUNTRY)))


def test_series_start_at_zero() -> None:
    series = scrape(measurements())
    assert value(series, "slipway_serving_info", version="7") == 1
    assert value(series, "slipway_requests_total", traffic="live", code="5xx") == 0
    assert value(series, "slipway_predictions_total", traffic="shadow", class_="1") == 0
    assert value(series, "slipway_feature_bucket_total", traffic="live", feature="amount", bucket="2") == 0
    assert value(series, "slipway_feature_reference", feature="country", bucket="0") == 0.75
    assert value(series, "slipway_feature_reference", feature="country", bucket="2") == 0


def test_held_out_predictions_are_told_by_the_labels_of_the_classes() -> None:
    names = tuple(f"c{place}" for place in range(22))
    told = scrape(Measurements(SETTINGS, Countable(names, predicted=tuple(float(place) for place in range(22)))))
    assert value(told, "slipway_prediction_reference", class_="c7") == 7
    assert value(told, "slipway_prediction_reference", class_="other") == 20 + 21
    for empty in ((), (0.0,) * 22):
        told = scrape(Measurements(SETTINGS, Countable(names, predicted=empty)))
        assert not [name for name, _ in told if name == "slipway_prediction_reference"]


def test_a_profile_counts_predictions_by_class(tmp_path: Path) -> None:
    (tmp_path / "slipway").mkdir()
    written = {"predictions": {"rows": 10, "classes": {"0": 9, "1": 1}}}
    (tmp_path / "slipway/profile.json").write_text(json.dumps(written))
    assert read_profile(tmp_path).predicted == {"0": 9.0, "1": 1.0}


def test_one_request_is_counted_everywhere() -> None:
    one = measurements()
    one.add(LIVE, 200, 0.1, answered(0, 1, 1), [[0.0, np.nan, 99.0], [0.0, 2.0, np.nan]])
    series = scrape(one)
    kind = {"traffic": "live"}
    assert value(series, "slipway_requests_total", **kind, code="2xx") == 1
    assert value(series, "slipway_predictions_total", **kind, class_="1") == 2
    buckets = [
        value(series, "slipway_feature_bucket_total", **kind, feature="amount", bucket=str(index)) for index in range(3)
    ]
    assert buckets == [0, 1, 1]  # a value equal to an edge lies above it; a missing one is in no bucket
    assert value(series, "slipway_feature_bucket_total", **kind, feature="country", bucket="2") == 1
    assert value(series, "slipway_feature_missing_total", **kind, feature="country") == 1
    epoch = {**kind, "epoch": "17"}
    assert value(series, "slipway_evidence_requests", **epoch, assigned="true", code="2xx") == 1
    assert value(series, "slipway_evidence_predictions", **epoch, assigned="true", class_="1") == 2
    assert value(series, "slipway_evidence_duration_bucket", **epoch, assigned="true", le="0.1234") == 1
    assert value(series, "slipway_evidence_duration_bucket", **epoch, assigned="true", le="0.001") == 0
    assert value(series, "slipway_evidence_cluster_requests", **epoch, cluster="ab", outcome="ok") == 1
    assert value(series, "slipway_evidence_cluster_predictions", **epoch, cluster="ab", class_="0") == 1
    assert value(series, "slipway_exposure_register", **epoch, register="5") == 3


def test_unseen_categories_are_counted_where_the_reference_knows_them_all() -> None:
    frequent = ReferenceFeature("city", False, (), ("rome",), (3, 1))
    one = Measurements(SETTINGS, Countable(("0", "1"), (AMOUNT, COUNTRY, frequent)))
    assert value(scrape(one), "slipway_feature_unseen_total", traffic="live", feature="country") == 0
    one.add(LIVE, 200, 0.1, answered(0, 1, 1), [[0, 0, 0], [2, 0, np.nan], [1, 1, 1]])
    series = scrape(one)
    assert value(series, "slipway_feature_unseen_total", traffic="live", feature="country") == 1
    assert value(series, "slipway_feature_unseen_total", traffic="shadow", feature="country") is None
    one.add(Origin("shadow", 17), 200, 0.1, answered(0), [[0], [0], [1]])
    assert value(scrape(one), "slipway_feature_unseen_total", traffic="shadow", feature="country") == 0
    for unknown in ("amount", "city"):
        assert value(series, "slipway_feature_unseen_total", traffic="live", feature=unknown) is None


def test_5xx_is_an_error_and_4xx_is_not() -> None:
    one = measurements()
    one.add(LIVE, 400, 0.1)
    one.add(LIVE, 500, 0.1)
    series = scrape(one)
    assert (
        value(series, "slipway_evidence_cluster_requests", traffic="live", epoch="17", cluster="ab", outcome="ok") == 1
    )
    error = {"traffic": "live", "epoch": "17", "cluster": "ab", "outcome": "error"}
    assert value(series, "slipway_evidence_cluster_requests", **error) == 1


def test_unassigned_requests_have_no_cluster_and_no_exposure() -> None:
    one = measurements()
    one.add(Origin("shadow", 17), 200, 0.1, answered(1))
    names = {name for name, _ in scrape(one)}
    assert "slipway_evidence_requests" in names
    assert not names & {"slipway_evidence_cluster_requests", "slipway_exposure_register"}


def test_the_counts_of_an_epoch_say_which_process_counted() -> None:
    """A container that restarts within its pod begins series of its own, which the operator sums up."""

    def lives() -> set[str]:
        one = measurements()
        one.add(LIVE, 200, 0.1, answered(0, scores=np.array([0.5])))
        families = text_string_to_metric_families(one.render())
        samples = [sample for family in families if "_evidence_" in family.name for sample in family.samples]
        assert len({sample.name for sample in samples}) == 6
        return {sample.labels["life"] for sample in samples}

    first, second = lives(), lives()
    assert len(first) == len(second) == 1
    assert first != second


def test_direct_requests_are_never_evidence() -> None:
    one = measurements()
    one.add(Origin("direct"), 200, 0.1, answered(1))
    series = scrape(one)
    assert value(series, "slipway_requests_total", traffic="direct", code="2xx") == 1
    assert not [name for name, _ in series if "evidence" in name or "exposure" in name]


def test_the_two_newest_epochs_stay() -> None:
    one = measurements()
    for epoch in (3, 5, 4, 7, 3):
        one.add(Origin("live", epoch), 200, 0.1)
    epochs = {dict(labels)["epoch"] for name, labels in scrape(one) if name == "slipway_evidence_requests"}
    assert epochs == {"5", "7"}


def test_classes_are_bounded() -> None:
    names = [str(index) for index in range(30)]
    assert len(class_labels(names)) == MOST_CLASSES + 1
    one = Measurements(SETTINGS, Countable(tuple(names)))
    one.add(LIVE, 200, 0.1, answered(25, 29, 3))
    series = scrape(one)
    assert value(series, "slipway_predictions_total", traffic="live", class_="other") == 2
    assert value(series, "slipway_predictions_total", traffic="live", class_="3") == 1


@pytest.mark.parametrize("place", [0, 19, 20, 29])
def test_a_class_that_is_called_other_shares_the_label_of_the_further_ones(place: int) -> None:
    names = [str(index) for index in range(29)]
    names.insert(place, "other")
    one = Measurements(SETTINGS, Countable(tuple(names)))
    one.add(LIVE, 200, 0.1, answered(names.index("3"), names.index("28"), place))
    series = scrape(one)  # which has no series twice
    for name, labels in (("slipway_predictions_total", {}), ("slipway_evidence_predictions", {"assigned": "true"})):
        labels = {"traffic": "live", **labels, **({"epoch": "17"} if labels else {})}
        found = {dict(key[1])["class"]: count for key, count in series.items() if key[0] == name if at(key, labels)}
        assert (len(found), found["other"], found["3"]) == (MOST_CLASSES + 1, 2, 1)
    clustered = {"traffic": "live", "epoch": "17", "cluster": "ab"}
    assert value(series, "slipway_evidence_cluster_predictions", **clustered, class_="other") == 2


def at(key: tuple[str, frozenset[tuple[str, str]]], labels: dict[str, str]) -> bool:
    return labels.items() <= key[1]


def test_few_classes_keep_their_names_also_where_one_is_called_other_and_equal_names_are_one() -> None:
    one = Measurements(SETTINGS, Countable(("other", "a", "1", "1")))
    one.add(LIVE, 200, 0.1, answered(0, 1, 1, 2, 3))
    series = scrape(one)
    found = {
        name: value(series, "slipway_predictions_total", traffic="live", class_=name) for name in ("other", "a", "1")
    }
    assert found == {"other": 1, "a": 2, "1": 2}


def test_a_value_that_is_called_other_shares_the_slice_of_all_others(tmp_path: Path) -> None:
    (tmp_path / "slipway").mkdir()
    written = {"slices": [{"column": "country", "values": ["it", "other", "de", "it"]}]}
    (tmp_path / "slipway/profile.json").write_text(json.dumps(written))
    (column,) = read_profile(tmp_path).slices
    assert column.values == ("it", "de")
    names = (*(str(index) for index in range(29)), "other")
    places = {"it": 0, "de": 1}
    one = Measurements(
        SETTINGS,
        Countable(names, slices=(column,), sliced=lambda columns: np.array([[places.get(v, 2)] for v in columns[0]])),
    )
    one.add(LIVE, 200, 0.1, answered(0, 29, 28), [["it", "other", "fr"]])
    series = scrape(one)
    sliced = {"traffic": "live", "slice": "country"}
    assert value(series, "slipway_slice_predictions_total", **sliced, value="other", class_="other") == 2
    assert value(series, "slipway_slice_predictions_total", **sliced, value="it", class_="0") == 1


def test_labels_are_escaped() -> None:
    feature = ReferenceFeature('a"b\\c\nd', True, (0.0,), (), (1, 1))
    series = scrape(Measurements(SETTINGS, Countable(('x"y',), (feature,))))
    assert value(series, "slipway_feature_missing_total", traffic="live", feature='a"b\\c\nd') == 0


def test_edges_are_log_spaced_and_hold_the_gates_limits() -> None:
    edges = latency_edges((0.1234, 0.001))
    assert len(edges) == 37
    assert (edges[0], edges[-1]) == (0.001, 10.0)
    assert 0.1234 in edges
    assert list(edges) == sorted(edges)


def test_threads_lose_nothing() -> None:
    one = measurements()

    def work() -> None:
        for _ in range(500):
            one.add(LIVE, 200, 0.1, answered(1), [[1.0], [1.0]])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        one.render()
    series = scrape(one)
    assert value(series, "slipway_requests_total", traffic="live", code="2xx") == 2000
    assert value(series, "slipway_feature_bucket_total", traffic="live", feature="amount", bucket="1") == 2000


def test_a_scrape_of_50_features_is_cheap() -> None:
    features = [ReferenceFeature(f"feature_{index}", True, tuple(range(1, 20)), (), (1,) * 20) for index in range(50)]
    one = Measurements(SETTINGS, Countable(("0", "1"), tuple(features)))
    for cluster in range(256):
        one.add(Origin("live", 1, cluster, cluster, 2), 200, 0.01, answered(1), [[1.0]] * 50)
    assert one.render().count("\n") < 3100
