"""Stand-ins for the kinds of KServe and the Gateway API, on a control plane that has neither."""

from __future__ import annotations

from typing import Any

from tests.controlplane.charted import Release

_FREE_FORM = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def serve_foreign_kinds(release: Release) -> None:
    """InferenceServices and HTTPRoutes can be made, once this returns."""
    release.create(_crd("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices"))
    release.create(_crd("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"))
    release.plane.kubectl.await_kinds("inferenceservices.serving.kserve.io", "httproutes.gateway.networking.k8s.io")


def _crd(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    """A kind with any fields."""
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved"}},
        "spec": {
            "group": group,
            "names": names,
            "scope": "Namespaced",
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": _FREE_FORM}}],
        },
    }
