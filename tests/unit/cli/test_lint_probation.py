"""What a probation needs of its rollout and task is said by lint, and where it stands by explain."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.cli.explanation import explain
from slipway.validation import check
from slipway.validation.together import check_together

from tests.unit.cli.manifests import TASK, Manifest, rollout

EXAMPLES = Path(__file__).parents[3] / "examples" / "probation"
LIMIT = {"metric": "precision", "op": ">=", "bound": "75%"}
LOG = {"uri": "s3://lake/p/", "secretRef": {"name": "lake"}}
SOURCE = {"uri": "https://data.example.com/labels.csv"}
MATURITY = {"p95": "60d", "completeness": "90%"}


def task(**spec: Any) -> Manifest:
    label = {**TASK["spec"]["label"], "source": SOURCE, "maturity": MATURITY, **spec.pop("label", {})}
    kept = {name: value for name, value in label.items() if value is not None}
    return {**TASK, "spec": {**TASK["spec"], "id": "transaction_id", **spec, "label": kept}}


def promotes(keep: dict[str, str] | None = None, **limit: str) -> dict[str, Any]:
    return {"keepPrevious": keep or {"atLeast": "7d", "atMost": "120d"}, "probation": {**LIMIT, **limit}}


def test_the_example_is_clean_and_fits_together() -> None:
    both = [yaml.safe_load(path.read_text()) for path in sorted(EXAMPLES.glob("*.yaml"))]
    assert {each["kind"] for each in both} == {"ModelTask", "ModelRollout"}
    assert [str(found) for each in both for found in check(each)] == []
    assert [str(found) for _, found in check_together(both)] == []


def together(of_task: Manifest, **spec: Any) -> list[str]:
    return [str(found) for _, found in check_together([of_task, rollout(**spec)])]


def test_what_has_all_it_needs_is_no_finding() -> None:
    assert together(task(), predictionLog=LOG, promotion=promotes()) == []


@pytest.mark.parametrize(
    ("of_task", "promotion", "says"),
    [
        (task(label={"source": None}), promotes(), "promotion.probation: ModelTask 'card-fraud' does not say where"),
        (task(id=None), promotes(), "labels from files are joined by the event's id: set spec.id of ModelTask"),
        (task(), promotes(metric="mae", bound="3"), "promotion.probation.metric: labels give no mae of a Binary"),
        (
            task(),
            promotes({"atLeast": "7d", "atMost": "60d"}),
            "spec.promotion.keepPrevious.atMost: 60d is over before a label has matured",
        ),
        (
            task(label={"maturity": {**MATURITY, "absenceMeansNegativeAfter": "121d"}}),
            promotes(),
            "gives them 121d (label.maturity)",
        ),
    ],
    ids=["source", "id", "metric", "too short", "silence"],
)
def test_what_it_lacks_is_an_error_at_its_field(of_task: Manifest, promotion: dict[str, Any], says: str) -> None:
    (found,) = together(of_task, predictionLog=LOG, promotion=promotion)
    assert says in found


def test_without_a_log_nothing_can_be_judged() -> None:
    (found,) = together(task(), promotion=promotes())
    assert "spec.promotion.probation: judges logged predictions: set spec.predictionLog" in found


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "spec.promotion.probation: judges logged predictions, and there are none: set spec.predictionLog"),
        ({"predictionLog": {**LOG, "retention": "90d"}}, "spec.predictionLog.retention: 90d is shorter than"),
    ],
)
def test_what_a_rollout_shows_by_itself_is_a_warning(spec: dict[str, Any], says: str) -> None:
    found = [each for each in check(rollout(promotion=promotes(), **spec)) if "probation" in str(each)]
    assert len(found) == 1
    assert says in str(found[0])


def test_explain_says_how_long_the_version_before_is_kept_and_what_for() -> None:
    probation = {"version": "2", "revision": "b", "verdict": "Wait", "ends": "2026-12-31T00:00:00Z"}
    said = {
        "type": "OnProbation", "status": "True", "reason": "NotYetSure", "observedGeneration": 1,
        "lastTransitionTime": "2026-11-01T00:00:00Z", "message": "version 2 is on probation: precision is not yet sure",
    }  # fmt: skip
    variants = [{"name": "stable", "version": "2"}, {"name": "previous", "version": "1"}]
    status = {"phase": "Serving", "variants": variants, "probation": probation, "conditions": [said]}
    lines = "\n".join(explain({**rollout(), "status": status}, datetime(2026, 11, 30, tzinfo=UTC)).lines())
    assert "version 1 is kept warm while version 2 is on probation, until 2026-12-31 00:00 UTC" in " ".join(
        lines.split()
    )
    assert "Version 2 is on probation: precision is not yet sure." in lines
