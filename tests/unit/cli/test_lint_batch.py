"""Batch tasks and their rollouts: what is wrong is said before anything is applied."""

from __future__ import annotations

import calendar
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.validation import check, check_together, errors
from slipway.validation.cron import cron_fault

from tests.unit.cli.manifests import CANARY, ERRORS, ROLLOUT, TASK, rollout

BATCH: dict[str, Any] = {
    "input": {"uri": "s3://lake/to-score/", "secretRef": {"name": "lake"}},
    "output": {"uri": "file:///data/scores"},
    "schedule": {"cron": "0 3 * * *", "timeZone": "Europe/Rome"},
    "volume": {"persistentVolumeClaim": {"claimName": "scores"}},
}


def task(**batch: Any) -> dict[str, Any]:
    """A Batch task; None takes a field away."""
    manifest = deepcopy(TASK)
    asked = {name: value for name, value in {**BATCH, **batch}.items() if value is not None}
    manifest["spec"] |= {"id": "payment", "serving": {"mode": "Batch", "batch": deepcopy(asked)}}
    return manifest


def batch_rollout(**spec: Any) -> dict[str, Any]:
    kept = {name: ROLLOUT["spec"][name] for name in ("taskRef", "model")}
    return {**deepcopy(ROLLOUT), "spec": deepcopy({**kept, "stages": [], **spec})}


def refusals(manifest: dict[str, Any]) -> str:
    return "; ".join(str(each) for each in errors(check(manifest)))


def test_a_batch_task_and_its_rollout_pass() -> None:
    for manifest in (task(), task(schedule=None), batch_rollout()):
        assert [str(each) for each in check(manifest) if each.severity != "Note"] == []
    assert list(check_together([task(), batch_rollout()])) == []


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({"schedule": {"cron": "61 3 * * *"}}, "schedule.cron: '61 3 * * *': the minute '61' must be from 0 to 59"),
        ({"schedule": {"cron": "0 3 * * 7"}}, "the day of the week '7' must be from 0 to 6"),
        ({"schedule": {"cron": "soon"}}, "five cron fields"),
        ({"schedule": {"cron": "0 3 * * *", "timeZone": "Europe/Atlantis"}}, "timeZone: 'Europe/Atlantis' is no time"),
        (
            {"input": {"uri": "gs://lake/x/"}},
            "input.uri must be below file:///data/ (the mounted volume), s3://BUCKET/",
        ),
        ({"output": {"uri": "https://lake/x/"}}, "output.uri must be below file:///data/"),
        ({"output": {"uri": "file:///etc/x"}}, "output.uri must be below file:///data/"),
        ({"output": {"uri": "file:///data/../etc"}}, "must stay below file:///data/: write it without .."),
        ({"output": {"uri": "s3://lake/to-score"}}, "output.uri must be another place than input.uri"),
        ({"output": {"uri": "s3://lake/to-score/scores"}}, "would be read as rows to score"),
        ({"output": {"uri": "s3://lake/*/scores"}}, "must be one directory, not a pattern"),
        ({"volume": None}, "volume is required with a URI of file:///data/"),
        ({"rowsPerPart": 0}, "rowsPerPart"),
        ({"maxBadRecords": -1}, "maxBadRecords"),
    ],
)
def test_a_wrong_batch_is_refused_with_its_field(batch: dict[str, Any], words: str) -> None:
    assert words in refusals(task(**batch))


def test_rows_without_a_name_are_warned_of() -> None:
    manifest = task()
    del manifest["spec"]["id"]
    assert any("no column names a row" in str(each) for each in check(manifest) if each.severity == "Warning")


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (rollout(), "spec.traffic: a task with serving.mode Batch gets no requests"),
        (rollout(stages=[CANARY]), "Canary needs requests, and a task with serving.mode Batch gets none"),
        (batch_rollout(gates=[ERRORS]), "spec.gates: gates are judged by requests"),
        (
            batch_rollout(predictionLog={"uri": "s3://lake/log/", "secretRef": {"name": "lake"}}),
            "spec.predictionLog: a task with serving.mode Batch gets no requests to log",
        ),
    ],
)
def test_a_rollout_with_traffic_of_a_batch_task_is_refused(manifest: dict[str, Any], words: str) -> None:
    assert words in "; ".join(str(found) for _, found in check_together([task(), manifest]))


def test_a_rollout_without_traffic_of_an_inline_task_is_refused() -> None:
    found = [str(each) for _, each in check_together([TASK, batch_rollout()])]
    assert found == ["spec.traffic: is required: ModelTask 'card-fraud' has serving.mode Inline"]


def test_traffic_needs_stages() -> None:
    assert "stages must have at least 1 entry" in refusals(rollout(stages=[]))


@pytest.mark.parametrize(
    "text",
    [
        "0 3 * * *",
        "*/5 0-6,22 1,15 JAN-mar MON",
        "@daily",
        "59 23 31 12 6",
        "0 3 * * sun",
        "5/15 * * * *",
        "0 0 29 2 *",
        "0 0 31 2 1",
        "0 0 31 2-3 *",
        "0 0 */31 2 *",
    ],
)
def test_what_kubernetes_takes_is_no_fault(text: str) -> None:
    assert cron_fault(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "*/0 * * * *",
        "5-1 * * * *",
        "a * * * *",
        "1-2-3 * * * *",
        "0 0 31 2 *",
        "0 0 30,31 feb *",
        "0 0 31 4-6/2 *",
    ],
)
def test_what_kubernetes_refuses_is_a_fault(text: str) -> None:
    assert cron_fault(text) != ""


@given(st.integers(0, 59), st.integers(0, 23), st.integers(1, 31), st.integers(1, 12), st.integers(0, 6))
def test_every_instant_has_a_right_expression(minute: int, hour: int, day: int, month: int, weekday: int) -> None:
    assert cron_fault(f"{minute} {hour} {day} {month} {weekday}") == ""


@given(st.integers(1, 31), st.integers(1, 12))
def test_a_day_that_no_year_has_is_a_fault(day: int, month: int) -> None:
    never = day > calendar.monthrange(2028, month)[1]
    assert bool(cron_fault(f"0 3 {day} {month} *")) == never


def test_the_example_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    from slipway.cli.__main__ import main

    files = sorted((Path(__file__).parents[3] / "examples" / "batch").glob("*.yaml"))
    assert main(["lint", "--no-kserve", "--strict", *map(str, files)]) == 0, capsys.readouterr().out
