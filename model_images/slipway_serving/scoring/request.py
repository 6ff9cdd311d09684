"""What the operator asks of a scoring pod, by environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway_serving.scoring.faults import ScoringFault

VARIABLE = "SLIPWAY_SCORING"


@dataclass(frozen=True)
class ScoringRequest:
    """One run. `keys` and `keep` are columns of the input that the output repeats; `sources` names the input's column
    of a feature where it has another name; `features` is the order of inputs for a model that knows none by name.

    `data` is where file:///data/ lies, `spool` where files of http(s) are kept meanwhile.
    """

    input: str
    output: str
    keys: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    sources: Mapping[str, str] | None = None
    rows_per_part: int = 100_000
    max_bad_records: int = 0
    trial: bool = False
    data: Path = Path("/data")
    spool: Path = Path("/tmp/input")

    def source(self, feature: str) -> str:
        """The input's column of a feature."""
        return (self.sources or {}).get(feature, feature)

    @property
    def copied(self) -> tuple[str, ...]:
        """Columns that the output repeats, each once."""
        return tuple(dict.fromkeys((*self.keys, *self.keep)))


def read_request(environment: Mapping[str, str]) -> ScoringRequest:
    """Reads SLIPWAY_SCORING, a JSON object. Raises ScoringFault."""
    try:
        asked = json.loads(environment[VARIABLE])
        return ScoringRequest(
            input=asked["input"],
            output=asked["output"],
            keys=tuple(asked.get("keys", ())),
            keep=tuple(asked.get("keep", ())),
            features=tuple(asked.get("features", ())),
            sources=asked.get("sources", {}),
            rows_per_part=int(asked.get("rowsPerPart", 100_000)),
            max_bad_records=int(asked.get("maxBadRecords", 0)),
            trial=bool(asked.get("trial", False)),
            data=Path(environment.get("SLIPWAY_DATA", "/data")),
            spool=Path(environment.get("SLIPWAY_SPOOL", "/tmp/input")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ScoringFault("RequestInvalid", f"{VARIABLE} is not what the operator writes: {error!r}") from error
