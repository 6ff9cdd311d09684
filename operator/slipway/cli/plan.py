"""`slipway plan`: how many entities the stages of a rollout take, how many days, and what they can find."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from slipway.cli import documents
from slipway.cli.documents import Unreadable

FITS, TOO_LARGE, UNUSABLE = 0, 1, 2
_DESCRIPTION = """
Prints for each stage of type ABTest and Canary how many entities it needs, how many days that takes, and what it can
find by its end. The traffic is given, or read from a Prometheus that scrapes the rollout.
"""
_EPILOG = """
exit codes: 0 every stage can finish; 1 a stage cannot, and its line says why; 2 a file cannot be read, holds no legal
ModelRollout, or nothing is known of its traffic
"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "plan", help="say how long the stages of a rollout take", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file of manifests, `-` for standard input")
    parser.add_argument("--entities-per-day", type=float, metavar="N", help="new entities on a day, of all traffic")
    parser.add_argument("--population", type=float, metavar="N", help="all entities there are, where old ones return")
    parser.add_argument("--baseline", metavar="VALUE", help="the metric's value in stable, such as 4%% or 12.5")
    parser.add_argument("--deviation", type=float, metavar="SD", help="its deviation among entities; absent: a share")
    parser.add_argument("--prometheus", metavar="URL", help="read both from this server instead")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each stage, and returns the exit code."""
    from slipway.cli import pilot, plan_stages

    try:
        found = [each.value for name in arguments.files for each in documents.read(name)]
        rollouts = [each for each in found if isinstance(each, Mapping) and each.get("kind") == "ModelRollout"]
        if not rollouts:
            raise Unreadable("no ModelRollout in these files")
        lines = [line for each in rollouts for line in plan_stages.lines(each, found, arguments)]
    except (Unreadable, pilot.Unknown) as failed:
        print(f"slipway plan: {failed}", file=sys.stderr)
        return UNUSABLE
    for line in lines:
        print(f"{line.stage}: {line.says}")
    return FITS if all(line.fits for line in lines) else TOO_LARGE
