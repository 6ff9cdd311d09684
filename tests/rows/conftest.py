"""Marks these tests, and gives them the fixtures of tests.rows.fixtures, once for all directories of a session."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.rows.fixtures")
    config.pluginmanager.import_plugin("tests.rows.training")
    config.pluginmanager.import_plugin("tests.rows.code")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from tests.rows.fixtures import mark

    mark(items, Path(__file__).parent)
