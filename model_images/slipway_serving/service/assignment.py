"""What the headers of a request say about it: live, shadow or held out, which epoch, which entity, which cluster.

The digits of the entity's hash that assign it are also the ones that cluster it (evidence.md, "Bucket header"):
revision number r assigns by the three digits at offset 5r mod 60 and clusters by the next two. The sketch of
distinct entities hashes once more, so that it is independent of the assignment.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

LIVE, SHADOW, DIRECT, HOLDOUT = "live", "shadow", "direct", "holdout"
REVISION_HEADER = "x-slipway-revision"
ASSIGNMENT_HEADER = "x-slipway-assignment"
HOLDOUT_HEADER = "x-slipway-holdout"
"""Set by the gateway on requests of entities that are held out: the rotation. A client's is taken away."""
REGISTERS = 1024
_BUCKET = re.compile(r"[0-9a-fA-F]{64}")
_ROTATION = re.compile(r"[0-9]{1,9}")
_ASSIGNMENT = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")
_INDEX_BITS = 10
_RANK_BITS = 54


class Origin(NamedTuple):
    """Where a request comes from. `epoch` is None when the request is no evidence; a cluster and a sketch's register
    exist only for an entity that was assigned (`assigned`). `rotation` is that of the hold-out, where the entity is
    held out."""

    traffic: str
    epoch: int | None = None
    cluster: int | None = None
    register: int = 0
    rank: int = 0
    rotation: int | None = None

    @property
    def assigned(self) -> bool:
        """Whether the request carried an entity's hash, so that it was assigned rather than sent to stable."""
        return self.cluster is not None


def read_origin(headers: Mapping[str, str], revision: str, bucket_header: str, holds_out: bool = False) -> Origin:
    """Reads the headers (names in lower case) as this `revision` sees them.

    The gateway sets the chosen revision; a pod that sees another's id got a mirrored copy. Without that header the
    request did not come through the route: never evidence. `holds_out`: whether the pod has rules for entities that are
    held out; without them such a request is one like all others.
    """
    chosen = headers.get(REVISION_HEADER)
    if not chosen:
        return Origin(DIRECT)
    traffic, rotation = LIVE if chosen == revision else SHADOW, None
    if holds_out and traffic == LIVE and _ROTATION.fullmatch(headers.get(HOLDOUT_HEADER, "")):
        traffic, rotation = HOLDOUT, int(headers[HOLDOUT_HEADER])
    assignment = _ASSIGNMENT.fullmatch(headers.get(ASSIGNMENT_HEADER, ""))
    if not assignment:
        return Origin(traffic, rotation=rotation)
    number, epoch = int(assignment[1]), int(assignment[2])
    bucket = headers.get(bucket_header, "")
    if not _BUCKET.fullmatch(bucket):
        return Origin(traffic, epoch, rotation=rotation)
    register, rank = sketch_position(bucket)
    return Origin(traffic, epoch, cluster_of(bucket, number), register, rank, rotation)


def entity_of(headers: Mapping[str, str], bucket_header: str) -> str | None:
    """The hash of the entity that a request names, in lower case; None where it names none."""
    bucket = headers.get(bucket_header, "")
    return bucket.lower() if _BUCKET.fullmatch(bucket) else None


def cluster_of(bucket: str, number: int) -> int:
    """The analysis cluster (0..255) of an entity for revision number `number`."""
    offset = 5 * number % 60 + 3
    return int(bucket[offset : offset + 2], 16)


def sketch_position(bucket: str) -> tuple[int, int]:
    """Register and rank of an entity in a HyperLogLog sketch of 1,024 registers.

    Flajolet et al. 2007: the first 10 bits choose the register; the rank is the position of the first set bit among
    the following 54.
    """
    bits = int.from_bytes(hashlib.sha256(bucket.lower().encode()).digest()[:8], "big")
    rest = bits & ((1 << _RANK_BITS) - 1)
    return bits >> _RANK_BITS, _RANK_BITS - rest.bit_length() + 1
