"""What tests of whole trainings share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.pipelines.made import table


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the source."""
    file = tmp_path_factory.mktemp("data") / "cards.csv"
    table(1200).to_csv(file, index=False)
    return file
