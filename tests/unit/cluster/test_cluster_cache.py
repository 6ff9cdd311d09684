"""What stays in the cache, and whose cache it is."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cluster import trim
from tests.cluster.places import Places


def test_a_cluster_keeps_the_cache_that_it_was_made_with(tmp_path: Path) -> None:
    first = Places(tmp_path / "state", tmp_path / "ann")
    second = Places(tmp_path / "state", tmp_path / "bob")
    assert second.of_cluster() == second
    first.make()
    assert second.of_cluster() == first


def revision(storage: Path, repository: str, digest: str, tag: str) -> Path:
    manifests = storage / "docker/registry/v2/repositories" / repository / "_manifests"
    link = manifests / "tags" / tag / "current" / "link"
    link.parent.mkdir(parents=True)
    link.write_text(f"sha256:{digest}")
    found = manifests / "revisions" / "sha256" / digest
    found.mkdir(parents=True)
    return found


def test_the_registry_forgets_what_tests_pushed_and_older_code_was_made_into(tmp_path: Path) -> None:
    places = Places(tmp_path / "state", tmp_path / "cache")
    places.make()
    (places.state / "images.json").write_text(json.dumps(["198.18.0.1:5000/slipway/operator@sha256:new"]))
    new = revision(places.registry_storage, "slipway/operator", "new", "t2")
    old = revision(places.registry_storage, "slipway/operator", "old", "t1")
    model = revision(places.registry_storage, "models/fraud", "m", "t")
    trim.registry(places)
    assert new.exists()
    assert (new.parents[2] / "tags" / "t2").exists()
    assert not old.exists()
    assert not (old.parents[2] / "tags" / "t1").exists()
    assert not model.exists()


def test_nothing_is_forgotten_where_it_is_not_known_what_is_wanted(tmp_path: Path) -> None:
    places = Places(tmp_path / "state", tmp_path / "cache")
    places.make()
    kept = revision(places.registry_storage, "models/fraud", "m", "t")
    trim.registry(places)
    assert kept.exists()
