"""Dashboard and alerts of the chart: what they ask for is exported, and every alert says what to do."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from slipway.runtime.metrics import REGISTRY

from tests.unit.chart.rendering import CHART, ROOT, helm, named, of_kind, render

DASHBOARD = json.loads((CHART / "files" / "dashboards" / "slipway.json").read_text())
RULES = yaml.safe_load((CHART / "files" / "rules" / "slipway.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
SERVED = ROOT / "model_images" / "slipway_serving" / "service"


def exported() -> set[str]:
    """Names of series: the operator's own, and the families that a served image writes."""
    operator = {sample.name for metric in REGISTRY.collect() for sample in metric.samples}
    declared = {f"{metric.name}{end}" for metric in REGISTRY.collect() for end in ("", "_total", "_bucket")}
    return operator | declared | set(served())


def served() -> Iterator[str]:
    """The text that the code gives as a family's name; of a histogram's the series too."""
    for path in SERVED.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                name = node.args[0]
                if node.func.attr == "family" and isinstance(name, ast.Constant):
                    yield str(name.value)
                if node.func.attr == "histogram" and isinstance(name, ast.Constant):
                    yield from (f"{name.value}{end}" for end in ("_bucket", "_sum", "_count"))
    counters = (SERVED / "predictionlog" / "counters.py").read_text(encoding="utf-8")
    yield from (f"slipway_prediction_log{end}" for end in re.findall(r'f"\{name\}(_\w+)"', counters))


def asked(query: str) -> set[str]:
    return set(re.findall(r"\b(?:slipway|process)_[a-z_]+", query))


def test_every_metric_that_is_asked_for_is_exported() -> None:
    known = exported()
    assert {"slipway_operator_leader", "slipway_predictions_total", "slipway_prediction_log_dropped_total"} <= known
    for query in (*QUERIES, *(rule["expr"] for rule in ALERTS), "slipway_serving_info"):
        assert asked(query), query
        assert asked(query) <= known, query


def test_a_dashboard_is_whole() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    places = [tuple(panel["gridPos"][side] for side in "xy") for panel in DASHBOARD["panels"]]
    assert len(places) == len(set(places))
    assert all(panel["description"] and panel["targets"] for panel in PANELS)
    assert {each["name"] for each in DASHBOARD["templating"]["list"]} == {"datasource", "rollout"}
    variables = {name for query in QUERIES for name in re.findall(r"\$(\w+)", query)}
    assert variables == {"rollout"}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert len(rule["annotations"]["runbook"].split()) >= 12
    labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    kept = {name.strip() for group in re.findall(r"by \(([^)]*)\)", rule["expr"]) for name in group.split(",")}
    assert labels <= kept, "a label that the expression does not keep would be empty"


@pytest.mark.programs
def test_promtool_accepts_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    command = [promtool, "check", "rules", str(CHART / "files" / "rules" / "slipway.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_they_are_made_only_where_that_is_asked_for() -> None:
    assert not of_kind(render(), "PrometheusRule")
    manifests = render("monitoring.dashboard=true", "monitoring.rules=true")
    made = named(manifests, "ConfigMap", "slipway-dashboard")
    assert json.loads(made["data"]["slipway.json"]) == DASHBOARD
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert named(manifests, "PrometheusRule", "slipway")["spec"] == RULES
    assert named(render("monitoring.rules=true"), "PrometheusRule", "slipway")["spec"] == RULES


@pytest.mark.long
def test_another_word_than_true_or_false_is_refused() -> None:
    assert helm("template", "slipway", str(CHART), "--set", "monitoring.rules=perhaps").returncode != 0
