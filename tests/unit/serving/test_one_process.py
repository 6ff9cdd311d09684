"""A server has one process: counts are of a process, and a scrape reaches one."""

from __future__ import annotations

import pytest
from slipway_serving.service.settings import read_settings


@pytest.mark.parametrize("wanted", ["2", "0", "auto"])
def test_more_processes_are_refused_by_name(wanted: str) -> None:
    with pytest.raises(ValueError, match=f"WEB_CONCURRENCY='{wanted}': there is one process in a pod"):
        read_settings({"WEB_CONCURRENCY": wanted})


def test_one_process_may_be_asked_for() -> None:
    assert read_settings({"WEB_CONCURRENCY": "1"}) == read_settings({"WEB_CONCURRENCY": ""}) == read_settings({})
