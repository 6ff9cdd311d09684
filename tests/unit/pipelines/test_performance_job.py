"""The Job that judges predictions by matured labels: which labels count, and what is said of the others."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.pipelines.outcomes import MATURITY, NOW, SINCE, Predicted, many, measure, run, write, write_labels
from tests.unit.pipelines.predictions import requests
from tests.unit.pipelines.predictions import write as write_served


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def told(root: Path, rows: list[Predicted], labels: list[tuple[Any, ...]], **changed: Any) -> dict[str, Any]:
    """The figures of a log and labels, which come as a file."""
    columns = changed.pop("columns", ("payment", "fraud"))
    write(root, rows)
    uri = write_labels(root.with_name("labels.csv"), labels, columns)
    return dict(measure(root, uri, **changed)["performance"])


def trials(said: dict[str, Any]) -> tuple[int, int]:
    """Right ones and trials, as the sums have them."""
    return said["sums"][1], said["sums"][2]


def test_known_faults_are_each_counted_and_only_sound_labels_judge(log: Path, tmp_path: Path) -> None:
    rows = [
        *many(100), *many(60, 1000, answer="0"),
        *many(5, 2000, ago=3.0), *many(4, 2100, answer="0", ago=1.0),  # too young
        *many(7, 3000, traffic="shadow"), *many(6, 3100, answer=None),  # nobody acted on them
        *[Predicted(4000 + n, payment="p0", ago=1.5) for n in range(3)],  # the same payment again
        *many(2, 5000, payment=None),
    ]  # fmt: skip
    labels: list[tuple[Any, ...]] = [(f"p{n}", int(n < 85), f"2026-05-09T0{n % 5}:00:00Z") for n in range(95)]
    labels += [("p95", 1, "2026-05-09T01:00:00Z"), ("p95", 0, "2026-05-09T02:00:00Z")]  # revised
    labels += [("p96", 1, "2026-05-09T01:00:00Z"), ("p96", 0, "2026-05-09T01:00:00Z")]  # contradictory
    labels += [("p97", 0, "2026-05-09T01:00:00Z")] * 2  # told twice
    labels += [(f"p{1000 + n}", int(n < 15), "2026-05-09T01:00:00Z") for n in range(60)]
    labels += [(f"p{2000 + n}", 0, "2026-05-09T23:00:00Z") for n in range(5)]  # of what is too young
    labels += [("p-unknown", 1, "2026-05-09T01:00:00Z"), ("", 1, ""), ("p98", "", "")]
    write(log, rows)
    uri = write_labels(tmp_path / "labels.csv", labels, ("payment", "fraud", "paid_at"))
    code, said = run(log, uri, timestamp="paid_at")
    assert code == 0, said
    found = said["performance"]
    assert (found["rows"], found["labelled"], found["flagged"], found["flagged_labelled"]) == (160, 157, 100, 97)
    assert trials(found) == (85, 97)
    assert found["trials"] == 97
    assert (found["revised"], found["contradictory"], found["repeated"], found["unkeyed"]) == (1, 1, 3, 2)
    assert (found["pending"], found["explored"], found["unit"]) == (5, 0, "entities")
    assert sum(one[1] for one in found["cohorts"]) == 160
    assert sum(one[4] for one in found["cohorts"]) == 97
    assert [one[0] for one in found["ages"]] == [0, 10800, 21600]
    assert [one[1:] for one in found["ages"]] == [[4, 0], [5, 5], [160, 157]]
    recall = measure(log, uri, timestamp="paid_at", metric="recall")["performance"]
    assert trials(recall) == (85, 100)
    accuracy = measure(log, uri, timestamp="paid_at", metric="accuracy")["performance"]
    assert trials(accuracy) == (85 + 45, 157)


def test_without_a_time_labels_that_differ_contradict_each_other(log: Path) -> None:
    found = told(log, many(3), [("p0", 1), ("p0", 0), ("p1", 1), ("p1", 1), ("p2", 0)])
    assert (found["contradictory"], found["revised"], trials(found)) == (1, 0, (1, 2))


def test_silence_is_negative_only_where_that_is_declared_and_never_of_what_is_young_or_contradictory(
    log: Path,
) -> None:
    rows = [*many(10), *many(5, 100, ago=2.0)]
    labels = [(f"p{n}", 1) for n in range(4)] + [("p4", 1), ("p4", 0), ("p100", 1)]
    assert trials(told(log, rows, labels)) == (4, 4)
    assert trials(told(log, rows, labels, silence=True)) == (4, 9)
    assert trials(told(log, rows, labels, silence=True, metric="recall")) == (4, 4)
    assert trials(told(log, rows, labels, silence=True, metric="accuracy")) == (4, 9)


def test_a_feed_that_stopped_is_told_by_the_predictions_since_then(log: Path) -> None:
    rows = [Predicted(n, ago=6.5 + n / 10) for n in range(100)]
    assert told(log, rows, [(f"p{n}", 1) for n in range(30, 100)], silence=True)["silent"] == 30
    assert told(log, rows, [], silence=True)["silent"] == 100
    assert told(log, rows, [("p0", 1)], silence=True)["silent"] == 0


def test_no_label_at_all_is_an_answer_and_no_fault(log: Path) -> None:
    write(log, many(20))
    path = log.with_name("none.csv")
    path.write_text("")
    found = measure(log, path.as_uri())["performance"]
    assert (found["rows"], found["labelled"], found["trials"]) == (20, 0, 0)


@pytest.mark.parametrize("metric", ["precision", "recall"])
def test_a_span_in_which_nothing_can_have_matured_is_an_answer_of_nothing(log: Path, metric: str) -> None:
    """The first look of a probation finds what is wrong with log and labels, before any label counts."""
    write(log, many(20, ago=1.0))
    uri = write_labels(log.with_name("labels.csv"), [(f"p{n}", 1) for n in range(20)], ("payment", "fraud"))
    begun = (NOW - timedelta(hours=2)).isoformat()
    found = measure(log, uri, metric=metric, since=begun, until=begun)["performance"]
    assert (found["rows"], found["trials"], found["cohorts"]) == (0, 0, [])
    assert sum(one[1] for one in found["ages"]) == 20
    assert found["pending"] == (20 if metric == "precision" else 0)


def test_clusters_are_entities_of_the_header_else_of_the_task_else_events(log: Path) -> None:
    labels = [(f"p{n}", int(n % 2)) for n in range(40)]
    by_header = told(log, [Predicted(n, entity=f"e{n % 4}") for n in range(40)], labels)
    assert (by_header["unit"], by_header["sums"][0], by_header["sums"][6]) == ("entities", 4, 1)
    by_card = told(log, [Predicted(n, entity=None, card=f"c{n % 5}") for n in range(40)], labels, entity="card")
    assert (by_card["unit"], by_card["sums"][0]) == ("entities", 5)
    nobody = told(log, [replace_entity(one) for one in many(40)], labels)
    assert (nobody["unit"], nobody["sums"][0]) == ("events", 40)
    assert nobody["sums"][6] >= 1


def replace_entity(one: Predicted) -> Predicted:
    return Predicted(one.number, ago=one.ago, entity=None)


def test_explored_events_weigh_by_their_propensity_and_the_others_not_at_all(log: Path) -> None:
    rows = [*many(40), *many(30, 100, propensity=0.5), *many(10, 200, propensity=0.1), Predicted(300, propensity=0.0)]
    right = [*range(40), *range(100, 130)]
    labels = [(f"p{one.number}", int(one.number in right)) for one in rows]
    found = told(log, rows, labels, selective=True)
    assert found["explored"] == 40
    y, n = trials(found)
    assert y / n == pytest.approx(60 / (60 + 100))
    assert n == pytest.approx((60 + 100) ** 2 / (30 * 4 + 10 * 100)), "the effective number"
    assert trials(told(log, rows, labels)) == (70, 81), "of an observed task all count alike"
    assert trials(told(log, many(40), labels[:40], selective=True))[1] == 40


def test_several_classes_and_numbers_are_compared_as_such(log: Path) -> None:
    classes = [Predicted(n, answer="abc"[n % 3]) for n in range(30)]
    found = told(log, classes, [(f"p{n}", "abc"[n % 3] if n < 20 else "d") for n in range(30)],
                 metric="accuracy", positive="")  # fmt: skip
    assert trials(found) == (20, 30)
    numbers = [Predicted(n, answer=str(float(n))) for n in range(30)]
    found = told(log, numbers, [(f"p{n}", n + (5 if n == 7 else 0.5)) for n in range(30)], metric="mae", positive="")
    assert trials(found) == (pytest.approx(29 * 0.5 + 5), 30)
    assert found["spread"] == 5


def test_what_is_missing_is_expected_when_the_young_ones_mature(log: Path) -> None:
    rows = [*many(28), *[Predicted(100 + n, ago=5 - n / 10) for n in range(25)]]
    found = told(log, rows, [(f"p{n}", 1) for n in range(28)])
    twentieth = NOW - timedelta(hours=5 - 19 / 10)
    assert found["ripe"] == (twentieth + MATURITY).isoformat()
    assert found["pace"] == pytest.approx(53 / (24 * 3600), rel=0.05)
    assert told(log, rows, [])["ripe"] is None, "there are 25 young ones, and 48 are missing"


def test_requests_may_be_the_key_and_one_that_comes_twice_names_nothing(log: Path) -> None:
    rows = [*many(10, payment=None), *[Predicted(100 + n, payment=None, request="constant") for n in range(3)]]
    labels = [(f"r{n}", int(n < 8)) for n in range(10)] + [("constant", 1)]
    found = told(log, rows, labels, key="request_id", columns=("request_id", "fraud"))
    assert (trials(found), found["rows"]) == ((8, 10), 10)


def test_labels_come_from_a_database_as_those_of_training_do(log: Path, tmp_path: Path) -> None:
    write(log, [Predicted(n, payment=str(n)) for n in range(10)])
    with sqlite3.connect(tmp_path / "labels.db") as database:
        database.execute("create table chargebacks (payment real, fraud real)")
        database.executemany("insert into chargebacks values (?, ?)", [(n, float(n < 6)) for n in range(10)])
    url = {"SLIPWAY_LABELS_url": f"sqlite:///{tmp_path / 'labels.db'}"}
    query = {"query": "select payment, fraud from chargebacks"}
    assert trials(measure(log, query, url)["performance"]) == (6, 10), "12.0 is 12 on both sides"
    assert measure(log, query)["error"]["reason"] == "SecretIncomplete"


@pytest.mark.parametrize(
    ("changed", "reason", "named"),
    [
        ({"key": "receipt"}, "KeyNotLogged", "no column of it"),
        ({"label": "chargeback"}, "ColumnMissing", "'chargeback'"),
        ({"metric": "precision", "since": "x"}, "RequestInvalid", "SLIPWAY_PERFORMANCE"),
        ({"source": "ftp://x/y.csv"}, "SourceUnsupported", "ftp://"),
        ({"source": "file:///not/there.csv"}, "SourceUnreadable", "there.csv"),
        ({"uri": "gs://x/y"}, "LogUnreadable", "s3://bucket/prefix"),
    ],
)
def test_what_cannot_be_read_is_named(log: Path, changed: dict[str, Any], reason: str, named: str) -> None:
    write(log, many(5))
    columns = ("receipt" if changed.get("key") == "receipt" else "payment", "fraud")
    uri = write_labels(log.with_name("labels.csv"), [("p1", 1)], columns)
    changed = dict(changed)
    error = measure(log, changed.pop("source", uri), **changed)["error"]
    assert error["reason"] == reason
    assert named in error["message"]


def test_an_empty_log_is_no_fault_and_no_evidence(log: Path) -> None:
    log.mkdir()
    found = measure(log, write_labels(log.with_name("labels.csv"), [("p1", 1)]))["performance"]
    assert (found["rows"], found["trials"], found["cohorts"], found["ages"]) == (0, 0, [], [])


def test_the_log_is_read_as_the_server_writes_it(log: Path) -> None:
    """Its own writer, not ours: the columns that the join reads are there, with their types."""
    write_served(log, requests(50, stable=1))
    names = [path for path in log.rglob("*.parquet") if "revision=r1" in str(path)]
    assert "propensity" in pq.read_schema(names[0]).names
    uri = write_labels(
        log.with_name("labels.csv"), [(f"request-{n}", int(n < 40)) for n in range(50)], ("request_id", "y")
    )
    span = {"since": "2026-05-01T00:00:00+00:00", "until": "2026-05-02T00:00:00+00:00"}
    found = measure(log, uri, label="y", key="request_id", **span, now="2026-05-02T00:00:10+00:00")["performance"]
    assert (trials(found), found["unit"]) == ((40, 50), "entities")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), twice=st.booleans())
def test_in_any_order_and_told_again_the_figures_are_the_same(log: Path, seed: int, twice: bool) -> None:
    rows = [*many(60), *many(20, 100, answer="0"), *[Predicted(200 + n, payment=f"p{n}") for n in range(10)]]
    labels = [(f"p{n}", n % 2, f"2026-05-0{1 + n % 7}") for n in range(60)]
    labels += [(f"p{n}", 1, "2026-05-08") for n in range(0, 30, 3)] + [("p1", 0, "2026-05-02")]
    columns = ("payment", "fraud", "paid_at")
    uri = log.with_name("labels.csv")
    write(log, rows)
    first = measure(log, write_labels(uri, labels, columns), timestamp="paid_at")
    write(log, rows, shuffled=seed)
    changed = sorted(labels * (2 if twice else 1), key=lambda one: hash((seed, one)))
    assert measure(log, write_labels(uri, changed, columns), timestamp="paid_at") == first


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=st.lists(st.floats(0.1, 29.9), min_size=1, max_size=40))
def test_what_is_immature_never_counts_whatever_its_label_says(log: Path, ages: list[float]) -> None:
    for old in log.rglob("*.parquet"):
        old.unlink()
    rows = [Predicted(n, ago=ago) for n, ago in enumerate(ages)]
    found = told(log, rows, [(f"p{n}", 1) for n in range(len(ages))], silence=True)
    old = sum(timedelta(hours=ago) > MATURITY for ago in ages)
    assert (found["rows"], found["trials"]) == (old, old)
    assert sum(one[1] for one in found["ages"]) == len(ages)
    assert min(one.time for one in rows) >= SINCE
    assert json.dumps(found)
