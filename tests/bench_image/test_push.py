"""A model whose dependencies are there becomes an image by one layer, appended and pushed to a real registry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from slipway_oci import Registry
from slipway_serving.build import assemble
from slipway_serving.build.modeldirectory import directory_digest

from tests.unit.registries import open_registry
from tests.unit.serving.workshop import Workshop, open_workshop

MOST_SECONDS, MODEL_BYTES, MODELS = 2.0, 20_000_000, 5


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    with (
        open_registry(tmp_path) as host,
        open_workshop(tmp_path, Registry(host, plain_http=True), monkeypatch) as made,
    ):
        yield made


def retrained(workshop: Workshop, number: int) -> dict[str, Any]:
    """The image of another model of the same lock, whose bytes no compression makes smaller."""
    directory = workshop.tracking.root / "1/model"
    (directory / "model.pkl").write_bytes(np.random.default_rng(number).bytes(MODEL_BYTES))
    shared = f"{workshop.registry.host}/slipway/dependencies"
    digest = directory_digest(directory)
    code, report = workshop.run(f"pushed/{number}", expect_digest=digest, dependency_repository=shared)
    assert code == 0, report
    return report


def test_the_next_model_of_a_lock_is_a_layer_and_nothing_more(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []
    install = assemble.install

    def counting(joined: str, *rest: Any) -> None:
        installed.append(joined)
        install(joined, *rest)

    monkeypatch.setattr(assemble, "install", counting)
    first = retrained(workshop, 0)
    assert len(installed) == 1
    cpu = time.process_time()
    later = [retrained(workshop, number) for number in range(1, MODELS)]
    cpu = (time.process_time() - cpu) / len(later)
    assert len(installed) == 1, "a second rollout with the same lock has built dependencies"
    assert {report["dependencies"] for report in later} == {first["dependencies"]}
    assert len({report["image"] for report in (first, *later)}) == MODELS
    seconds = sorted(report["seconds"]["append"] for report in later)
    print(
        f"\na model of {MODEL_BYTES / 1e6:.0f} MB, its layer appended and pushed: {seconds[0]:.2f} to "
        f"{seconds[-1]:.2f} s, promised {MOST_SECONDS:.0f}; dependencies looked up in "
        f"{max(report['seconds']['dependencies'] for report in later):.2f} s, installed {len(installed)} time for "
        f"{MODELS} models; a whole build takes {cpu:.2f} s of CPU"
    )
    assert seconds[len(seconds) // 2] <= MOST_SECONDS
