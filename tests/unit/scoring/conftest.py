"""One model for all tests, a volume for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.scoring.given import Volume, model_in


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_in(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def volume(tmp_path: Path, model: Path) -> Volume:
    return Volume(tmp_path, model)
