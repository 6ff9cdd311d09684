"""`python3 -m slipway_pipelines.function.fetch`: the code of a run, in a container that runs none of it.

Reads SLIPWAY_CODE_WANTED and the keys of the repository's Secret; writes the directory SLIPWAY_CODE. Exit codes as of
`slipway_pipelines.train`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from slipway_pipelines import report
from slipway_pipelines.faults import EXIT_OK, DataFault, TransientFault, fault_of
from slipway_pipelines.function.checkout import apply_difference, checkout
from slipway_pipelines.function.git import Login, Wanted, fetch
from slipway_pipelines.function.origin import Origin, directory_of, tree_of

WANTED, KEYS, DIFFERENCE = "SLIPWAY_CODE_WANTED", "SLIPWAY_GIT_", "SLIPWAY_CODE_DIFFERENCE"
"""Variables: what to fetch, what stands before the keys of its Secret, and the file of the difference."""

_SECONDS = 300
_STEP = "code"


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Fetches and returns the exit code of the process."""
    try:
        fetched(environment)
    except Exception as error:
        fault = fault_of(error)
        report.write(report.error_report(fault, _STEP, {}), environment)
        print(f"{_STEP}: {fault.reason}: {fault.message}", file=sys.stderr, flush=True)
        return fault.exit_code
    return EXIT_OK


def fetched(environment: Mapping[str, str]) -> Origin:
    """Writes the files and where they come from. Raises Fault."""
    try:
        asked = json.loads(environment[WANTED])
        wanted = Wanted(asked["url"], asked.get("commit") or "", asked.get("ref") or "")
        digest = str((asked.get("difference") or {}).get("digest", ""))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataFault("RequestInvalid", f"{WANTED}: {type(error).__name__}: {error}") from error
    directory = directory_of(environment)
    keys = {name.removeprefix(KEYS): value for name, value in environment.items() if name.startswith(KEYS)}
    with tempfile.TemporaryDirectory() as scratch:
        repository, commit = fetch(wanted, Login.of(keys, Path(scratch)), Path(scratch) / "repository")
        skipped = checkout(repository, commit, tree_of(directory))
        repository.close()
    if digest:
        apply_difference(Path(environment[DIFFERENCE]).read_text(), digest, tree_of(directory))
    found = Origin(wanted.url, commit.id.decode(), digest)
    found.write(directory)
    left_out = f"; left out, being links or submodules: {', '.join(skipped[:10])}" if skipped else ""
    print(f"{found.repository} at {found.commit}{' and a difference' if digest else ''}{left_out}", flush=True)
    return found


def _late(number: int, frame: FrameType | None) -> None:
    raise TransientFault("CodeUnavailable", f"the repository was not fetched within {_SECONDS} s")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(_SECONDS)
    sys.exit(main())
