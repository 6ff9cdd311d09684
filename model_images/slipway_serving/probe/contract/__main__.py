"""`python3 -m slipway_serving.probe.contract`: beside a server in its pod; a line of JSON for each finding and word.

Exit code 0 says that every clause has been tried, whatever came of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from slipway_serving.probe.contract.clauses import PARTS
from slipway_serving.probe.contract.run import examine
from slipway_serving.probe.contract.stopping import LocalProcess, neighbour
from slipway_serving.probe.contract.subject import Asked, Skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries; returns the exit code."""
    asked = _parsed(sys.argv[1:] if arguments is None else arguments)
    host, _, port = asked.server.rpartition(":")
    wanted = Asked(
        host, int(port), asked.model, asked.revision, asked.rollout, asked.latency_edge,
        ready_seconds=asked.ready_seconds, confined=asked.confined, folder=asked.folder,
        process=_Neighbour(), log=asked.log,
    )  # fmt: skip
    for finding in examine(wanted, _say, asked.part or PARTS):
        _print({"finding": {"clause": finding.clause, "outcome": finding.outcome, "message": finding.message[:2000]}})
    _print({"done": True})
    return 0


class _Neighbour:
    """The process of the container beside this one, looked for when it is to end: a server may have been restarted."""

    def __init__(self) -> None:
        self._found: LocalProcess | None = None

    def terminate(self) -> None:
        try:
            self._found = neighbour()
        except Skip as reason:
            raise OSError(str(reason)) from None
        self._found.terminate()

    def ended(self) -> bool:
        return self._found is not None and self._found.ended()


def _say(word: str) -> None:
    _print({"say": word})


def _print(document: object) -> None:
    print(json.dumps(document), flush=True)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("slipway_serving.probe.contract", description="Tries a server's contract.")
    parser.add_argument("--server", default="127.0.0.1:8080", help="HOST:PORT of the server")
    parser.add_argument("--model", default="model", help="the name by which requests call the model")
    parser.add_argument("--revision", default="", help="the server's SLIPWAY_REVISION")
    parser.add_argument("--rollout", default="", help="the server's SLIPWAY_ROLLOUT")
    parser.add_argument("--latency-edge", default="", help="one of the server's SLIPWAY_LATENCY_EDGES")
    parser.add_argument("--folder", type=Path, help="the server's SLIPWAY_PROOF")
    parser.add_argument("--log", type=Path, help="where the server's prediction log is stored")
    parser.add_argument("--ready-seconds", type=float, default=300.0, help="how long it may take to become ready")
    parser.add_argument("--confined", action="store_true", help="the server's pod is confined")
    parser.add_argument("--part", action="append", choices=PARTS, help="clauses that are told of")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
