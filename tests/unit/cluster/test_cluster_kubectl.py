"""kubectl is asked until a kind is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.errors import ClusterError
from tests.cluster.kubectl import Kubectl


def refusing(directory: Path, times: int) -> Kubectl:
    """A kubectl whose API server does not know the kinds so many times; it notes what it was asked."""
    program = directory / "kubectl"
    asked = directory / "asked"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {asked}\n[ "$(wc -l < {asked})" -gt {times} ] || '
        '{ echo "the server doesn\'t have a resource type" >&2; exit 1; }\n'
    )
    program.chmod(0o755)
    return Kubectl(program, directory / "config")


def test_kinds_are_awaited_until_all_of_them_are_served(tmp_path: Path) -> None:
    refusing(tmp_path, 2).await_kinds("widgets.slipway.dev", "nowheres.slipway.dev")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == 3
    assert "get widgets.slipway.dev,nowheres.slipway.dev --all-namespaces" in asked[0]


def test_a_kind_that_never_comes_is_told_in_the_words_of_the_server(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="doesn't have a resource type"):
        refusing(tmp_path, 10**6).await_kinds("widgets.slipway.dev", seconds=0)
