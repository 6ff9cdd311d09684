"""A tracking server that lists what leads out of the model's directory: nothing of it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.tracking import Tracking

from tests.unit.serving.tracking_server import tracking_server


@pytest.mark.parametrize("directory", [True, False])
@pytest.mark.parametrize("name", ["..", "deep/..", "/..", "", ".", "/", None, "a\0b"])
def test_a_name_that_leads_out_of_the_models_directory_is_refused(
    name: str | None, directory: bool, tmp_path: Path
) -> None:
    with tracking_server(tmp_path) as server:
        server.listed = {"1/model": [{"path": "MLmodel", "is_dir": False}, {"path": name, "is_dir": directory}]}
        with pytest.raises(BuildFault) as caught:
            Tracking(server.uri).files("1/model")
    assert (caught.value.step, caught.value.reason) == ("download", "InvalidArtifactName")
    assert not caught.value.transient


def test_only_the_last_part_of_a_listed_path_names_a_file(tmp_path: Path) -> None:
    with tracking_server(tmp_path) as server:
        server.listed = {"1/model": [{"path": "/etc/passwd", "is_dir": False}, {"path": "../..x", "is_dir": False}]}
        found = Tracking(server.uri).files("1/model")
    assert [(str(one.path), one.stored) for one in found] == [("passwd", "1/model/passwd"), ("..x", "1/model/..x")]
