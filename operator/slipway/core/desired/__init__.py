"""Manifests that follow from a spec and a decision; pure."""
