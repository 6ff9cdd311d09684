"""An entry as tags of an MLflow run, whose values are short: pieces that make the text again."""

from __future__ import annotations

from collections.abc import Mapping

from slipway.api.v1alpha1.rollout_ledger import LedgerEntry
from slipway.core.ledger.entry import sha256
from slipway.core.plan import Unavailable

PIECE = 4_000
"""Characters of a tag: MLflow cuts what is longer than 8,000, and its older stores what is longer than 5,000."""


def tag_prefix(uid: str, sequence: int) -> str:
    """What the names of an entry's tags begin with; `uid` is the rollout's."""
    return f"slipway.ledger.{uid}.{sequence:06d}."


def tags(prefix: str, text: str) -> dict[str, str]:
    """The tags that hold an entry."""
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    return {f"{prefix}{number:02d}": piece for number, piece in enumerate(pieces)}


def from_tags(prefix: str, found: Mapping[str, str]) -> str:
    """The text that they hold; empty where there are none."""
    return "".join(found[name] for name in sorted(found) if name.startswith(prefix))


def is_archived(uid: str, entry: LedgerEntry, found: Mapping[str, str] | Unavailable | None) -> bool:
    """Whether the tags of its run hold the whole entry."""
    if not isinstance(found, Mapping):
        return False
    return sha256(from_tags(tag_prefix(uid, entry.sequence), found)) == entry.digest
