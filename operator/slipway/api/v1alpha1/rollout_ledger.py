"""The part of a rollout's status that its evidence ledger hangs on: what was decided, before it is written down."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.api.v1alpha1.base import Status

KEPT = 40
"""Entries that stay in the cluster; older ones are moved to MLflow, then removed."""

MOST = 80
"""Entries that stay at the most, while MLflow does not answer."""

PENDING = 8
"""Decisions that wait at once to be written down."""


class LedgerEntry(Status):
    """One entry that stands in a ConfigMap."""

    sequence: int = Field(description="Its number, counted up over the life of the rollout.")
    digest: str = Field(description="SHA-256 of its text, in hex.")
    run: str = Field("", description="MLflow run to which it is moved before it is removed; empty where there is none.")


class Ledger(Status):
    """The evidence ledger: each decision with its inputs, chained by digest."""

    sequence: int = Field(0, description="Number of the newest entry.")
    head: str = Field("", description="SHA-256 of the newest entry.")
    owned: bool = Field(True, description="Whether the entries go with the rollout: deletionPolicy Delete.")
    kept: Annotated[tuple[LedgerEntry, ...], Field(max_length=MOST + PENDING)] = Field(
        (), description="The entries in ConfigMaps, oldest first."
    )
    pending: Annotated[tuple[str, ...], Field(max_length=PENDING)] = Field(
        (), description="Texts of the newest entries of kept, whose ConfigMaps are not written yet."
    )
    missed: int = Field(0, description="Decisions without an entry, because too many waited to be written.")
    lost: int = Field(0, description="Entries that were removed and that no MLflow run holds.")
