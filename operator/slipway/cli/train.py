"""`slipway train`: creates a TrainingRun of the code as checked out; refuses code that nobody could find again."""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.api.v1alpha1.base import API_VERSION
from slipway.cli import documents
from slipway.cli.arguments import add_place
from slipway.cli.cluster import Cluster, Unreadable
from slipway.cli.work_tree import Difference, Unusable, WorkTree
from slipway.validation import check, errors

CREATED, REFUSED, UNREADABLE = 0, 1, 2
_SHOWN = 20
_DESCRIPTION = """
Creates the TrainingRun of a file whose trainer is a function. Where the file names neither commit nor ref, the commit
is the one that is checked out. Refused while tracked files differ from it, or while no branch of a remote has it.
"""
_EPILOG = """
exit codes: 0 created, or printed; 1 refused: the work tree or the manifest, and the message says what mends it; 2 a
file cannot be read, not allowed, or no cluster
"""


@dataclass(frozen=True)
class Prepared:
    """A run that can be created, and what its code has beyond the commit."""

    manifest: dict[str, Any]
    difference: Difference | None = None


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "train", help="create a TrainingRun of the code as checked out", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("file", metavar="FILE", help="a file with one TrainingRun, `-` for standard input")
    add_place(parser)
    parser.add_argument(
        "--work-tree", type=Path, default=Path(), metavar="DIRECTORY", help="of the code; default: where you are"
    )
    parser.add_argument(
        "--allow-dirty-tree", action="store_true",
        help="send what tracked files have beyond the commit, which is recorded: spec.allow.dirtyTree",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="print what would be created, as YAML, and end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Creates or prints, and returns the exit code."""
    try:
        manifest = _manifest(arguments.file)
        ready = prepared(manifest, arguments.work_tree, arguments.allow_dirty_tree)
        _legal(ready.manifest)
        if arguments.dry_run:
            print(yaml.safe_dump_all(_printed(ready), sort_keys=False), end="")
            return CREATED
        cluster = Cluster.connect(arguments.context)
        namespace = arguments.namespace or manifest["metadata"].get("namespace") or cluster.namespace
        _create(cluster, namespace, ready)
    except Unusable as refused:
        print(f"slipway train: {refused}", file=sys.stderr)
        return REFUSED
    except (Unreadable, documents.Unreadable) as unreadable:
        print(f"slipway train: {unreadable}", file=sys.stderr)
        return UNREADABLE
    return CREATED


def prepared(manifest: Mapping[str, Any], place: Path, allow_dirty: bool) -> Prepared:
    """The run with the commit of the work tree that `place` lies in; one that names its code stays as it is.

    Raises:
        Unusable: the tree differs from its commit, and may not; or no remote has the commit.
    """
    filled = copy.deepcopy(dict(manifest))
    git = ((filled["spec"].get("trainer") or {}).get("function") or {}).get("git")
    if not isinstance(git, dict) or git.get("commit") or git.get("ref"):
        return Prepared(filled)
    tree, allow = WorkTree.read(place), filled["spec"].get("allow") or {}
    if not tree.pushed:
        message = f"no branch of a remote has {tree.head}, so the cluster cannot fetch it: git push, or git fetch"
        raise Unusable(message)
    git["commit"] = tree.head
    if not tree.changed:
        return Prepared(filled)
    if not (allow_dirty or allow.get("dirtyTree")):
        raise Unusable(dirty(tree.changed))
    found = tree.difference()
    filled["spec"]["allow"] = {**allow, "dirtyTree": True}
    name = found.config_map(filled["metadata"])["metadata"]["name"]
    git["difference"] = {"configMapRef": {"name": name}, "digest": found.digest}
    return Prepared(filled, found)


def dirty(changed: Sequence[str]) -> str:
    """What is said of a tree that differs from its commit."""
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return (
        f"tracked files differ from HEAD: {', '.join(changed[:_SHOWN])}{more}. Commit and push them, or send them with "
        "the run by --allow-dirty-tree, which is recorded"
    )


def _manifest(file: str) -> dict[str, Any]:
    found = [each.value for document in documents.read(file) for each in documents.listed(document)]
    runs = [one for one in found if isinstance(one, dict) and one.get("kind") == "TrainingRun"]
    if len(runs) != 1 or len(found) != 1:
        raise Unusable(
            f"{file} holds {len(found)} manifests, {len(runs)} of them TrainingRuns: give a file with one run"
        )
    (run,) = runs
    if not isinstance(run.get("spec"), dict) or not (run.get("metadata") or {}).get("name"):
        raise Unusable(f"{file}: metadata.name and spec are required")
    return {"apiVersion": API_VERSION, **run}


def _legal(manifest: Mapping[str, Any]) -> None:
    if refused := errors(check(manifest)):
        raise Unusable("; ".join(str(one) for one in refused))


def _printed(ready: Prepared) -> list[Any]:
    kept = [ready.difference.config_map(ready.manifest["metadata"])] if ready.difference is not None else []
    return [*kept, ready.manifest]


def _create(cluster: Cluster, namespace: str, ready: Prepared) -> None:
    """The run first, since it owns what it differs by: its pod waits for that, and takes it along when it goes."""
    metadata = {**ready.manifest["metadata"], "namespace": namespace}
    made = cluster.create_training_run({**ready.manifest, "metadata": metadata})
    name = made["metadata"]["name"]
    print(f"trainingrun.slipway.dev/{name} created")
    if ready.difference is None:
        return
    owner = {"apiVersion": API_VERSION, "kind": "TrainingRun", "name": name, "uid": made["metadata"]["uid"]}
    kept = ready.difference.config_map(metadata)
    kept["metadata"]["ownerReferences"] = [owner]
    try:
        cluster.create_config_map(kept)
    except Unreadable as refused:
        remedy = f"the run waits for it: kubectl delete trainingrun {name} -n {namespace}"
        raise Unreadable(f"{refused}; {remedy}") from refused
    print(f"configmap/{kept['metadata']['name']} created: what the work tree has beyond {_commit(made)}")


def _commit(run: Mapping[str, Any]) -> str:
    return str(run["spec"]["trainer"]["function"]["git"]["commit"])
