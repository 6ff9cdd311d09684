"""The `slipway` command, which is `kubectl slipway` as well: what it does is listed by `slipway --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slipway import __version__
from slipway.cli import commands as rollout_commands
from slipway.cli import conform, diff, explain, history, image, lint, plan, reproduce, trace, train, wheel

_EPILOG = "Run `slipway COMMAND --help` for what a command takes."


_PLUGIN = "kubectl-slipway"
"""The name under which kubectl looks for the program behind `kubectl slipway`."""


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Models reach production by evidence.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"slipway {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    lint.add_to(commands)
    plan.add_to(commands)
    image.add_to(commands)
    conform.add_to(commands)
    explain.add_to(commands)
    history.add_to(commands)
    trace.add_to(commands)
    wheel.add_to(commands)
    diff.add_to(commands)
    train.add_to(commands)
    reproduce.add_to(commands)
    rollout_commands.add_to(commands)
    version = commands.add_parser("version", help="show the version", description="Shows the version.")
    version.set_defaults(run=_version)
    return parser


def _version(_: argparse.Namespace) -> int:
    print(f"slipway {__version__}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code of the command; a wrong call exits with 2."""
    program = "kubectl slipway" if Path(sys.argv[0]).name == _PLUGIN else "slipway"
    arguments = _parser(program).parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:
        sys.stderr.close()
        return 141


if __name__ == "__main__":
    sys.exit(main())
