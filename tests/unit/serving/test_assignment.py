"""Headers → origin: live or shadow, epoch, cluster, and the sketch's independence of the assignment."""

from __future__ import annotations

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway_serving.service.assignment import REGISTERS, Origin, cluster_of, read_origin, sketch_position

BUCKET = hashlib.sha256(b"card 7").hexdigest()
buckets = st.binary(min_size=32, max_size=32).map(bytes.hex)


def origin(**headers: str) -> Origin:
    return read_origin({f"x-slipway-{name}": value for name, value in headers.items()}, "mine", "x-slipway-bucket")


def test_traffic_is_live_shadow_or_direct() -> None:
    assert origin(revision="mine", assignment="3.17", bucket=BUCKET).traffic == "live"
    assert origin(revision="other", assignment="3.17", bucket=BUCKET).traffic == "shadow"
    assert origin(assignment="3.17", bucket=BUCKET) == Origin("direct")


def test_epoch_and_cluster_come_from_the_assignment() -> None:
    seen = origin(revision="mine", assignment="3.17", bucket=BUCKET)
    assert (seen.epoch, seen.cluster, seen.assigned) == (17, int(BUCKET[18:20], 16), True)


@pytest.mark.parametrize("bucket", ["", "ab", BUCKET + "0", "g" * 64])
def test_without_a_valid_bucket_a_request_is_unassigned(bucket: str) -> None:
    seen = origin(revision="mine", assignment="3.17", bucket=bucket)
    assert (seen.epoch, seen.assigned) == (17, False)


@pytest.mark.parametrize("assignment", ["", "3", "3.", ".17", "a.b", "3.17.1", "-1.2", "1" * 12 + ".1"])
def test_without_a_valid_assignment_a_request_is_no_evidence(assignment: str) -> None:
    assert origin(revision="mine", assignment=assignment, bucket=BUCKET).epoch is None


@given(bucket=buckets, number=st.integers(0, 10**9 - 1))
def test_clusters_follow_the_assignment_digits_and_stay_in_the_hash(bucket: str, number: int) -> None:
    offset = 5 * number % 60
    assert offset + 5 <= 60
    assert f"{cluster_of(bucket, number):02x}" == bucket[offset + 3 : offset + 5]


@given(bucket=buckets)
def test_sketch_positions_are_in_range(bucket: str) -> None:
    register, rank = sketch_position(bucket)
    assert 0 <= register < REGISTERS
    assert 1 <= rank <= 55
    assert sketch_position(bucket.upper()) == (register, rank)


def estimate(entities: list[str]) -> float:
    """HyperLogLog's estimator with the small-range correction (Flajolet et al. 2007, figure 3)."""
    ranks = [0] * REGISTERS
    for entity in entities:
        register, rank = sketch_position(entity)
        ranks[register] = max(ranks[register], rank)
    raw = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS**2 / sum(2.0**-rank for rank in ranks)
    empty = ranks.count(0)
    return REGISTERS * math.log(REGISTERS / empty) if raw <= 2.5 * REGISTERS and empty else raw


@pytest.mark.parametrize("count", [10, 300, 3000, 30000])
def test_the_sketch_counts_entities_within_four_standard_errors(count: int) -> None:
    entities = [hashlib.sha256(f"entity {index}".encode()).hexdigest() for index in range(count)]
    assert estimate(entities * 2) == pytest.approx(count, rel=4 * 1.04 / math.sqrt(REGISTERS))


def test_the_sketch_is_independent_of_the_assigned_cells() -> None:
    """A candidate's entities share their first digits; a register made of those would nearly always be the same."""
    hashes = (hashlib.sha256(f"entity {index}".encode()).hexdigest() for index in range(60000))
    assigned = [entity for entity in hashes if int(entity[:3], 16) < 205]
    assert estimate(assigned) == pytest.approx(len(assigned), rel=4 * 1.04 / math.sqrt(REGISTERS))
