"""`slipway diff`: in what two TrainingRuns differ, from their specs and from what was found."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from slipway.cli.arguments import add_output, add_place
from slipway.cli.cluster import Cluster, Unreadable
from slipway.cli.words import table

SAME, DIFFERENT, UNREADABLE = 0, 1, 2
_TIMEOUT = 10
_DESCRIPTION = """
Shows in what two TrainingRuns differ: data, code, parameters, seeds, and the metrics that came of it. With the address
of MLflow, all recorded parameters with their defaults and the environment are compared as well.
"""
_EPILOG = "exit codes: 0 nothing differs; 1 something does; 2 not found, not allowed, or no cluster or MLflow"
_FOUND = ("version", "modelDigest", "dataDigest", "predictionDigest", "testOpenings", "search")


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("diff", help="in what two runs differ", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("one", metavar="A", help="a TrainingRun")
    parser.add_argument("other", metavar="B", help="another one")
    add_place(parser)
    parser.add_argument("--mlflow", metavar="URL", default="", help="address of MLflow, such as http://localhost:5000")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the differences, and returns the exit code."""
    try:
        cluster = Cluster.connect(arguments.context)
        namespace = arguments.namespace or cluster.namespace
        pair = [facts(cluster.training_run(namespace, name)) for name in (arguments.one, arguments.other)]
        if arguments.mlflow:
            pair = [each | recorded(arguments.mlflow, each.get("status.runId", "")) for each in pair]
    except Unreadable as unreadable:
        print(f"slipway diff: {unreadable}", file=sys.stderr)
        return UNREADABLE
    found = list(differences(*pair))
    if arguments.output == "json":
        print(json.dumps([{"name": name, "a": a, "b": b} for name, a, b in found], indent=2))
    elif found:
        print("\n".join(table([("", arguments.one, arguments.other), *found])))
    else:
        print("nothing that is recorded differs")
    return DIFFERENT if found else SAME


def facts(training_run: Mapping[str, Any]) -> dict[str, str]:
    """Everything of a run that may explain a difference, by its path."""
    spec, status = training_run["spec"], training_run.get("status") or {}
    kept = {key: value for key, value in spec.items() if key not in ("suspend", "cancel")}
    flat = dict(_flat("spec", kept)) | dict(_flat("status", {key: status.get(key) for key in _FOUND}))
    flat["status.runId"] = str(status.get("runId", ""))
    for metric in status.get("metrics") or ():
        flat[f"{metric.get('split', '')}.{metric['name']}"] = str(metric.get("value", ""))
    return flat


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            label = inner.get("name", index) if isinstance(inner, Mapping) else index
            yield from _flat(f"{path}[{label}]", inner)
    elif value is not None:
        yield path, str(value)


def recorded(address: str, run_id: str) -> dict[str, str]:
    """The parameters that MLflow has of a run. Raises `Unreadable`."""
    if not run_id:
        return {}
    url = f"{address.rstrip('/')}/api/2.0/mlflow/runs/get?{urllib.parse.urlencode({'run_id': run_id})}"
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise Unreadable(f"--mlflow {address}: must be an http:// or https:// URL")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            body = json.load(answer)
    except (urllib.error.URLError, ValueError, OSError) as error:
        raise Unreadable(f"MLflow at {address} does not tell of run {run_id}: {error}") from error
    params = ((body.get("run") or {}).get("data") or {}).get("params") or ()
    return {f"params.{each['key']}": str(each["value"]) for each in params}


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(path, value of A, value of B) where they are not alike; the id of a run is its own."""
    for name in sorted({*one, *other} - {"status.runId"}):
        if one.get(name) != other.get(name):
            yield name, one.get(name, "-"), other.get(name, "-")
