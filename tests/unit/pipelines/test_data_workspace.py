"""A pod that starts anew finds what the last one made, and nothing that was changed or made of something else."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from slipway_pipelines.data import prepare as module
from slipway_pipelines.data.prepare import Prepared, prepare
from slipway_pipelines.data.workspace import HandedOver, Workspace
from slipway_pipelines.faults import DataFault, TransientFault
from slipway_pipelines.request import read_request
from slipway_pipelines.steps import Steps

from tests.unit.pipelines.made import environment, table


def attempted(directory: Path, steps: Steps, **task: Any) -> Prepared:
    given = environment(directory / "rows.csv", directory / "log", "http://127.0.0.1:9", task=task)
    given["SLIPWAY_WORKSPACE"] = str(directory / "workspace")
    return prepare(read_request(given), given, steps)


def test_a_killed_pod_is_followed_by_one_that_goes_on_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(300).to_csv(tmp_path / "rows.csv", index=False)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_inspected", lambda *given: (_ for _ in ()).throw(TransientFault("Killed", "now")))
        with pytest.raises(TransientFault):
            attempted(tmp_path, Steps())
    table(300, seed=4).to_csv(tmp_path / "rows.csv", index=False)
    steps = Steps()
    again = attempted(tmp_path, steps)
    assert list(steps.seconds) == ["acquire", "inspect"]
    table(300).to_csv(tmp_path / "rows.csv", index=False)
    given = environment(tmp_path / "rows.csv", tmp_path / "log", "http://127.0.0.1:9")
    fresh = prepare(read_request(given), given, Steps())
    for name in ("train", "validation", "test"):
        pd.testing.assert_frame_equal(getattr(again.parts, name), getattr(fresh.parts, name))
    assert again.source.digest == fresh.source.digest
    assert again.parts.novel.tolist() == fresh.parts.novel.tolist()
    records = [json.dumps(asdict(each.record), default=str, sort_keys=True) for each in (again, fresh)]
    assert records[0] == records[1]


def test_another_task_makes_its_parts_anew_of_the_rows_that_were_read(tmp_path: Path) -> None:
    table(300).to_csv(tmp_path / "rows.csv", index=False)
    attempted(tmp_path, Steps())
    steps = Steps()
    attempted(tmp_path, steps, goal="Another one")
    assert "split" in steps.seconds


def test_what_somebody_has_changed_is_not_used(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "run")
    workspace.keep("acquire", "input", HandedOver({"rows": pd.DataFrame({"a": [1.0, None]})}, {"size": 3}))
    found = workspace.find("acquire", "input")
    assert found is not None
    assert found.document == {"size": 3}
    assert workspace.find("acquire", "other input") is None
    assert workspace.find("split", "input") is None
    (file,) = tmp_path.rglob("rows.parquet")
    file.write_bytes(file.read_bytes() + b" ")
    assert workspace.find("acquire", "input") is None
    workspace.remove()
    assert list(tmp_path.iterdir()) == []


def test_half_a_manifest_is_none_and_the_step_is_made_anew(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "run")
    workspace.keep("acquire", "input", HandedOver({"rows": pd.DataFrame({"a": [1.0]})}, {}))
    (file,) = tmp_path.rglob("manifest.json")
    file.write_text("")
    assert workspace.find("acquire", "input") is None
    workspace.keep("acquire", "input", HandedOver({"rows": pd.DataFrame({"a": [2.0]})}, {}))
    found = workspace.find("acquire", "input")
    assert found is not None
    assert found.tables["rows"]["a"].tolist() == [2.0]


def test_sources_that_spell_a_column_differently_are_trained_on_with_a_volume_too(tmp_path: Path) -> None:
    first, second = table(300).assign(country=7), table(300, seed=4)
    first.to_parquet(tmp_path / "rows.parquet")
    second.assign(id=lambda one: "u" + one["id"]).to_csv(tmp_path / "rows.csv", index=False)
    note = {"origin": "Organic", "exposureNote": "cards with online use"}
    sources = [{"name": name, "uri": (tmp_path / f"rows.{name}").as_uri(), **note} for name in ("parquet", "csv")]
    given = environment(tmp_path / "x", tmp_path / "log", "http://127.0.0.1:9", spec={"data": {"sources": sources}})
    given["SLIPWAY_WORKSPACE"] = str(tmp_path / "workspace")
    runs = [prepare(read_request(given), given, Steps()) for _ in range(2)]
    assert "7" in set(runs[0].parts.train["country"])
    pd.testing.assert_frame_equal(runs[0].parts.train, runs[1].parts.train)
    assert [str(one) for one in runs[0].record.findings] == [str(one) for one in runs[1].record.findings]


def test_without_a_volume_nothing_is_kept_and_a_full_one_is_no_fault_of_the_data(tmp_path: Path) -> None:
    nowhere = Workspace.of({}, "run")
    nowhere.keep("acquire", 1, HandedOver({}, {}))
    assert nowhere.find("acquire", 1) is None
    (tmp_path / "file").write_text("")
    with pytest.raises(TransientFault) as caught:
        Workspace(tmp_path / "file", "run").keep("acquire", 1, HandedOver({}, {}))
    assert caught.value.reason == "WorkspaceUnavailable"
    assert not isinstance(caught.value, DataFault)
