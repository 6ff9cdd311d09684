"""The examples of retraining are clean, and what no policy may ask for is refused by its field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.api.v1alpha1.modeltask import ModelTaskSpec
from slipway.api.v1alpha1.rollout_traffic import PredictionLog
from slipway.validation import check
from slipway.validation.together import check_together

from tests.unit.drift.labelled_world import jobs, labelled_world
from tests.unit.drift.policy_world import condition

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "retrain"
LABELS = EXAMPLES.parent / "labels"


def policy() -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((EXAMPLES / "policy.yaml").read_text())
    return manifest


@pytest.mark.parametrize(
    "path",
    sorted([*EXAMPLES.glob("*.yaml"), *LABELS.glob("*.yaml")]),
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_the_example_is_clean(path: Path) -> None:
    assert [str(found) for each in yaml.safe_load_all(path.read_text()) for found in check(each)] == []


def test_the_example_of_labels_fits_together() -> None:
    """What its policy asks for can be measured of its task and rollout."""
    task, rollout, policy = (
        yaml.safe_load((LABELS / f"{name}.yaml").read_text()) for name in ("task", "rollout", "policy")
    )
    assert [str(found) for _, found in check_together([task, rollout, policy])] == []
    log = PredictionLog.model_validate(rollout["spec"]["predictionLog"])
    world = labelled_world(
        policy["spec"]["triggers"][0]["performance"], task=ModelTaskSpec.model_validate(task["spec"]), log=log
    )
    world.settle()
    assert len(jobs(world)) == 1
    assert condition(world, "Ready") == ("True", "Watching")


@pytest.mark.parametrize(
    ("path", "value", "refused"),
    [
        (("schedule", "cron"), "0 3 31 2 *", "spec.schedule.cron: '0 3 31 2 *': it never comes"),
        (("schedule", "cron"), "61 3 * * *", "spec.schedule.cron: '61 3 * * *': the minute '61' must be from 0 to 59"),
        (("schedule", "timeZone"), "Europe/Atlantis", "spec.schedule.timeZone: 'Europe/Atlantis' is no time zone"),
        (("triggers", 0, "name"), "schedule", "spec.triggers[0].name: 'schedule' is how status calls the calendar"),
        (("budget", "triggered"), 0, "spec.budget.triggered: 0 runs by triggers"),
        (("budget", "scheduled"), 0, "spec.budget.scheduled: 0 runs by the calendar"),
    ],
)
def test_what_can_never_be_is_named_by_its_field(path: tuple[str | int, ...], value: object, refused: str) -> None:
    manifest = policy()
    at: Any = manifest["spec"]
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    assert any(str(found).startswith(refused) for found in check(manifest)), [str(each) for each in check(manifest)]
