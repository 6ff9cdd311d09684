"""`slipway reproduce`: trains a run again, and says whether the same model came out and what is not as it was."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Mapping
from typing import Any

from slipway.api.v1alpha1.base import API_VERSION
from slipway.cli.arguments import add_place
from slipway.cli.cluster import Away, Cluster, Unreadable

REPRODUCED, DIFFERENT, UNREADABLE, NO_ANSWER = 0, 1, 2, 4
_EVERY = 2.0
_LONGEST = 52
_DESCRIPTION = """
Creates a TrainingRun with the data, code, seed and chosen parameters of an earlier one, waits for it, and compares its
predictions of the validation rows with the earlier ones. The test rows stay closed, and nothing is registered.
"""
_EPILOG = """
exit codes: 0 the level was reached; 1 it was not, or the run failed; 2 not found, not allowed, or no cluster; 4 it did
not end within --timeout, and goes on
"""


class NothingToReproduce(Exception):
    """A run that came to no model, or to one that is not made from its rows alone."""


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "reproduce", help="train a run again and compare", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("name", metavar="RUN", help="the TrainingRun")
    add_place(parser)
    parser.add_argument(
        "--level", choices=("Bitwise", "Tolerance"), default="Tolerance",
        help="Bitwise: the same predictions to the last bit; Tolerance (default): within 1e-6 of their spread",
    )  # fmt: skip
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="wait for its end")
    parser.add_argument("--timeout", type=float, default=1800.0, metavar="SECONDS", help="how long (default 1800)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Creates the run, follows it, and returns the exit code."""
    try:
        cluster = Cluster.connect(arguments.context)
        namespace = arguments.namespace or cluster.namespace
        earlier = cluster.training_run(namespace, arguments.name)
        made = cluster.create_training_run(repetition(earlier, arguments.level, secrets.token_hex(2)))
        name = made["metadata"]["name"]
        print(f"trainingrun.slipway.dev/{name} created", file=sys.stderr)
        if not arguments.wait:
            print(name)
            return REPRODUCED
        return _followed(cluster, namespace, name, arguments.timeout)
    except (Unreadable, NothingToReproduce) as wrong:
        print(f"slipway reproduce: {wrong}", file=sys.stderr)
        return UNREADABLE


def repetition(earlier: Mapping[str, Any], level: str, suffix: str) -> dict[str, Any]:
    """The manifest of a run that repeats another, with the parameters that its search had chosen.

    Raises:
        NothingToReproduce: the earlier one came to no model, or continued another.
    """
    metadata, spec, status = earlier["metadata"], dict(earlier["spec"]), earlier.get("status") or {}
    if spec.get("incremental"):
        message = (
            f"TrainingRun {metadata['name']} continues {spec['incremental']['base']} and cannot be trained again "
            "from its rows alone: continue that version once more, and compare status.increment.lineage"
        )
        raise NothingToReproduce(message)
    if not status.get("predictionDigest"):
        raise NothingToReproduce(f"TrainingRun {metadata['name']} has no status.predictionDigest: it made no model")
    found = (status.get("search") or {}).get("parameters")
    for absent in ("register", "tuning", "suspend", "cancel"):
        spec.pop(absent, None)
    if (status.get("code") or {}).get("commit"):
        spec["trainer"] = _of_commit(spec["trainer"], status["code"]["commit"])
    spec["parameters"] = dict(found if found is not None else spec.get("parameters") or {})
    spec["folds"] = 0
    spec["reproduces"] = {"runId": status["runId"], "level": level}
    name = f"{metadata['name'][: _LONGEST - 7]}-re{suffix}"
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingRun",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "spec": spec,
    }


def _of_commit(trainer: Mapping[str, Any], commit: str) -> dict[str, Any]:
    """The same function at the commit that was trained with, whatever its branch points to by now."""
    function = trainer["function"]
    git = {name: value for name, value in function["git"].items() if name != "ref"} | {"commit": commit}
    return {**trainer, "function": {**function, "git": git}}


def _followed(cluster: Cluster, namespace: str, name: str, seconds: float) -> int:
    """The run goes on by itself: an API server that does not answer for a moment is asked again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            status = cluster.training_run(namespace, name).get("status") or {}
        except Away as away:
            print(f"slipway reproduce: {away}; asking again", file=sys.stderr)
            status = {}
        if status.get("phase") in ("Succeeded", "Failed", "Cancelled"):
            print("\n".join(told(status)))
            return REPRODUCED if status["phase"] == "Succeeded" else DIFFERENT
        time.sleep(_EVERY)
    print(f"slipway reproduce: {name} did not end within {seconds:g} s, and goes on", file=sys.stderr)
    return NO_ANSWER


def told(status: Mapping[str, Any]) -> list[str]:
    """What came of it, for people."""
    found = status.get("reproduction") or {}
    if not found:
        reasons = (
            one for one in status.get("conditions") or () if one["type"] == "Stalled" and one["status"] == "True"
        )
        return [f"the run failed: {one['reason']}: {one['message']}" for one in reasons] or ["the run did not end well"]
    changed = [f"  {text}" for text in found.get("differs") or ()]
    head = f"{found['level']}: the largest difference of two predictions is {found['largestDifference']}"
    return [head, "not as it was:", *changed] if changed else [head, "everything recorded is as it was"]
