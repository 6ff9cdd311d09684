"""What becomes of Prometheus's answers; and, where promtool is installed, of our questions in its own engine."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.controllers.rollout_evidence import Judged
from slipway.core.evidence import Arm, Subject, collect
from slipway.core.evidence_queries import SHARD, queries, shard, window
from slipway.core.plan import Unavailable

SUBJECT = Subject("ns/fraud", "aaaa", "live", 17)
LABELS = {"rollout": "ns/fraud", "revision": "aaaa", "traffic": "live", "epoch": "17"}


@dataclass(frozen=True)
class Sample:
    labels: Mapping[str, str]
    value: float


def answers(**given: list[Sample]) -> dict[str, list[Sample] | Unavailable]:
    empty: dict[str, list[Sample] | Unavailable] = {name: [] for name in queries("5m", ["ns/fraud"])}
    return {**empty, **given}


def one(value: float, **labels: str) -> list[Sample]:
    return [Sample({**LABELS, **labels}, value)]


@pytest.mark.parametrize(
    ("age", "text"),
    [(0, "5m"), (300, "5m"), (301, "15m"), (3600, "1h"), (3601, "6h"), (90_000, "7d"), (9e6, "30d")],
)
def test_window_classes(age: float, text: str) -> None:
    assert window(age) == text


def test_every_question_names_the_rollouts_of_its_shard_and_no_other() -> None:
    texts = queries("1h", ["ns/a", "ns/b.c"])
    assert len(texts) == 18
    assert all(text.count("slipway_") == text.count('{rollout=~"ns/a|ns/b[.]c"') for text in texts.values())


@given(
    judged=st.sets(st.from_regex(r"[a-z]{1,3}/[a-z]{1,3}", fullmatch=True), min_size=1, max_size=130), data=st.data()
)
def test_shards_share_out_all_who_are_judged_and_do_not_depend_on_who_asks(
    judged: set[str], data: st.DataObject
) -> None:
    found = {tuple(shard(data.draw(st.permutations(sorted(judged))), name)) for name in judged}
    assert sorted(name for each in found for name in each) == sorted(judged)
    assert all(len(each) <= SHARD for each in found)
    assert len(found) == -(-len(judged) // SHARD)


def test_who_has_not_asked_for_a_minute_is_judged_no_more() -> None:
    judged, now = Judged(), datetime(2026, 1, 1, tzinfo=UTC)
    judged.together("1h", "ns/a", now)
    judged.together("5m", "ns/other-window", now)
    assert judged.together("1h", "ns/b", now + timedelta(seconds=30)) == ["ns/a", "ns/b"]
    assert judged.together("1h", "ns/b", now + timedelta(seconds=70)) == ["ns/b"]


def test_nothing_answered_is_nothing_known() -> None:
    assert collect(answers(), SUBJECT, assigned=True) == Arm()


def test_an_answer_that_is_unavailable_makes_the_arm_so() -> None:
    away = Unavailable("PrometheusUnavailable", "away")
    assert collect({**answers(), "latency": away}, SUBJECT, assigned=True) is away


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_numbers_are_nothing(value: float) -> None:
    given = answers(requests=one(value, assigned="true", code="2xx"), scraped=one(value), registers=one(value))
    assert collect(given, SUBJECT, assigned=True) == Arm()


@pytest.mark.parametrize(
    ("labels", "counts"),
    [({}, True), ({"rollout": "ns/other"}, False), ({"revision": "bbbb"}, False), ({"traffic": "shadow"}, False),
     ({"epoch": "16"}, False), ({"assigned": "false"}, False)],
)  # fmt: skip
def test_only_the_subject_counts(labels: dict[str, str], counts: bool) -> None:
    given = answers(requests=one(5.0, **{"assigned": "true", "code": "2xx", **labels}))
    arm = collect(given, SUBJECT, assigned=True)
    assert isinstance(arm, Arm)
    assert arm.requests == (5.0 if counts else None)


def test_without_assignment_unassigned_requests_count() -> None:
    given = answers(requests=one(5.0, assigned="false", code="2xx") + one(1.0, assigned="true", code="5xx"))
    arm = collect(given, SUBJECT, assigned=False)
    assert isinstance(arm, Arm)
    assert (arm.requests, arm.errors) == (6.0, 1.0)


@pytest.mark.parametrize(("age", "fresh"), [(0.0, True), (59.0, True), (61.0, False)])
def test_a_stale_scrape_is_no_scrape(age: float, fresh: bool) -> None:
    labels = {"rollout": "ns/fraud", "revision": "aaaa"}
    arm = collect(answers(scraped=[Sample(labels, age)]), SUBJECT, assigned=True)
    assert isinstance(arm, Arm)
    assert (arm.scraped is not None) is fresh


def test_many_values_where_one_is_expected_say_nothing() -> None:
    labels = {"rollout": "ns/fraud", "revision": "aaaa"}
    arm = collect(answers(scraped=[Sample(labels, 1.0), Sample(labels, 2.0)]), SUBJECT, assigned=True)
    assert isinstance(arm, Arm)
    assert arm.scraped is None


def test_a_cluster_without_errors_has_moments_without_errors() -> None:
    given = answers(error_clusters=one(40.0), error_n=one(400.0), error_nn=one(4000.0))
    arm = collect(given, SUBJECT, assigned=True)
    assert isinstance(arm, Arm)
    assert arm.error_moments is not None
    assert (arm.error_moments.y, arm.error_moments.yy, arm.error_moments.n) == (0.0, 0.0, 400.0)


# The engine itself

PODS = ("p1", "p2")
CLUSTERS = [f"{i:02x}" for i in range(4)]


def _pod_counts(name: str, label: str, values: tuple[str, str]) -> dict[tuple[str, str, str], int]:
    """Integers for (pod, cluster, label): small and all different."""
    number = itertools.count(1)
    return {(pod, cluster, value): next(number) for pod in PODS for cluster in CLUSTERS for value in values}


ERRORS = _pod_counts("requests", "outcome", ("ok", "error"))
CLASSES = _pod_counts("predictions", "class", ("0", "1"))


def _series() -> list[dict[str, str]]:
    """Two pods, two epochs; a pod that restarted (its count falls) keeps its largest value."""
    found = []
    tables = (("requests", "outcome", ERRORS), ("predictions", "class", CLASSES))
    for metric, label, table in tables:
        for (pod, cluster, value), count in table.items():
            for epoch, scale in (("17", 1), ("16", 7)):
                labels = {**LABELS, "epoch": epoch, "pod": pod, "cluster": cluster, label: value}
                found.append(_line(f"slipway_evidence_cluster_{metric}", labels, f"0 {count * scale} 0"))
    for pod, register, rank in (("p1", "0", 3), ("p2", "0", 5), ("p2", "9", 1)):
        labels = {**LABELS, "pod": pod, "register": register}
        found.append(_line("slipway_exposure_register", labels, f"0 {rank} {rank}"))
    info = {"rollout": "ns/fraud", "revision": "aaaa", "pod": "p1", "version": "1"}
    return [*found, _line("slipway_serving_info", info, "1 1 1")]


def _line(metric: str, labels: Mapping[str, str], values: str) -> dict[str, str]:
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{metric}{{{inside}}}", "values": values}


def _expected() -> dict[str, list[tuple[dict[str, str], float]]]:
    """The moments, computed by hand from the pods' counts."""
    errors = {c: sum(v for (_, k, o), v in ERRORS.items() if k == c and o == "error") for c in CLUSTERS}
    every = {c: sum(v for (_, k, _), v in ERRORS.items() if k == c) for c in CLUSTERS}
    found: dict[str, list[tuple[dict[str, str], float]]] = {
        "error_clusters": [({}, 4.0)],
        "error_y": [({}, sum(errors.values()))],
        "error_n": [({}, sum(every.values()))],
        "error_yy": [({}, sum(v * v for v in errors.values()))],
        "error_nn": [({}, sum(v * v for v in every.values()))],
        "error_yn": [({}, sum(errors[c] * every[c] for c in CLUSTERS))],
        "registers": [({}, 2.0)],
        "powers": [({}, 2.0**-5 + 2.0**-1)],
    }
    total = {c: sum(v for (_, k, _), v in CLASSES.items() if k == c) for c in CLUSTERS}
    for name, sum_up in {
        "class_y": lambda y: sum(y.values()),
        "class_yy": lambda y: sum(v * v for v in y.values()),
        "class_yn": lambda y: sum(y[c] * total[c] for c in CLUSTERS),
    }.items():
        for label in ("0", "1"):
            y = {c: sum(v for (_, k, o), v in CLASSES.items() if k == c and o == label) for c in CLUSTERS}
            found.setdefault(name, []).append(({"class": label}, float(sum_up(y))))
    return found


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which comes with Prometheus")
def test_the_questions_mean_in_prometheus_what_we_think(tmp_path: Path) -> None:
    texts, checks = queries("5m", ["ns/another", "ns/fraud"]), []
    for name, samples in _expected().items():
        newest = [{"labels": _labels({**LABELS, **extra}), "value": value} for extra, value in samples]
        expression = f'({texts[name]}) and on (epoch) label_replace(vector(1), "epoch", "17", "", "")'
        checks.append({"expr": expression, "eval_time": "30s", "exp_samples": newest})
    fresh = [{"labels": _labels({"rollout": "ns/fraud", "revision": "aaaa"}), "value": 10}]
    checks.append({"expr": texts["scraped"], "eval_time": "40s", "exp_samples": fresh})
    checks += [{"expr": texts[name], "eval_time": "30s", "exp_samples": []} for name in ("requests", "latency")]
    test = {"interval": "15s", "input_series": _series(), "promql_expr_test": checks}
    file = tmp_path / "evidence.json"
    file.write_text(json.dumps({"evaluation_interval": "15s", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
