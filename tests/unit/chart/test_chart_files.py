"""The chart's files, without helm."""

from __future__ import annotations

import json
from typing import Any

import yaml
from slipway import __version__
from slipway.api import crds

from tests.unit.chart.rendering import CHART, ROOT


def test_the_kinds_in_the_chart_are_the_generated_ones() -> None:
    generated = {path.name: path.read_bytes() for path in (ROOT / "crds").glob("*.yaml")}
    shipped = {path.name: path.read_bytes() for path in (CHART / "files" / "crds").glob("*.yaml")}
    assert shipped == generated, "run `make crds`"
    assert not crds.stale(CHART / "files" / "crds"), "run `make crds`"


def test_the_versions_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
    assert chart["version"] == __version__


def test_helm_has_no_crds_directory_that_it_would_never_upgrade() -> None:
    assert not (CHART / "crds").exists()


def paths(value: Any, at: str = "") -> set[str]:
    """Every place in the values down to scalars, lists and empty maps."""
    if not isinstance(value, dict) or not value:
        return {at}
    return {path for key, each in value.items() for path in paths(each, f"{at}.{key}" if at else key)}


def test_the_schema_knows_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    for path in paths(yaml.safe_load((CHART / "values.yaml").read_text())):
        place = schema
        for part in path.split("."):
            if "properties" not in place:  # free form from here, such as resources.requests
                break
            assert part in place["properties"], path
            place = place["properties"][part]


def test_every_value_is_explained() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    obvious = {"nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName", "resources"}
    obvious |= {"serviceAccount", "podAnnotations", "nameOverride", "fullnameOverride"}
    for number, line in enumerate(lines):
        if line[:1].isalpha() and line.split(":")[0] not in obvious:
            around = lines[number - 1], lines[number + 1]
            assert any(each.strip().startswith("#") for each in around), line
