"""`python3 -m slipway_serving.probe`: the proof of the server beside it; the result is the termination message.

Exit code 0 says that there is a result, whatever it is: the operator judges. Any other is a fault of ours or of the
machine, and the Job tries again.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipway_serving.probe.client import Connection
from slipway_serving.probe.load import Plan, run, warm_up
from slipway_serving.probe.report import SHARES, benchmark
from slipway_serving.probe.smoke import Unproven, check_answers, read_requests, until_ready
from slipway_serving.termination import publish

_REQUEST_SECONDS = 60.0  # a first answer may be slow: a model may load parts of itself with it


def main(arguments: Sequence[str] | None = None) -> int:
    """Proves; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    asked = _parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        publish({"proof": prove(asked)})
    except Unproven as fault:
        publish({"error": {"reason": fault.reason, "message": fault.message[-2500:]}})
    return 0


def prove(asked: argparse.Namespace) -> dict[str, Any]:
    """Smoke test, then the benchmark where a load is asked for. Raises Unproven."""
    host, _, port = asked.server.rpartition(":")
    connection = Connection(host, int(port), _REQUEST_SECONDS)
    ready = until_ready(connection, asked.ready_seconds, asked.folder)
    requests = read_requests(connection, asked.model, asked.folder)
    check_answers(connection, requests, asked.folder)
    connection.close()
    found: dict[str, Any] = {"ready": round(ready, 2), "source": requests.source}
    limits = {SHARES[name]: float(seconds) for name, _, seconds in (text.partition("=") for text in asked.limit)}
    if asked.requests is None:
        return found
    plan = Plan(asked.concurrency, asked.requests, asked.seconds, limits, asked.alpha)

    def connect() -> Connection:
        return Connection(host, int(port), plan.timeout)

    warm_up(connect, requests.path_v1, requests.v1, plan)
    return {**found, "benchmark": benchmark(run(connect, requests.path_v1, requests.v1, plan), plan)}


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("slipway_serving.probe", description="Proves the server of a model.")
    parser.add_argument("--server", default="127.0.0.1:8080", help="HOST:PORT of the server")
    parser.add_argument("--folder", type=Path, required=True, help="where the server leaves its requests and its log")
    parser.add_argument("--model", default="model", help="the name by which requests call the model")
    parser.add_argument("--ready-seconds", type=float, default=300.0, help="how long it may take to become ready")
    parser.add_argument("--limit", action="append", default=[], metavar="p99=SECONDS", help="a declared latency")
    parser.add_argument("--concurrency", type=int, default=1, help="requests at the same time")
    parser.add_argument("--requests", type=int, help="at most so many; without it nothing is timed")
    parser.add_argument("--seconds", type=float, default=60.0, help="at most so long")
    parser.add_argument("--alpha", type=float, default=0.05, help="error probability of each bound")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
