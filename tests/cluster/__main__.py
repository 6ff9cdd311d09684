"""The cluster's commands: `python -m tests.cluster up|down|status|kubeconfig|env|images`."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from tests.cluster.down import down
from tests.cluster.environment import Environment
from tests.cluster.errors import exit_code
from tests.cluster.external.describe import describe
from tests.cluster.lock import exclusive
from tests.cluster.places import Places, given_kubeconfig
from tests.cluster.processes import Processes
from tests.cluster.progress import Progress
from tests.cluster.project_images import project_images
from tests.cluster.provider import bring_up
from tests.cluster.status import status

_COMMANDS = {
    "up": "bring the cluster up, or find that it is; with KUBECONFIG, use that one",
    "down": "take the embedded cluster away, to the last process, mount and rule",
    "status": "say what runs; exit code 1 where something does not; with KUBECONFIG, what is found or missing there",
    "kubeconfig": "print the path of the administrator's kubeconfig",
    "env": "print shell commands that set KUBECONFIG and PATH: source <(python -m tests.cluster env)",
    "images": "make the project's images from the code as it is, and print their names",
}


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with an error and its remedy on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, meaning in _COMMANDS.items():
        commands.add_parser(name, help=meaning)
    command = parser.parse_args(arguments).command
    return exit_code(lambda: _run(command, Places.of_environment(), Progress()))


def _run(command: str, places: Places, progress: Progress) -> int:
    if command == "up":
        environment = bring_up(places, progress)
        progress.say(f"the cluster is up: KUBECONFIG={environment.kubeconfig}")
    elif command == "down":
        _down(places, progress)
    elif command == "status":
        return _status(places, progress)
    elif command == "kubeconfig":
        print(given_kubeconfig(places) or places.kubeconfig)
    elif command == "env":
        _print_environment(Environment.load(places.environment))
    else:
        print("\n".join(f"{name} {image}" for name, image in project_images(progress).items()))
    return 0


def _status(places: Places, progress: Progress) -> int:
    kubeconfig = given_kubeconfig(places)
    if kubeconfig:
        found = describe(kubeconfig, places, progress)
        print("\n".join(f"{name} {value}" for name, value in dataclasses.asdict(found).items() if value))
        return 0
    lines, well = status(places)
    print("\n".join(lines))
    return 0 if well else 1


def _down(places: Places, progress: Progress) -> None:
    if given_kubeconfig(places):
        progress.say("the cluster of KUBECONFIG is yours and stays; unset KUBECONFIG to take the embedded one away")
        return
    if not places.state.exists():
        progress.say("there is no cluster")
        return
    places = places.of_cluster()
    with exclusive(places.lock, progress.say):
        down(places, Processes(places.records, places.logs), progress)


def _print_environment(environment: Environment) -> None:
    directories = dict.fromkeys(str(Path(program).parent) for program in (environment.kubectl, environment.helm))
    print(f"export KUBECONFIG={shlex.quote(environment.kubeconfig)}")
    print(f'export PATH={shlex.quote(":".join(directories))}:"$PATH"')


if __name__ == "__main__":
    sys.exit(main())
