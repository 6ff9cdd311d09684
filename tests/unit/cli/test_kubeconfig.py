"""Where commands look for a cluster: a file that is named is the only one that counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kubernetes import config
from slipway.cli.kubeconfig import NoCluster, access


def written(folder: Path) -> str:
    """A kubeconfig with two contexts, the second of which names a namespace; the first is the current one."""
    file = folder / "config"
    contexts = [
        {"name": "plain", "context": {"cluster": "c", "user": "u"}},
        {"name": "own", "context": {"cluster": "c", "user": "u", "namespace": "models"}},
    ]
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "plain", "contexts": contexts,
        "clusters": [{"name": "c", "cluster": {"server": "https://cluster.example:6443"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }  # fmt: skip
    file.write_text(json.dumps(content))
    return str(file)


@pytest.mark.parametrize(("context", "namespace"), [(None, "default"), ("own", "models")])
def test_the_namespace_is_that_of_the_context(tmp_path: Path, context: str | None, namespace: str) -> None:
    found = access(written(tmp_path), context)
    assert (found.host, found.namespace) == ("https://cluster.example:6443", namespace)


@pytest.mark.parametrize("named", [{"context": "other"}, {"kubeconfig": "/nowhere"}], ids=str)
def test_in_a_pod_its_own_cluster_is_taken_only_where_none_is_named(
    named: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "load_incluster_config", lambda client_configuration: None)
    with pytest.raises(NoCluster):
        access(**{"kubeconfig": written(tmp_path), **named})
    monkeypatch.setattr(config, "load_kube_config", refused)
    assert access().namespace == "default"
    with pytest.raises(NoCluster, match="no such thing"):
        access(**named)


def refused(*_: object, **__: object) -> None:
    raise config.ConfigException("no such thing")
