"""The story: four models, one after another, and then a change of the world.

Every step asks the cluster for something by a manifest, as a user would, and waits for what the API server then says.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from tests.demo import data, kube, traffic, view
from tests.demo.kube import Cluster, Object, condition
from tests.demo.shell import ROOT
from tests.demo.table import Screen

EXAMPLES = ROOT / "examples" / "quickstart"
ROLLOUT = "phishing"
ORDINALS = ("first", "second", "third", "fourth")
TRAINED = 240.0  # seconds that one training may take
ROLLED_OUT = 300.0  # seconds that one rollout may take, image and pod included


class StoryFailed(Exception):
    """Something else happened than the demo is about."""


@dataclass
class Stage:
    """The props: everything that the steps of the story need."""

    cluster: Cluster
    screen: Screen
    namespace: str
    replace: dict[str, dict[str, str]]
    """By file of examples/quickstart: what the demo writes instead of what stands there."""
    target: traffic.Target
    examples: Path = EXAMPLES

    def manifests(self, file: str) -> list[Object]:
        """The documents of an example, in the demo's namespace."""
        found = kube.manifests(self.examples / file, self.replace.get(file, {}))
        return [{**item, "metadata": {**item["metadata"], "namespace": self.namespace}} for item in found]

    def rollout(self) -> Object | None:
        return self.cluster.get("ModelRollout", ROLLOUT, self.namespace)


@dataclass
class Record:
    """What verification needs in order to know where to look; no result is taken from here."""

    versions: list[str] = field(default_factory=list)
    """Registered version of the first, second, third and fourth model."""
    shifted_at: float = 0.0
    began: float = field(default_factory=time.time)
    """Seconds since 1970. What an earlier demo left in Prometheus, under the same names, is older."""


def tell(stage: Stage, rows: tuple[data.Row, ...], client: traffic.Traffic, record: Record) -> None:
    """The whole story; the client must not have been started yet.

    Raises:
        StoryFailed, TimeoutError: when the story takes another turn.
    """
    publish(stage, rows)
    for task in stage.manifests("task.yaml"):
        stage.cluster.apply(task)
    runs = stage.manifests("run.yaml")
    record.versions.append(train(stage, runs[0]))
    later = in_background(lambda: [train(stage, run) for run in runs[1:]])
    serve_first(stage, record.versions[0], rows)
    with client:
        record.versions += later.result(timeout=3 * TRAINED)
        second, third, fourth = record.versions[1:]
        roll_out(stage, 1, second, "Promoted")
        roll_out(stage, 2, third, "RolledBack")
        roll_out(stage, 3, fourth, "RolledBack")
        record.shifted_at = time.time()
        shift(stage, client, rows)


def publish(stage: Stage, rows: tuple[data.Row, ...]) -> None:
    """Puts the training files into the cluster, where training Jobs read them over HTTP."""
    files = data.training_files(rows)
    stage.screen.say(f"data: {len(rows):,} real pages of river's wheel, published at http://phishing-data")
    meta = {"name": "phishing-data", "namespace": stage.namespace}
    stage.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": files})
    for manifest in stage.manifests("data.yaml"):
        stage.cluster.apply(manifest)
    kube.wait(
        lambda: stage.cluster.get("Deployment", "phishing-data", stage.namespace),
        lambda found: bool(found.get("status", {}).get("readyReplicas")),
        120, "the file server of the training data",
    )  # fmt: skip


def train(stage: Stage, run: Object) -> str:
    """Creates a TrainingRun, waits for its end, and returns the version that it registered."""
    name = run["metadata"]["name"]
    started = time.monotonic()
    stage.screen.say(f"training: {name}, by a Job")
    stage.cluster.apply(run)
    done = kube.wait(
        lambda: stage.cluster.get("TrainingRun", name, stage.namespace),
        lambda found: found.get("status", {}).get("phase") in ("Succeeded", "Failed", "Cancelled"),
        TRAINED, f"TrainingRun {name}",
    )  # fmt: skip
    met = condition(done, "CriteriaMet")
    version = str(done["status"].get("version", ""))
    if done["status"]["phase"] != "Succeeded" or met.get("status") != "True" or not version:
        raise StoryFailed(f"TrainingRun {name}: {condition(done, 'Ready').get('message')}; {met.get('message')}")
    seconds = time.monotonic() - started
    stage.screen.say(f"trained: {name} is version {version}, evaluation passed ({seconds:.0f} s)")
    return version


