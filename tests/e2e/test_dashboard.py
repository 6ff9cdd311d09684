"""The chart's dashboard on the real Prometheus: every panel's query is answered, and those of what serves have data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.demo import kube
from tests.demo.data import Row
from tests.rows.service import Service, canary

FILES = Path(__file__).resolve().parents[2] / "charts" / "slipway" / "files"
DASHBOARD = json.loads((FILES / "dashboards" / "slipway.json").read_text())
PANELS = {
    panel["title"]: [target["expr"] for target in panel["targets"]]
    for panel in DASHBOARD["panels"]
    if panel["type"] != "row"
}
# A model with answers has these, whatever else is installed and has happened.
WITH_DATA = (
    "Rollouts by phase", "Waiting for a person, or serving nobody", "Gates by verdict", "Requests",
    "Share of live requests", "Errors", "Latency", "Answers by class", "Missing values", "Pods", "Leader",
    "Duration of a reconcile", "Queue", "Writes", "Memory",
)  # fmt: skip


@pytest.fixture(scope="module")
def service(serve: Callable[[str], Service], models: dict[str, str]) -> Service:
    made = serve("watched")
    made.create(models["first"], [canary(50, seconds=3600)])
    return made


def test_every_panel_is_answered_and_those_of_a_served_model_have_data(service: Service, rows: tuple[Row, ...]) -> None:
    def empty() -> list[str]:
        """Raises where Prometheus refuses a query."""
        found = {
            title: [service.prometheus.query(query.replace("$rollout", service.label)) for query in queries]
            for title, queries in PANELS.items()
        }
        return [title for title in WITH_DATA if not all(found[title])]

    with service.client(rows, rate=20):
        kube.wait(lambda: {"empty": empty()}, lambda found: not found["empty"], 120, "all panels have data", every=5)


def test_every_alert_is_a_query_that_prometheus_answers(service: Service) -> None:
    rules = yaml.safe_load((FILES / "rules" / "slipway.yaml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        service.prometheus.query(rule["expr"])
