"""A store for prediction logs: a real S3 server on the node's address, where pods reach it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import addresses
from tests.demo.kube import Cluster
from tests.stores.s3 import S3Server, new_server

BUCKET = "lake"


@contextmanager
def lake(cluster: Cluster, namespace: str, secret: str, place: Path, **keys: str) -> Iterator[S3Server]:
    """The running server with its bucket, and the Secret that a user would make for it; `keys` are more of its keys."""
    server = new_server(place / "s3", addresses.NODE)
    server.bucket(BUCKET)
    data = {**server.secret_data(), **{name.replace("_", "-"): value for name, value in keys.items()}}
    meta = {"name": secret, "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})
    with server.running():
        yield server
