"""What one comparison is asked to do, as one environment variable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway_pipelines.faults import DataFault
from slipway_pipelines.log_files import LogPlace, read_place

VARIABLE = "SLIPWAY_PAIRS"


@dataclass(frozen=True)
class PairsRequest:
    """Which rows of the log are pairs, and what is counted of them.

    Attributes:
        log: where the log is.
        stable, candidate: their revisions; `epoch` is the span of the stage's traffic.
        since, until: stable's requests from then on and before then are paired.
        positive: the answer that flags; empty where none does.
        numeric: answers are numbers, so that equal ones say nothing.
        assigned: only requests that name their entity are evidence.
        entity: the task's column of the entity; empty without one.
        slices: columns whose values are told by themselves from `minimum_rows` pairs on.
    """

    log: LogPlace
    stable: str
    candidate: str
    epoch: int
    since: datetime
    until: datetime
    positive: str = ""
    numeric: bool = False
    assigned: bool = False
    entity: str = ""
    slices: tuple[str, ...] = ()
    minimum_rows: int = 200


def read_request(environment: Mapping[str, str]) -> PairsRequest:
    """The request of this process. Raises DataFault where it is absent or cannot be read."""
    try:
        raw: dict[str, Any] = json.loads(environment[VARIABLE])
        return PairsRequest(
            log=read_place(raw),
            stable=str(raw["stable"]),
            candidate=str(raw["candidate"]),
            epoch=int(raw["epoch"]),
            since=datetime.fromisoformat(raw["since"]),
            until=datetime.fromisoformat(raw["until"]),
            positive=str(raw.get("positive", "")),
            numeric=bool(raw.get("numeric", False)),
            assigned=bool(raw.get("assigned", False)),
            entity=str(raw.get("entity", "")),
            slices=tuple(str(one) for one in raw.get("slices", ())),
            minimum_rows=int(raw.get("minimumRows", 200)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataFault("RequestInvalid", f"{VARIABLE} is absent or not to be read: {error!r}") from error
