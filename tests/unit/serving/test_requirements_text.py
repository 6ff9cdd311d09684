"""A model's requirements as editors of other systems write them: read, or refused with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.modeldirectory import model_requirements

LINES = "numpy==2.1.0\r\nscikit-learn==1.6.0\r\n"


def saved(root: Path, requirements: bytes) -> Path:
    (root / "MLmodel").write_text(yaml.safe_dump({"flavors": {"sklearn": {"sklearn_version": "1.6.0"}}}))
    (root / "requirements.txt").write_bytes(requirements)
    return root


def test_a_mark_of_the_byte_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert model_requirements(saved(tmp_path, LINES.encode("utf-8-sig"))) == LINES.split()


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_what_is_no_utf_8_is_refused_and_not_tried_again(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFault) as caught:
        model_requirements(saved(tmp_path, f"# d\u00e9j\u00e0\r\n{LINES}".encode(encoding)))
    fault = caught.value
    assert (fault.step, fault.reason, fault.transient) == ("lock", "UnsupportedRequirement", False)
    assert "requirements.txt is no text in UTF-8" in fault.message
