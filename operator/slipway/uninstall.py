"""Lets go of what the operator holds, before it is uninstalled: `python3 -m slipway.uninstall`, a hook of the chart.

A finalizer whose operator is gone blocks the deletion of its object, and of its namespace, for ever. So: let deletions
that have begun end, stop the operator (it would put its finalizers back), take them away. Objects, routes and services
stay as they are: what serves goes on serving. Owner references stay too, so a ModelRollout deleted later still takes
along what belongs to it. Each step is idempotent; a second run ends in the same place.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

PREFIX = "slipway.dev/"
JSON_PATCH = "application/json-patch+json"
PAGE = 200


@dataclass(frozen=True)
class Kind:
    """A kind that may carry a finalizer of ours; `selector` keeps us off other people's objects."""

    group: str
    version: str
    plural: str
    selector: str = ""


KINDS = (
    *(
        Kind("slipway.dev", "v1alpha1", plural)
        for plural in ("modeltasks", "trainingruns", "modelrollouts", "retrainpolicies", "rolloutrequests")
    ),
    Kind("serving.kserve.io", "v1beta1", "inferenceservices", "app.kubernetes.io/managed-by=slipway"),
)
ROLLOUTS = next(kind for kind in KINDS if kind.plural == "modelrollouts")


def remaining(finalizers: Sequence[str]) -> list[str]:
    """The finalizers that are not ours."""
    return [each for each in finalizers if not each.startswith(PREFIX)]


class Objects:
    """Lists and patches custom objects in the namespaces watched; an empty list of them means all namespaces."""

    def __init__(self, api: Any, namespaces: Sequence[str]) -> None:
        self._api = api
        self._namespaces = namespaces or ("",)

    def of(self, kind: Kind) -> Iterator[Mapping[str, Any]]:
        """All objects of a kind, page by page; none where the kind is not installed."""
        for namespace in self._namespaces:
            token = ""
            while True:
                try:
                    page = self._page(kind, namespace, token)
                except ApiException as error:
                    if error.status == 404:
                        break
                    raise
                yield from page["items"]
                token = page["metadata"].get("continue", "")
                if not token:
                    break

    def _page(self, kind: Kind, namespace: str, token: str) -> Mapping[str, Any]:
        options = {"label_selector": kind.selector, "limit": PAGE, **({"_continue": token} if token else {})}
        page: Mapping[str, Any]
        if namespace:
            page = self._api.list_namespaced_custom_object(kind.group, kind.version, namespace, kind.plural, **options)
        else:
            page = self._api.list_cluster_custom_object(kind.group, kind.version, kind.plural, **options)
        return page

    def release(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """Takes our finalizers off one object, unless somebody changed its finalizers meanwhile (then 422)."""
        metadata = obj["metadata"]
        path = "/metadata/finalizers"
        patch = [
            {"op": "test", "path": path, "value": list(metadata["finalizers"])},
            {"op": "replace", "path": path, "value": remaining(metadata["finalizers"])},
        ]
        self._api.patch_namespaced_custom_object(
            kind.group,
            kind.version,
            metadata["namespace"],
            kind.plural,
            metadata["name"],
            patch,
            _content_type=JSON_PATCH,
        )


def held(objects: Objects) -> list[tuple[Kind, Mapping[str, Any]]]:
    """Every object that carries a finalizer of ours."""
    found = ((kind, obj) for kind in KINDS for obj in objects.of(kind))
    return [(kind, obj) for kind, obj in found if _ours(obj)]


def _ours(obj: Mapping[str, Any]) -> bool:
    finalizers = obj["metadata"].get("finalizers") or []
    return len(remaining(finalizers)) < len(finalizers)


def release_all(objects: Objects, say: Callable[[str], None], rounds: int = 5) -> bool:
    """Releases everything; True when a last look finds nothing held. A conflict is tried again in the next round."""
    for _ in range(rounds):
        holding = held(objects)
        if not holding:
            return True
        for kind, obj in holding:
            name = f"{kind.plural} {obj['metadata']['namespace']}/{obj['metadata']['name']}"
            try:
                objects.release(kind, obj)
                say(f"released {name}")
            except ApiException as error:
                if error.status not in (404, 409, 422):
                    raise
                say(f"{name} changed meanwhile ({error.status}): once more")
    return not held(objects)


def wait_until(done: Callable[[], bool], seconds: float, pause: float = 1.0) -> bool:
    """Asks every `pause` seconds, for at most `seconds`."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= until:
            return False
        time.sleep(pause)
    return True


def stop_operator(namespace: str, deployment: str, selector: str, seconds: float, say: Callable[[str], None]) -> bool:
    """Scales the Deployment to zero and waits until its pods are gone; one that is missing counts as stopped."""
    apps, core = client.AppsV1Api(), client.CoreV1Api()
    try:
        apps.patch_namespaced_deployment_scale(deployment, namespace, {"spec": {"replicas": 0}})
    except ApiException as error:
        if error.status != 404:
            raise
        say(f"there is no deployment {namespace}/{deployment}")
    return wait_until(lambda: not core.list_namespaced_pod(namespace, label_selector=selector).items, seconds)


def _unwatched(objects: Objects) -> Iterator[str]:
    for rollout in objects.of(ROLLOUTS):
        stage = (rollout.get("status") or {}).get("stage") or {}
        if stage.get("name"):
            yield f"{rollout['metadata']['namespace']}/{rollout['metadata']['name']} (stage {stage['name']})"


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m slipway.uninstall", description=__doc__)
    parser.add_argument("--namespace", required=True, help="namespace of the operator")
    parser.add_argument("--deployment", required=True, help="the operator's Deployment")
    parser.add_argument("--selector", required=True, help="labels of the operator's pods")
    parser.add_argument("--watched", action="append", default=[], metavar="NAMESPACE", help="absent: all namespaces")
    parser.add_argument("--deletions", type=float, default=30.0, help="seconds for deletions that have begun")
    parser.add_argument("--stop", type=float, default=60.0, help="seconds for the operator to stop")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 when nothing of ours holds an object any more, else 1 and says what does."""
    given = arguments(argv)
    try:
        config.load_incluster_config()
    except config.ConfigException:
        config.load_kube_config()
    objects = Objects(client.CustomObjectsApi(), given.watched)

    def deleting() -> bool:
        return any(obj["metadata"].get("deletionTimestamp") for _, obj in held(objects))

    if not wait_until(lambda: not deleting(), given.deletions):
        print("deletions have begun that the operator does not end; their objects are released all the same")
    if not stop_operator(given.namespace, given.deployment, given.selector, given.stop, print):
        print("the operator's pods do not end; delete them, then uninstall again", file=sys.stderr)
        return 1
    if not release_all(objects, print):
        print("these still carry a finalizer:", *(obj["metadata"]["name"] for _, obj in held(objects)), file=sys.stderr)
        return 1
    for each in _unwatched(objects):
        print(f"keeps its split of traffic, and nobody watches it now: {each}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
