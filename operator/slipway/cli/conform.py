"""`slipway conform`: whether an image, or a server that runs already, meets the contract of a served image."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slipway_serving.probe.contract.clauses import CLAUSES, JUDGE, LOG, PARTS, SERVE, Finding
from slipway_serving.probe.contract.run import conforms, examine
from slipway_serving.probe.contract.stopping import LocalProcess
from slipway_serving.probe.contract.subject import Asked

from slipway.cli.arguments import add_output
from slipway.cli.conform_pod import CannotRun, Order, Trial, tried

CONFORMS, DOES_NOT, WRONG_CALL = 0, 1, 2
_DESCRIPTION = """
Tries every clause of the contract of a served image and says which it keeps: routes, readiness, headers, refusals,
metrics, prediction log, graceful stop. docs/own-image.md explains each clause.

With IMAGE it runs the image as a pod in the cluster of the kubeconfig, confined as served pods are, and deletes the pod
afterwards. With --url it asks a server that runs already. Its requests are counted by that server as evidence: never
ask one that serves people.
"""
_EPILOG = """
exit codes: 0 it conforms; 1 a clause fails; 2 the call is wrong, or the image could not be run (not pulled, not
scheduled, no rights)
"""
_DEFAULT_PARTS = (SERVE, JUDGE)


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "conform", help="try an image against the contract of a served image", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="run this image in the cluster of the kubeconfig")
    parser.add_argument("--url", help="ask this server instead, e.g. http://127.0.0.1:8080")
    parser.add_argument("--model", default="model", metavar="NAME", help="how requests call the model (default: model)")
    parser.add_argument("--only", choices=(SERVE, JUDGE), help="clauses to be served, or those that gates need alone")
    add_output(parser)
    parser.add_argument(
        "--ready-seconds", type=float, default=300.0, metavar="S", help="how long it may take to become ready (300)"
    )
    _add_pod(parser.add_argument_group("with IMAGE"))
    _add_server(parser.add_argument_group("with --url"))
    parser.set_defaults(run=run, parser=parser)


def _add_pod(group: Any) -> None:
    group.add_argument("--namespace", "-n", metavar="NAME", help="where the pod runs (default: the kubeconfig's)")
    group.add_argument("--context", metavar="NAME", help="of the kubeconfig")
    group.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable that it needs")
    group.add_argument("--memory", default="1Gi", metavar="QUANTITY", help="its memory limit (1Gi)")
    group.add_argument("--pull-secret", default="", metavar="NAME", help="Secret to pull the image with")
    group.add_argument(
        "--prober", default="", metavar="IMAGE", help="image that asks (default: the installation's builder)"
    )
    group.add_argument("--prediction-log", action="store_true", help="try the prediction log as well")


def _add_server(group: Any) -> None:
    group.add_argument("--pid", type=int, help="its process on this machine: gets SIGTERM, for the clauses on stopping")
    group.add_argument("--revision", default="", help="its SLIPWAY_REVISION")
    group.add_argument("--rollout", default="", help="its SLIPWAY_ROLLOUT")
    group.add_argument("--latency-edge", default="", metavar="S", help="one of its SLIPWAY_LATENCY_EDGES")
    group.add_argument("--requests", type=Path, metavar="DIR", help="its SLIPWAY_PROOF, with requests.json")
    group.add_argument("--log", type=Path, metavar="DIR", help="where its prediction log is stored")


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found, and returns the exit code."""
    if bool(arguments.image) == bool(arguments.url):
        arguments.parser.error("give IMAGE or --url, one of them")
    shown = Shown(arguments.output == "text")
    try:
        trial = _of_image(arguments, shown) if arguments.image else _of_server(arguments, shown)
    except (ValueError, CannotRun) as wrong:
        print(f"slipway conform: {wrong}", file=sys.stderr)
        return WRONG_CALL
    agreed = conforms(trial.findings)
    if arguments.output == "json":
        print(json.dumps(_document(arguments, trial, agreed), indent=2))
    else:
        print(summary(trial.findings))
    if not agreed and trial.log:
        print("the server's log ends:", *trial.log, sep="\n  ", file=sys.stderr)
    return CONFORMS if agreed else DOES_NOT


