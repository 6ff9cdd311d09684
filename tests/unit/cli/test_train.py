"""`slipway train`, in real work trees with a real remote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.api.v1alpha1.trainingrun import TrainingRunSpec
from slipway.cli import work_tree
from slipway.cli.__main__ import main
from slipway.cli.cluster import Unreadable
from slipway.cli.train import Prepared, _create, prepared
from slipway.cli.work_tree import Difference
from slipway_pipelines.function.checkout import apply_difference

from tests.git_server import Repository

RUN: dict[str, Any] = {
    "apiVersion": "slipway.dev/v1alpha1",
    "kind": "TrainingRun",
    "metadata": {"name": "fraud-1"},
    "spec": {
        "taskRef": {"name": "fraud"},
        "data": {"sources": [{"name": "a", "uri": "https://data.example.com/rows.csv"}]},
        "trainer": {
            "type": "Function",
            "function": {"entrypoint": "fraud.training:build", "git": {"url": "https://git.example.com/fraud.git"}},
        },
    },
}
FILES = {"fraud/__init__.py": "", "fraud/training.py": "one = 1\n", "fraud/old.py": "old = 1\n"}
Train = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tree(tmp_path: Path) -> Repository:
    """A work tree whose commit is pushed."""
    found, remote = Repository(tmp_path / "work"), Repository(tmp_path / "remote")
    found.commit(FILES)
    found.git("remote", "add", "origin", str(remote.place))
    found.git("push", "-q", "origin", "main:other")
    return found


@pytest.fixture
def train(tree: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Train:
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(RUN))

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["train", str(file), "--dry-run", "--work-tree", str(tree.place / "fraud"), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def git_of(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["trainer"]["function"]["git"]
    return found


def test_the_commit_is_the_one_that_is_checked_out(tree: Repository, train: Train) -> None:
    code, out, err = train()
    assert (code, err) == (0, "")
    (run,) = yaml.safe_load_all(out)
    assert git_of(run)["commit"] == tree.git("rev-parse", "HEAD")
    TrainingRunSpec.model_validate(run["spec"])
    assert "allow" not in run["spec"]


def test_a_dirty_tree_is_refused_with_its_files_and_its_remedy(tree: Repository, train: Train) -> None:
    (tree.place / "fraud/training.py").write_text("two = 2\n")
    (tree.place / "fraud/old.py").unlink()
    code, out, err = train()
    assert (code, out) == (1, "")
    for word in ("fraud/training.py", "fraud/old.py", "Commit and push", "--allow-dirty-tree"):
        assert word in err


def test_what_is_not_tracked_makes_no_tree_dirty(tree: Repository, train: Train) -> None:
    (tree.place / "notes.txt").write_text("mine")
    assert train()[0] == 0


def test_a_commit_that_no_remote_has_is_refused_dirty_or_not(tree: Repository, train: Train) -> None:
    commit = tree.commit({"fraud/training.py": "two = 2\n"})
    for words in ((), ("--allow-dirty-tree",)):
        code, _, err = train(*words)
        assert code == 1
        assert commit in err
        assert "git push" in err
    tree.git("push", "-q", "origin", "main:other")
    assert train()[0] == 0


def test_a_dirty_tree_that_is_allowed_is_sent_and_comes_out_as_it_was(
    tree: Repository, train: Train, tmp_path: Path
) -> None:
    (tree.place / "fraud/training.py").write_text("two = 2\n")
    (tree.place / "fraud/new.py").write_text("é = 3\n")
    (tree.place / "fraud/old.py").unlink()
    tree.git("add", "fraud/new.py")
    code, out, err = train("--allow-dirty-tree")
    assert (code, err) == (0, "")
    kept, run = yaml.safe_load_all(out)
    named = git_of(run)["difference"]
    assert kept["metadata"]["name"] == named["configMapRef"]["name"] == "fraud-1-difference"
    assert run["spec"]["allow"] == {"dirtyTree": True}
    text = kept["data"]["difference.json"]
    assert named["digest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    fetched = Repository(tmp_path / "fetched")
    fetched.commit(FILES)
    apply_difference(text, named["digest"], fetched.place)
    for path in ("training.py", "new.py"):
        assert (fetched.place / "fraud" / path).read_text() == (tree.place / "fraud" / path).read_text()
    assert not (fetched.place / "fraud/old.py").exists()


def test_a_difference_has_a_bound_and_names_the_largest(
    tree: Repository, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_tree, "MOST_BYTES", 1 << 10)
    (tree.place / "fraud/training.py").write_text("#" * 2000)
    code, _, err = train("--allow-dirty-tree")
    assert code == 1
    assert "commit fraud/training.py" in err


def test_a_link_is_not_sent(tree: Repository, train: Train) -> None:
    (tree.place / "fraud/old.py").unlink()
    (tree.place / "fraud/old.py").symlink_to("/etc/passwd")
    assert "fraud/old.py is a link" in train("--allow-dirty-tree")[2]


def test_a_run_that_names_its_code_stays_as_it_is(tmp_path: Path) -> None:
    for named in ({"commit": "3f2c1ab"}, {"ref": "main"}):
        run = json.loads(json.dumps(RUN))
        git_of(run).update(named)
        assert prepared(run, tmp_path / "no-work-tree", False) == Prepared(run)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: ModelTask\n", "give a file with one run"),
        (yaml.safe_dump_all([RUN, RUN]), "give a file with one run"),
        ("kind: TrainingRun\nspec: {}\n", "metadata.name"),
        (yaml.safe_dump({**RUN, "spec": {**RUN["spec"], "seed": -1}}), "spec.seed"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tree: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    assert main(["train", str(file), "--dry-run", "--work-tree", str(tree.place)]) == 1
    assert said in capsys.readouterr().err


def test_outside_of_a_work_tree_the_remedy_is_named(train: Train, tmp_path: Path) -> None:
    code, _, err = train("--work-tree", str(tmp_path))
    assert code == 1
    assert "--work-tree" in err


class Written:
    """A cluster that keeps what it was given; it may refuse ConfigMaps."""

    def __init__(self, refuses: bool) -> None:
        self.refuses, self.made = refuses, list[dict[str, Any]]()

    def create_training_run(self, manifest: dict[str, Any]) -> dict[str, Any]:
        self.made.append(manifest)
        return {**manifest, "metadata": {**manifest["metadata"], "uid": "u-1"}}

    def create_config_map(self, manifest: dict[str, Any]) -> None:
        if self.refuses:
            raise Unreadable("you may not create ConfigMap fraud-1-difference")
        self.made.append(manifest)


def test_the_difference_belongs_to_its_run_and_goes_with_it() -> None:
    run = json.loads(json.dumps(RUN))
    git_of(run)["commit"] = "3f2c1ab"
    cluster: Any = Written(False)
    _create(cluster, "shop", Prepared(run, Difference("{}")))
    made, kept = cluster.made
    assert made["metadata"]["namespace"] == kept["metadata"]["namespace"] == "shop"
    assert kept["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    assert kept["immutable"] is True


def test_a_difference_that_may_not_be_kept_says_what_to_do_with_the_run() -> None:
    cluster: Any = Written(True)
    with pytest.raises(Unreadable, match="kubectl delete trainingrun fraud-1 -n shop"):
        _create(cluster, "shop", Prepared(RUN, Difference("{}")))
