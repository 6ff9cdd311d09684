"""Questions about metrics of templates: their texts, whose answers are whose, and what they mean in Prometheus."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.api.v1alpha1.metrictemplate import MetricTemplateSpec
from slipway.core.evidence import Subject, Vector
from slipway.core.plan import Unavailable
from slipway.core.ratio_metrics import MEAN_SCORE, filled, of_template, ratio_moments, ratio_texts, unusable
from slipway.statistics.ratios import Moments

from tests.unit.core.traffic_model import APPROVALS

EXAMPLES = Path(__file__).parents[3] / "examples" / "abtest"
SHARED = {
    "numerator": "sum by (rollout, revision, epoch, cluster) (max_over_time(approved{{selector}}[{{window}}]))",
    "denominator": "sum by (rollout, revision, epoch, cluster) (max_over_time(decided{{selector}}[{{window}}]))",
}
SUBJECT = Subject("ns/fraud", "aaaa", "live", 17)


@dataclass(frozen=True)
class Sample:
    labels: Mapping[str, str]
    value: float


def template(**changes: Any) -> MetricTemplateSpec:
    return MetricTemplateSpec.model_validate({**APPROVALS, **changes})


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("x{{selector}}[{{window}}]", 'x{rollout=~"ns/a|ns/b[.]c"}[5m]'),
        ("x{{ selector }}[{{ window }}]", 'x{rollout=~"ns/a|ns/b[.]c"}[5m]'),
        ('x{ok="yes",{{selector}}}', 'x{ok="yes",rollout=~"ns/a|ns/b[.]c"}'),
        ('x{{{selector}},ok="yes"}', 'x{rollout=~"ns/a|ns/b[.]c",ok="yes"}'),
    ],
)
def test_placeholders(text: str, means: str) -> None:
    assert filled(text, "5m", ["ns/a", "ns/b.c"]) == means


def test_counts_that_know_their_epoch_are_asked_for_a_shard_over_a_class_of_windows() -> None:
    metric = of_template("t", template(**SHARED))
    assert (metric.shared, metric.within(400.0), metric.labels) == (True, "15m", ("rollout", "revision", "epoch"))


def test_counts_that_do_not_are_asked_for_one_rollout_over_its_epoch_only() -> None:
    metric = of_template("t", template())
    assert (metric.shared, metric.within(400.9), metric.within(0.2), metric.labels) == (
        False,
        "400s",
        "1s",
        ("revision",),
    )


def test_half_a_grouping_is_none() -> None:
    half = {"numerator": SHARED["numerator"], "denominator": APPROVALS["denominator"]}
    assert not of_template("t", template(**half)).shared


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (None, "no usable MetricTemplate t"),
        (MetricTemplateSpec.model_validate({"value": "x"}), "bare value"),
        (MetricTemplateSpec.model_validate({"provider": {"type": "HTTP", "http": {"url": "http://a"}}}), "type HTTP"),
    ],
)
def test_a_template_that_gives_no_ratio_says_why(spec: MetricTemplateSpec | None, says: str) -> None:
    assert says in unusable("t", spec)
    assert unusable("t", template()) == ""


PARTS = {"clusters": 40.0, "y": 8.0, "n": 100.0, "yy": 3.0, "nn": 300.0, "yn": 24.0}


def answers(labels: Mapping[str, str], **changes: Vector | Unavailable) -> dict[str, Vector | Unavailable]:
    return {**{name: [Sample(labels, value)] for name, value in PARTS.items()}, **changes}


@pytest.mark.parametrize(
    ("labels", "counts"),
    [
        ({"revision": "aaaa"}, True),
        ({"rollout": "ns/fraud", "revision": "aaaa", "epoch": "17"}, True),
        ({"rollout": "ns/other", "revision": "aaaa"}, False),
        ({"revision": "bbbb"}, False),
        ({"revision": "aaaa", "epoch": "16"}, False),
        ({}, False),
    ],
)
def test_only_the_subject_counts(labels: dict[str, str], counts: bool) -> None:
    assert ratio_moments(answers(labels), SUBJECT) == (Moments(**PARTS) if counts else None)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_nothing(value: float) -> None:
    assert ratio_moments(answers({"revision": "aaaa"}, n=[Sample({"revision": "aaaa"}, value)]), SUBJECT) is None


def test_many_values_are_none_and_an_error_is_told() -> None:
    twice = [Sample({"revision": "aaaa"}, 1.0)] * 2
    assert ratio_moments(answers({"revision": "aaaa"}, nn=twice), SUBJECT) is None
    away = Unavailable("PrometheusUnavailable", "away")
    assert ratio_moments(answers({"revision": "aaaa"}, yn=away), SUBJECT) is away


# The engine itself

LABELS = {"rollout": "ns/fraud", "revision": "aaaa", "epoch": "17"}
APPROVED = {"00": 3, "01": 1, "02": 0}
DECIDED = {"00": 5, "01": 4, "02": 2, "03": 0}
SCORES = {("00", "p1"): (2, 0.7), ("00", "p2"): (1, 0.2), ("01", "p1"): (4, 3.0)}


def _line(metric: str, labels: Mapping[str, str], values: str) -> dict[str, str]:
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{metric}{{{inside}}}", "values": values}


def _series() -> list[dict[str, str]]:
    """Counters that began at zero, another rollout's and another epoch's beside them; scores of two pods."""
    found = []
    for metric, table in (("approved", APPROVED), ("decided", DECIDED)):
        for cluster, count in table.items():
            found.append(_line(metric, {**LABELS, "cluster": cluster}, f"0 {count} {count}"))
            found.append(_line(metric, {**LABELS, "rollout": "ns/else", "cluster": cluster}, "0 90 90"))
            found.append(_line(metric, {**LABELS, "epoch": "16", "cluster": cluster}, "70 70 70"))
    for (cluster, pod), moments in SCORES.items():
        for moment, value in zip(("count", "sum"), moments, strict=True):
            labels = {**LABELS, "traffic": "live", "pod": pod, "cluster": cluster, "moment": moment}
            found.append(_line("slipway_evidence_cluster_scores", labels, f"0 {value} 0"))
            found.append(_line("slipway_evidence_cluster_scores", {**labels, "traffic": "shadow"}, "0 50 50"))
    return found


def _sums(y: Mapping[str, float], n: Mapping[str, float]) -> dict[str, float]:
    occupied = {cluster: trials for cluster, trials in n.items() if trials > 0}
    return {
        "clusters": len(occupied),
        "y": sum(y.values()),
        "n": sum(occupied.values()),
        "yy": sum(value**2 for value in y.values()),
        "nn": sum(value**2 for value in occupied.values()),
        "yn": sum(y.get(cluster, 0) * trials for cluster, trials in occupied.items()),
    }


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which comes with Prometheus")
def test_the_questions_mean_in_prometheus_what_we_think(tmp_path: Path) -> None:
    scores = _sums({"00": 0.7 + 0.2, "01": 3.0}, {"00": 3, "01": 4})
    # Counts that know no epoch hold both: what only the exact window of an `increase` tells apart.
    both = _sums({c: v + 70 for c, v in APPROVED.items()}, {c: v + 70 for c, v in DECIDED.items()})
    cases: list[tuple[Mapping[str, str], dict[str, float], Mapping[str, str]]] = [
        (ratio_texts(of_template("t", template(**SHARED)), "5m", ["ns/fraud"]), _sums(APPROVED, DECIDED), LABELS),
        (ratio_texts(MEAN_SCORE, "5m", ["ns/another", "ns/fraud"]), scores, LABELS),
        (ratio_texts(of_template("t", template(**_by_revision())), "5m", ["ns/fraud"]), both, {"revision": "aaaa"}),
    ]
    checks = [
        {
            "expr": f"round({_of_epoch(text) if 'epoch' in labels else text}, 0.0001)",
            "eval_time": "30s",
            "exp_samples": [{"labels": _text(labels), "value": round(sums[part], 4)}],
        }
        for texts, sums, labels in cases
        for part, text in texts.items()
    ]
    test = {"interval": "15s", "input_series": _series(), "promql_expr_test": checks}
    file = tmp_path / "ratios.json"
    file.write_text(json.dumps({"evaluation_interval": "15s", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which comes with Prometheus")
def test_the_example_loses_no_first_count_of_a_new_series_and_counts_nothing_of_before(tmp_path: Path) -> None:
    document = yaml.safe_load((EXAMPLES / "template.yaml").read_text(encoding="utf-8"))
    metric = of_template("approval-rate", MetricTemplateSpec.model_validate(document["spec"]))
    series = [
        # New within the last minute: three at its first scrape, one more later.
        _line("approved_total", {**LABELS, "cluster": "00"}, "_ _ _ _ _ 3 4 4 4"),
        _line("decided_total", {**LABELS, "cluster": "00"}, "_ _ _ _ _ 9 9 9 9"),
        # Counted before, and nothing since.
        _line("approved_total", {**LABELS, "cluster": "01"}, "50 50 50 50 50 50 50 50 50"),
        _line("decided_total", {**LABELS, "cluster": "01"}, "90 90 90 90 90 90 90 90 90"),
    ]
    texts = ratio_texts(metric, metric.within(60.0), ["ns/fraud"])
    expected = {"clusters": 1.0, "y": 4.0, "n": 9.0, "yy": 16.0, "nn": 81.0, "yn": 36.0}
    checks = [
        {"expr": texts[part], "eval_time": "120s", "exp_samples": [{"labels": '{revision="aaaa"}', "value": value}]}
        for part, value in expected.items()
    ]
    test = {"interval": "15s", "input_series": series, "promql_expr_test": checks}
    file = tmp_path / "example.json"
    file.write_text(json.dumps({"evaluation_interval": "15s", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _of_epoch(text: str) -> str:
    return f'({text}) and on (epoch) label_replace(vector(1), "epoch", "17", "", "")'


def _by_revision() -> dict[str, str]:
    return {
        name: f"sum by (revision, cluster) (max_over_time({metric}{{{{selector}}}}[{{{{window}}}}]))"
        for name, metric in (("numerator", "approved"), ("denominator", "decided"))
    }


def _text(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
