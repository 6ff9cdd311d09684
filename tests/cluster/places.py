"""Where things lie: the state of the one cluster of this machine, and the cache that outlives it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Places:
    """`state` goes away with the cluster; `cache` holds what is expensive to make again."""

    state: Path
    cache: Path

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Places:
        """The embedded cluster's, one per machine, since there is one bridge and one set of addresses; caches are one
        per user. The cluster of a KUBECONFIG has a place of its own, beside what the user caches.
        """
        env = os.environ if environment is None else environment
        cache = cache_directory(env).resolve()
        embedded = cls(Path(env.get("SLIPWAY_CLUSTER_STATE") or "/var/lib/slipway-cluster").resolve(), cache)
        given = given_kubeconfig(embedded, env)
        if not given:
            return embedded
        return cls(cache / "own-clusters" / hashlib.sha256(given.encode()).hexdigest()[:12], cache)

    def of_cluster(self) -> Places:
        """With the cache of the cluster that is there: another user's `up` must not move it to his own."""
        try:
            noted = Path((self.state / "cache").read_text())
        except OSError:
            return self
        return Places(self.state, noted) if noted.is_dir() else self

    @property
    def lock(self) -> Path:
        """Beside the state, not in it: `down` removes the state while it holds the lock."""
        return self.state.with_name(self.state.name + ".lock")

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def environment(self) -> Path:
        return self.state / "environment.json"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def records(self) -> Path:
        """One file per host process: pid, start time, boot."""
        return self.state / "run"

    @property
    def configs(self) -> Path:
        return self.state / "config"

    @property
    def containerd_root(self) -> Path:
        """In the cache: images stay unpacked from one cluster to the next, which a warm start depends on."""
        return self.cache / "containerd"

    @property
    def containerd_state(self) -> Path:
        return self.state / "containerd"

    @property
    def containerd_socket(self) -> Path:
        return self.state / "containerd.sock"

    @property
    def registry_storage(self) -> Path:
        return self.cache / "registry"

    def make(self) -> None:
        """Creates the directories that everything else expects."""
        for path in (self.state, self.pki, self.logs, self.records, self.configs, self.cache):
            path.mkdir(parents=True, exist_ok=True)
        (self.state / "cache").write_text(str(self.cache))
        self.state.chmod(0o711)
        self.pki.chmod(0o700)


def given_kubeconfig(places: Places, environment: Mapping[str, str] | None = None) -> str:
    """The user's KUBECONFIG; empty where there is none, or where it is the embedded cluster's own."""
    given = (os.environ if environment is None else environment).get("KUBECONFIG", "")
    paths = [Path(one).absolute() for one in given.split(os.pathsep) if one]
    own = places.kubeconfig.resolve()
    return "" if all(path.resolve() == own for path in paths) else os.pathsep.join(map(str, paths))


def cache_directory(env: Mapping[str, str]) -> Path:
    """The same rule as requirements/environment.sh, so that one directory holds all that the project caches."""
    if env.get("SLIPWAY_CACHE"):
        return Path(env["SLIPWAY_CACHE"])
    base = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME") or "/root") / ".cache")
    return Path(base) / "slipway"
