"""The image registry: one name for pods that push and nodes that pull, and the address that this machine pushes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.cluster.errors import ClusterError
from tests.cluster.external.reach import Reach
from tests.cluster.external.reader import Reader
from tests.cluster.images import Store, plain_by_custom

# KEP-1755: how kind, k3d and others tell of a registry beside the cluster.
_NOTE = ("kube-public", "local-registry-hosting", "localRegistryHosting.v1")
_IN_VARIABLES = "SLIPWAY_REGISTRY, and this machine's address of it in SLIPWAY_REGISTRY_HOST where that is another"


def find(reader: Reader, env: Mapping[str, str], reach: Reach, missing: list[str]) -> Store | None:
    """Named by the user, or in the cluster's own note; one that this machine cannot use is missing.

    Raises ClusterError where a variable or the note has an illegal value.
    """
    named = env.get("SLIPWAY_REGISTRY")
    store = _named(named, env) if named else _noted(reader, env, missing)
    return store if store is not None and _usable(store, reach, missing) else None


def _named(name: str, env: Mapping[str, str]) -> Store:
    host = env.get("SLIPWAY_REGISTRY_HOST") or name
    return Store(name, host, _plain(env, plain_by_custom(host)))


def _noted(reader: Reader, env: Mapping[str, str], missing: list[str]) -> Store | None:
    note = _note(reader)
    here = env.get("SLIPWAY_REGISTRY_HOST") or note.get("host", "")
    pods = note.get("hostFromClusterNetwork", "")
    nodes = note.get("hostFromContainerRuntime") or note.get("host", "")
    where = f"ConfigMap {_NOTE[0]}/{_NOTE[1]}"
    if not note:
        missing.append(
            f"an image registry: there is no {where}; name the host:port by which pods and nodes reach one in"
            f" {_IN_VARIABLES}"
        )
    elif not pods:
        hint = f" (SLIPWAY_REGISTRY={nodes}, if pods reach that too)" if nodes != note.get("host") else ""
        missing.append(
            f"an image registry that pods reach: {where} has host {here}, which is for this machine, and no"
            f" hostFromClusterNetwork; add it there, or name it in SLIPWAY_REGISTRY{hint}, with"
            f" SLIPWAY_REGISTRY_HOST={here}; docs/own-cluster.md shows it for kind and k3d"
        )
    elif nodes != pods:
        missing.append(
            f"one name of the image registry for pods and nodes: {where} has hostFromClusterNetwork {pods}, and nodes"
            f" pull from {nodes}, while an image that a pod pushes has one name; let nodes know {pods} and say so as"
            f" hostFromContainerRuntime (docs/own-cluster.md), or name another in {_IN_VARIABLES}"
        )
    else:
        # A registry that is noted there is a local one, which speaks plain HTTP.
        return Store(pods, here or pods, _plain(env, True))
    return None


def _note(reader: Reader) -> dict[str, str]:
    namespace, name, key = _NOTE
    text = reader.get("configmap", name, "--namespace", namespace).get("data", {}).get(key, "")
    try:
        parsed: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ClusterError(
            f"{key} of ConfigMap {namespace}/{name} is no YAML: {error}", f"mend it, or name {_IN_VARIABLES}"
        ) from error
    return {str(field): str(value) for field, value in parsed.items()} if isinstance(parsed, dict) else {}


def _plain(env: Mapping[str, str], default: bool) -> bool:
    given = env.get("SLIPWAY_REGISTRY_PLAIN_HTTP") or str(default).lower()
    if given not in ("true", "false"):
        raise ClusterError(f"SLIPWAY_REGISTRY_PLAIN_HTTP is {given!r}", "set it to true or false, or unset it")
    return given == "true"


def _usable(store: Store, reach: Reach, missing: list[str]) -> bool:
    url = f"{'http' if store.plain_http else 'https'}://{store.host}/v2/"
    answer = reach.get(url)
    if answer.status == 200:
        return True
    if answer.status in (401, 403):
        missing.append(
            f"an image registry without login: {url} answers {answer.status}; name one that takes pushes from this"
            f" machine and from pods without credentials in {_IN_VARIABLES}"
        )
    else:
        said = f"answers {answer.status}" if answer.status else f"does not answer ({answer.body})"
        missing.append(
            f"an image registry that this machine reaches: {url} {said}; name its address here in"
            " SLIPWAY_REGISTRY_HOST, and in SLIPWAY_REGISTRY_PLAIN_HTTP (true, false) whether it speaks plain HTTP"
        )
    return False
