"""On a cluster of the user's own nothing is deleted or replaced but what demo and tests have made."""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo import shell
from tests.demo.installation import OURS, fresh_namespace


class Remembering:
    """Stands for the API server, which must not be asked to delete anything here."""

    def __init__(self, labels: dict[str, str]) -> None:
        self.labels, self.deleted, self.applied = labels, [], []  # type: ignore[var-annotated]

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        return None if ("Namespace", name) in self.deleted else {"metadata": {"name": name, "labels": self.labels}}

    def list(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        return []

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        self.deleted.append((kind, name))

    def apply(self, manifest: dict[str, Any]) -> None:
        self.applied.append(manifest["metadata"])


def test_a_namespace_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/else")
    cluster = Remembering({"team": "sales"})
    with pytest.raises(shell.CommandFailed, match=r"namespace demo exists.*delete it yourself"):
        fresh_namespace(cluster, "demo", print)  # type: ignore[arg-type]
    assert (cluster.deleted, cluster.applied) == ([], [])


def test_one_of_ours_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/else")
    cluster = Remembering({OURS: "true"})
    fresh_namespace(cluster, "demo", print)  # type: ignore[arg-type]
    assert cluster.deleted == [("Namespace", "demo")]
    assert cluster.applied == [{"name": "demo", "labels": {OURS: "true"}}]
