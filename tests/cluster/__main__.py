"""The cluster's commands: `python -m tests.cluster up|down|status|kubeconfig`."""

from __future__ import annotations

import argparse
import sys

from tests.cluster.down import down
from tests.cluster.errors import ClusterError
from tests.cluster.lock import exclusive
from tests.cluster.places import Places
from tests.cluster.processes import Processes
from tests.cluster.progress import Progress
from tests.cluster.provider import bring_up


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with an error and its remedy on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "kubeconfig"))
    command = parser.parse_args(arguments).command
    try:
        return _run(command)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130


def _run(command: str) -> int:
    places, progress = Places.of_environment(), Progress()
    if command == "up":
        environment = bring_up(places, progress)
        progress.say(f"the cluster is up: KUBECONFIG={environment.kubeconfig}")
    elif command == "down":
        with exclusive(places.lock, progress.say):
            down(places, Processes(places.records, places.logs), progress)
    elif command == "kubeconfig":
        print(places.kubeconfig)
    return 0


if __name__ == "__main__":
    sys.exit(main())
