"""`slipway explain`: why a rollout stands where it stands, and what would move it."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from slipway.cli.arguments import add_output, add_place
from slipway.cli.cluster import Cluster, Unreadable
from slipway.cli.explanation import explain

SHOWN, UNREADABLE = 0, 2
_DESCRIPTION = """
Says in plain words who serves, where the version that is rolled out stands, why it stands there, what would move it,
and what you can do: from the ModelRollout alone, which you must be able to get.
"""
_EPILOG = "exit codes: 0 shown; 2 not found, not allowed, or no cluster: the message says what to do"


def add_target(parser: Any) -> None:
    """The arguments that name a ModelRollout in a cluster."""
    parser.add_argument("name", metavar="NAME", help="name of the ModelRollout")
    add_place(parser)
    add_output(parser)


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "explain", help="say why a rollout stands where it stands", description=_DESCRIPTION, epilog=_EPILOG
    )
    add_target(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the explanation, and returns the exit code."""
    try:
        cluster = Cluster.connect(arguments.context)
        found = cluster.rollout(arguments.namespace or cluster.namespace, arguments.name)
    except Unreadable as unreadable:
        print(f"slipway explain: {unreadable}", file=sys.stderr)
        return UNREADABLE
    told = explain(found, datetime.now(UTC))
    print(json.dumps(told.document(), indent=2) if arguments.output == "json" else "\n".join(told.lines()))
    return SHOWN
