"""`python3 -m slipway_pipelines.pairs`: compares the answers of a Shadow stage, once.

Reads SLIPWAY_PAIRS; writes the termination message, with the exit codes of `slipway_pipelines.termination`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from slipway_pipelines.counting import connect
from slipway_pipelines.log_files import files_of
from slipway_pipelines.pairs.figures import Compared, compare
from slipway_pipelines.pairs.join import make_pairs
from slipway_pipelines.pairs.request import PairsRequest, read_request
from slipway_pipelines.pairs.words import words
from slipway_pipelines.termination import answered


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Compares and returns the exit code of the process."""
    return answered(environment, lambda: words(compared(read_request(environment))))


def compared(request: PairsRequest) -> Compared:
    """One comparison. Raises a Fault for a store that refuses or is away."""
    stable, candidate = (
        files_of(request.log, revision, request.since, request.until)
        for revision in (request.stable, request.candidate)
    )
    with tempfile.TemporaryDirectory(prefix="pairs-") as folder, connect(Path(folder)) as database:
        slices, share = make_pairs(database, request, stable, candidate)
        return compare(database, request, slices, share)


if __name__ == "__main__":
    sys.exit(main())
