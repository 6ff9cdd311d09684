"""`slipway trace`: from a live InferenceService back to rollout, run, data and code, in one command."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import slipway_oci as oci

from slipway.cli import tracing
from slipway.cli.arguments import add_output, add_place
from slipway.cli.cluster import Cluster, Unreadable
from slipway.cli.image import inspect

SHOWN, INCOMPLETE, UNREADABLE = 0, 1, 2
_DESCRIPTION = """
Shows where the model behind an InferenceService comes from: its rollout and revision, the registered version, the run
that trained it, the data with their digest, and the code. Where the TrainingRun is gone, the labels of the served image
are read from its registry.
"""
_EPILOG = """
exit codes: 0 shown to the end; 1 the way breaks off: neither a TrainingRun nor the image says more; 2 not found, not
allowed, or no cluster: the message says what to do
"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "trace", help="from live traffic back to run, data and code", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("name", metavar="INFERENCESERVICE", help="name of the InferenceService")
    add_place(parser)
    parser.add_argument("--plain-http", action="store_true", help="the image's registry speaks no TLS")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the way back, and returns the exit code."""
    try:
        cluster = Cluster.connect(arguments.context)
        namespace = arguments.namespace or cluster.namespace
        service = cluster.inference_service(namespace, arguments.name)
        rollout, revision = tracing.owner(service)
        held = cluster.rollout(namespace, rollout)
        version = tracing.served(held, revision)
        maker = tracing.maker(cluster.training_runs(namespace), version)
    except (Unreadable, tracing.NotOurs) as unreadable:
        print(f"slipway trace: {unreadable}", file=sys.stderr)
        return UNREADABLE
    image = _labels(version.get("image", ""), arguments.plain_http) if maker is None else {}
    found = list(tracing.links(service, held, version, maker, image))
    if arguments.output == "json":
        print(json.dumps([link.document() for link in found], indent=2))
    else:
        print("\n".join(tracing.lines(found)))
    if maker is None and not image:
        print("slipway trace: no TrainingRun of this namespace made this version, and its image says nothing of one",
              file=sys.stderr)  # fmt: skip
        return INCOMPLETE
    return SHOWN


def _labels(image: str, plain_http: bool) -> dict[str, str]:
    """What an image says of its origin; empty where the registry cannot be asked."""
    if not image:
        return {}
    try:
        reference = oci.ImageReference.parse(image)
        login = oci.docker_login(reference.host)
        registry = oci.Registry(reference.host, plain_http=plain_http, auth=login)
        return dict(inspect(registry, reference, ("linux", "amd64"))["provenance"])
    except (oci.InvalidReference, oci.OciError, OSError) as refused:
        print(f"slipway trace: {image}: {refused}", file=sys.stderr)
        return {}
