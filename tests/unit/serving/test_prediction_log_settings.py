"""Settings of the prediction log that cannot work are refused by name, and end the process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from slipway_serving.service.predictionlog.rows import RowLayout
from slipway_serving.service.predictionlog.settings import VARIABLE, LogSettings, read_log_settings
from slipway_serving.service.predictionlog.store import Store

from tests.unit.serving.logged import KEY, SCHEMA, secret
from tests.unit.serving.models import Broken, save_object
from tests.unit.serving.servers import serving

pytestmark = pytest.mark.long


def test_without_the_variable_nothing_is_logged() -> None:
    assert read_log_settings({}) is None


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ("no json", VARIABLE),
        ("{}", "uri"),
        ('{"uri": "s3://lake", "hash": ["card"]}', "hash-key"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(described: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_log_settings({VARIABLE: described})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (LogSettings("gs://lake/x"), "s3://bucket/prefix or file:///directory"),
        (LogSettings("s3://lake/x"), "AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_store_that_cannot_work_is_refused_by_name(settings: LogSettings, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Store(settings)


@pytest.mark.parametrize(
    ("described", "missing"),
    [
        ({}, "AWS_ACCESS_KEY_ID"),
        ({"hash": ["amount"]}, "hash-key"),
        ({"uri": "file:///tmp/x", "omit": ["amuont"]}, "predictionLog.omit names 'amuont'"),
    ],
)
def test_a_log_that_cannot_work_ends_the_process_and_names_the_cause(
    described: dict[str, Any], missing: str, tmp_path: Path
) -> None:
    variable = json.dumps({"uri": "s3://lake/x", "spool": str(tmp_path / "spool"), **described})
    model, told = save_object(tmp_path / "model", Broken(0)), tmp_path / "termination-log"
    log = {"SLIPWAY_PREDICTION_LOG": variable, "SLIPWAY_TERMINATION_LOG": str(told)}
    with serving(model, tmp_path, **log) as server:
        assert server.process.wait(60) == 78
        assert missing in server.log.read_text()
        assert missing in told.read_text(), "where the kubelet finds it, and so the operator"


@pytest.mark.parametrize("field", ["omit", "hash"])
@pytest.mark.parametrize("name", ["contry", "Country", "feature_country", "entity"])
def test_a_column_that_no_request_has_ends_the_process_and_is_named(field: str, name: str, tmp_path: Path) -> None:
    settings = LogSettings("file:///x", secret=secret(tmp_path, hash_key=KEY), **{field: frozenset({name, "card"})})
    with pytest.raises(ValueError, match=rf"predictionLog\.{field} names '{name}'.* are amount, card, country"):
        RowLayout(SCHEMA, "7", settings)
