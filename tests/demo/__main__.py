"""`make demo`: brings everything up, tells the story, and says what of it really happened."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.table import Table
from rich.text import Text

from tests.demo import data, installation, shell, story, traffic, verify, view
from tests.demo.kube import Cluster, Refused
from tests.demo.prometheus import Prometheus
from tests.demo.settings import Environment, Options, load
from tests.demo.table import Screen

LATEST_SCRAPE = 8.0  # seconds that Prometheus needs to have the last requests of the client


def options(arguments: Sequence[str] | None = None) -> Options:
    """Reads the command line."""
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--namespace", default=default.namespace, help="where the demo lives; emptied at the start")
    parser.add_argument("--plain", action="store_true", help="plain lines instead of the live table")
    parser.add_argument("--keep", action="store_true", help="keep sending requests after the summary, until Ctrl-C")
    parser.add_argument("--rate", type=float, default=default.rate, help="requests a second (%(default)g)")
    given = parser.parse_args(arguments)
    return Options(namespace=given.namespace, plain=given.plain, keep=given.keep, rate=given.rate)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 only when every claim of the summary holds."""
    given = options(arguments)
    screen = Screen(given.plain)
    started = time.monotonic()
    try:
        claims = perform(given, screen)
    except KeyboardInterrupt:
        screen.close()
        screen.say("interrupted; what runs keeps running: `make demo` starts afresh, `make cluster-down` ends it")
        return 130
    except (story.StoryFailed, shell.CommandFailed, Refused, TimeoutError, OSError, httpx.HTTPError) as fault:
        screen.close()
        screen.print(Text(f"the demo failed: {fault}", style="bold red"))
        screen.print(look_around(given.namespace))
        return 1
    screen.print(summary(claims))
    screen.print(look_around(given.namespace))
    good = all(claim.holds for claim in claims)
    screen.say(
        f"{'all of it really happened' if good else 'NOT all of it happened'} ({time.monotonic() - started:.0f} s)"
    )
    return 0 if good else 1


def perform(given: Options, screen: Screen) -> list[verify.Claim]:
    """The whole demo, from a bare machine to the claims."""
    environment = installation.cluster_up(screen.say)
    installation.install(environment, screen.say)
    cluster = Cluster(environment.kubeconfig)
    installation.fresh_namespace(cluster, given.namespace, screen.say)
    rows, record = data.rows(), story.Record()
    stage = props(given, environment, cluster, screen)
    client = traffic.Traffic(stage.target, data.live_rows(rows), given.rate, given.limit)
    screen.watch(lambda: (view.read(stage.rollout(), datetime.now(UTC)), client.read()))
    try:
        story.tell(stage, rows, client, record)
    finally:
        screen.close()
    time.sleep(LATEST_SCRAPE)
    prometheus = Prometheus(environment.prometheus)
    claims = verify.claims(verify.gather(cluster, prometheus, given.namespace, client.read(), record))
    if given.keep:
        keep_sending(stage, rows, screen)
    return claims


def props(given: Options, environment: Environment, cluster: Cluster, screen: Screen) -> story.Stage:
    """The cluster and, file by file, what the demo writes instead of what stands in examples/quickstart."""
    data_host = {"phishing-data.demo.svc": f"phishing-data.{given.namespace}.svc"}
    gateway = f"{{name: {environment.gateway_name}, namespace: {environment.gateway_namespace}}}"
    replace = {
        "data.yaml": {"python:3.11-slim": environment.images["pipelines"]},
        "run.yaml": data_host,
        "policy.yaml": data_host,
        "rollout.yaml": {"{name: public, namespace: slipway-gateway}": gateway},
    }
    for file, texts in replace.items():
        for old, new in texts.items():
            if old != new:
                screen.say(f"examples/quickstart/{file}: {old!r} is {new!r} here")
    target = traffic.Target(
        environment.gateway_address, environment.gateway_port, "phishing.example.com", story.ROLLOUT
    )
    return story.Stage(cluster, screen, given.namespace, replace, target)


def keep_sending(stage: story.Stage, rows: tuple[data.Row, ...], screen: Screen) -> None:
    """Something to look at: requests go on until Ctrl-C."""
    screen.say("requests go on; Ctrl-C ends them")
    try:
        with traffic.Traffic(stage.target, data.live_rows(rows), 5.0, 100_000):
            while True:
                time.sleep(1)
    except KeyboardInterrupt:
        screen.say("the client has ended")


def summary(claims: Sequence[verify.Claim]) -> Table:
    """What happened, each line read back."""
    table = Table(title="What really happened: each line read back after the end", title_justify="left")
    for column in ("", "claim", "found", "read from"):
        table.add_column(column, overflow="fold")
    for claim in claims:
        mark = Text("yes", style="green") if claim.holds else Text("NO", style="bold red")
        table.add_row(mark, claim.what, claim.found, claim.source)
    return table


def look_around(namespace: str) -> Text:
    """Commands for whoever wants to see for himself."""
    lines = [
        "Look around:",
        *access(),
        f"  kubectl -n {namespace} get slipway",
        f"  kubectl -n {namespace} get modelrollout {story.ROLLOUT} -o yaml",
        f"  kubectl -n {namespace} get httproute,inferenceservice,pods",
        f"  kubectl -n {namespace} describe retrainpolicy {story.ROLLOUT}",
        "  kubectl -n slipway-system logs deployment/slipway",
        "  kubectl explain modelrollout.spec.stages",
        "  make cluster-down",
    ]
    return Text("\n".join(lines))


def access() -> list[str]:
    """How a shell reaches the cluster."""
    try:
        environment = load()
    except (FileNotFoundError, KeyError, ValueError):
        return []
    return [f"  export KUBECONFIG={environment.kubeconfig} PATH={Path(environment.kubectl).parent}:$PATH"]


if __name__ == "__main__":
    sys.exit(main())
