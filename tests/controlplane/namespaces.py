"""Namespaces in which a bare API server takes pods."""

from __future__ import annotations


def namespace(name: str, level: str = "restricted") -> str:
    """Manifests of one under a level of Pod Security, with the ServiceAccount that no controller makes there."""
    return f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {name}, labels: {{pod-security.kubernetes.io/enforce: {level}}}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: default, namespace: {name}}}
"""