def in_background(work: Callable[[], list[str]]) -> Future[list[str]]:
    """Runs `work` in a thread; its failure is raised where the result is asked for."""
    future: Future[list[str]] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as fault:
            future.set_exception(fault)

    Thread(target=run, name="training", daemon=True).start()
    return future


def serve_first(stage: Stage, version: str, rows: tuple[data.Row, ...]) -> None:
    """The first model has nothing to be compared with: it serves as soon as it is ready."""
    stage.screen.say(f"serving: the first model, version {version}")
    (rollout,) = stage.manifests("rollout.yaml")
    rollout["spec"]["model"]["mlflow"]["version"] = version
    stage.cluster.apply(rollout)
    for policy in stage.manifests("policy.yaml"):
        stage.cluster.apply(policy)
    outcome(stage, version, until="stable")
    traffic.until_served(stage.target, rows[0], 60)


def roll_out(stage: Stage, index: int, version: str, expected: str) -> None:
    """Pins another version, as a merged pull request would, and waits for how it ends."""
    name = ORDINALS[index]
    stage.screen.say(f"rolling out: the {name} model, by spec.model.mlflow.version = {version!r}")
    started = time.monotonic()
    model = {"spec": {"model": {"mlflow": {"version": version}}}}
    stage.cluster.patch("ModelRollout", ROLLOUT, stage.namespace, model)
    entry = outcome(stage, version, until="history")
    seconds = time.monotonic() - started
    where = f", in stage {entry.get('stage')}" if entry["outcome"] != "Promoted" else ""
    stage.screen.say(
        f"{entry['outcome']}: the {name} model, version {version}{where} ({seconds:.0f} s): {entry.get('message')}"
    )
    if entry["outcome"] != expected:
        raise StoryFailed(f"the {name} model was to end as {expected}, and ended as {entry['outcome']}")


def outcome(stage: Stage, version: str, until: str) -> Object:
    """Waits until a version is stable, or stands in the history; the entry of the history, if any."""

    def done(rollout: Object) -> bool:
        if until == "stable":
            return view.variant(rollout, "stable").get("version") == version and ready(rollout)
        return bool(view.history(rollout, version))

    rollout = kube.wait(stage.rollout, done, ROLLED_OUT, f"rollout of version {version}", every=0.5)
    return dict(next(iter(view.history(rollout, version)), {}))


def ready(rollout: Object) -> bool:
    """The conditions speak of the spec as it is now, and say Ready."""
    status = rollout.get("status", {})
    current = status.get("observedGeneration") == rollout["metadata"].get("generation")
    return current and condition(rollout, "Ready").get("status") == "True"


def shift(stage: Stage, client: traffic.Traffic, rows: tuple[data.Row, ...]) -> None:
    """The world changes: most requests now come from pages with popups. The policy is to notice by itself."""
    before = policy_runs(stage.cluster, stage.namespace)
    if before:
        raise StoryFailed(f"the policy has trained before the inputs shifted: {before[0]['metadata']['name']}")
    stage.screen.say("inputs shift: three of four requests now come from pages that open popups")
    started = time.monotonic()
    client.send_instead(data.shifted_rows(data.live_rows(rows)))
    found = kube.wait(
        lambda: next(iter(policy_runs(stage.cluster, stage.namespace)), None),
        lambda run: True, 240, "a TrainingRun of the RetrainPolicy",
    )  # fmt: skip
    stage.screen.say(
        f"retraining: the policy has created TrainingRun {found['metadata']['name']} "
        f"({time.monotonic() - started:.0f} s after the shift)"
    )


def policy_runs(cluster: Cluster, namespace: str) -> list[Object]:
    """TrainingRuns that the RetrainPolicy created."""
    return cluster.list("TrainingRun", namespace, labels=f"slipway.dev/policy={ROLLOUT}")