class Shown:
    """Prints findings as they come, and what is waited for, so that nobody watches a silent terminal."""

    def __init__(self, text: bool) -> None:
        self._text = text

    def say(self, word: str) -> None:
        """Progress, beside the result."""
        print(word, file=sys.stderr, flush=True)

    def find(self, finding: Finding) -> None:
        """One line of the table; with another output it is progress."""
        print(line(finding), file=sys.stdout if self._text else sys.stderr, flush=True)


def line(finding: Finding) -> str:
    """A finding as one line: outcome, id, what is asked or what was seen, and the remedy."""
    clause = CLAUSES[finding.clause]
    outcome = finding.outcome.upper() if finding.outcome == "fail" else finding.outcome
    said = " ".join(finding.message.split())
    words = {
        "ok": clause.promise,
        "skipped": f"{clause.promise}: {said}",
        "fail": f"{clause.promise}: {said}; remedy: {clause.remedy}",
    }
    return f"{outcome:<7}  {clause.id:<{_WIDTH}}  {words[finding.outcome]}"


_WIDTH = max(map(len, CLAUSES))


def summary(findings: Sequence[Finding]) -> str:
    """The last line."""
    counts = [sum(finding.outcome == outcome for finding in findings) for outcome in ("ok", "fail", "skipped")]
    verdict = "it conforms" if conforms(findings) else "it does not conform"
    return f"{verdict}: {counts[0]} ok, {counts[1]} failed, {counts[2]} skipped"


def _of_server(arguments: argparse.Namespace, shown: Shown) -> Trial:
    """Raises ValueError for an address that is none."""
    address = urlsplit(arguments.url)
    if address.scheme != "http" or not address.hostname or address.path not in ("", "/"):
        raise ValueError(f"--url: {arguments.url!r} is no http://HOST:PORT")
    asked = Asked(
        address.hostname, address.port or 80, arguments.model, arguments.revision, arguments.rollout,
        arguments.latency_edge, ready_seconds=arguments.ready_seconds, folder=arguments.requests,
        process=LocalProcess(arguments.pid) if arguments.pid else None, log=arguments.log,
    )  # fmt: skip
    found = []
    for finding in examine(asked, shown.say, _parts(arguments, arguments.log is not None)):
        shown.find(finding)
        found.append(finding)
    return Trial(tuple(found))


def _of_image(arguments: argparse.Namespace, shown: Shown) -> Trial:
    """Raises ValueError for what is no variable, CannotRun."""
    from slipway.cli.conform_cluster import KubernetesPods  # its libraries take a second to load

    pods = KubernetesPods(arguments.context, arguments.namespace)
    order = Order(
        arguments.image, pods.namespace, arguments.model, arguments.prober or pods.prober(),
        _variables(arguments.env), arguments.memory, arguments.pull_secret, arguments.ready_seconds,
        arguments.prediction_log, _parts(arguments, arguments.prediction_log),
    )  # fmt: skip
    return tried(order, pods, shown.say, shown.find)


def _parts(arguments: argparse.Namespace, log: bool) -> tuple[str, ...]:
    chosen = (arguments.only,) if arguments.only else _DEFAULT_PARTS
    return tuple(part for part in PARTS if part in chosen or (part == LOG and log))


def _variables(pairs: Iterable[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"--env: {pair!r} is no NAME=VALUE")
        found[name] = value
    return found


def _document(arguments: argparse.Namespace, trial: Trial, agreed: bool) -> dict[str, Any]:
    subject = {"image": arguments.image} if arguments.image else {"url": arguments.url}
    clauses = [finding.document() for finding in trial.findings]
    return {**subject, "conforms": agreed, "clauses": clauses, "log": list(trial.log)}
