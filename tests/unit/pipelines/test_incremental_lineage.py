"""The lineage of a continued version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway_pipelines.incremental.lineage import (
    Learnt,
    Lineage,
    LineageError,
    Version,
)

ROOT = Lineage("StochasticGradient", "sha256:d", 800, "2026-01-01T00:00:00+00:00", None)
FIRST = Version("fraud", "7", "sha256:m")
digests = st.lists(st.text("0123456789abcdef", min_size=4, max_size=4), max_size=5)


def batch(digest: str) -> Learnt:
    return Learnt(f"sha256:{digest}", 10, 10, "2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00")


def lineage(names: list[str], step: int = 1) -> Lineage:
    """Of versions that learnt `step` batches each."""
    found = ROOT
    for number, start in enumerate(range(0, len(names), step)):
        base = FIRST if number == 0 else Version("fraud", str(7 + number), f"sha256:m{number}")
        found = found.continued(base, [batch(name) for name in names[start : start + step]])
    return found


@given(digests, digests)
def test_a_lineage_is_the_first_version_and_its_batches_in_their_order(one: list[str], other: list[str]) -> None:
    if one and other:
        assert (lineage(one).digest == lineage(other).digest) == (one == other)


@given(digests.filter(bool))
def test_how_many_runs_learnt_the_batches_changes_nothing(names: list[str]) -> None:
    assert lineage(names, 1).digest == lineage(names, len(names)).digest


@given(digests)
def test_a_lineage_comes_back_from_its_document(names: list[str]) -> None:
    import json

    found = lineage(names)
    assert Lineage.read(json.dumps(found.document())) == found


def test_a_lineage_whose_parts_were_changed_is_refused() -> None:
    import json

    document = lineage(["a", "b"]).document()
    document["batches"] = document["batches"][::-1]
    with pytest.raises(LineageError, match="differ from its digest"):
        Lineage.read(json.dumps(document))
    with pytest.raises(LineageError, match="format"):
        Lineage.read(json.dumps({"format": 99}))


def test_a_fork_continues_from_its_own_base() -> None:
    trunk = lineage(["a", "b"])
    fork = lineage(["a"]).continued(Version("fraud", "8", "sha256:m1"), [batch("c")])
    assert [one.digest for one in fork.batches] == ["sha256:a", "sha256:c"]
    assert fork.first == trunk.first == FIRST
    assert fork.digest != trunk.digest
