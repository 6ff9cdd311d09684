"""Row 42: the commit of a model is recorded and shown; a dirty tree is refused unless allowed, and then recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.demo import view
from tests.demo.kube import Refused, condition
from tests.demo.settings import Environment
from tests.rows.code import MODEL, TRAINED, Code
from tests.rows.commands import run as slipway
from tests.rows.service import Service, canary


def test_r42_the_commit_stands_in_status_and_in_mlflow(code: Code) -> None:
    done = code.ended(TRAINED)
    assert done["status"]["phase"] == "Succeeded", done["status"]
    named = {"repository": code.url, "commit": code.commit, "entrypoint": "pages.training:build"}
    assert done["status"]["code"] == named
    params = code.params(done)
    assert {name: params[f"code.{name}"] for name in named} == named
    assert params["code.dirty"] == "False"


def test_r42_trace_goes_from_what_is_live_to_the_commit(
    code: Code, serve: Callable[[str], Service], environment: Environment
) -> None:
    version = code.ended(TRAINED)["status"]["version"]
    service = serve("r42")
    service.create(version, [canary(50)], model={"type": "MLflow", "mlflow": {"name": MODEL, "version": version}})
    live = view.variant(service.read(), "stable")["inferenceService"]
    said = slipway("trace", live, "-n", code.namespace, "--output", "json", kubeconfig=environment.kubeconfig)
    assert said.returncode == 0, said.stderr
    (link,) = [one for one in json.loads(said.stdout) if one["kind"] == "Code"]
    assert (link["commit"], link["repository"]) == (code.commit, code.url)
    assert link["entrypoint"] == "pages.training:build"


def test_r42_short_ids_and_branches_are_recorded_as_full_commits(code: Code) -> None:
    for name, git in (("c-short", {"commit": code.commit[:8]}), ("c-branch", {"ref": "main"})):
        code.cluster.apply(code.manifest(name, git, register=None))
    for name in ("c-short", "c-branch"):
        done = code.ended(name)
        assert done["status"]["code"]["commit"] == code.commit, done["status"]
        code.cluster.delete("TrainingRun", name, code.namespace)


def test_r42_a_commit_that_there_is_not_ends_the_run_and_says_what_to_do(code: Code) -> None:
    code.cluster.apply(code.manifest("c-unpushed", {"commit": "f" * 40}))
    stalled = condition(code.ended("c-unpushed"), "Stalled")
    assert stalled["reason"] == "CommitNotFound"
    assert "spec.trainer.function.git.commit" in stalled["message"]
    assert "push it" in stalled["message"]
    code.cluster.delete("TrainingRun", "c-unpushed", code.namespace)


def test_r42_without_a_commit_a_run_is_refused_and_the_command_is_named(code: Code) -> None:
    run = code.manifest("c-none")
    del run["spec"]["trainer"]["function"]["git"]["commit"]
    with pytest.raises(Refused, match="slipway train FILE"):
        code.cluster.apply(run)


def test_r42_a_dirty_tree_is_refused_unless_allowed_and_then_recorded(
    code: Code, environment: Environment, tmp_path: Path
) -> None:
    run = code.manifest("c-dirty", register=None)
    del run["spec"]["trainer"]["function"]["git"]["commit"]
    words = ("train", str(code.file(tmp_path / "run.yaml", run)), "--work-tree", str(code.work.place))
    changed = code.work.place / "pages" / "training.py"
    clean = changed.read_text()
    changed.write_text(clean.replace("trust=0.5", "trust=0.25").replace("Blend(**params)", "Blend()"))
    try:
        refused = slipway(*words, kubeconfig=environment.kubeconfig)
        assert refused.returncode == 1
        for said in ("pages/training.py", "Commit and push", "--allow-dirty-tree"):
            assert said in refused.stderr
        assert code.cluster.get("TrainingRun", "c-dirty", code.namespace) is None
        made = slipway(*words, "--allow-dirty-tree", kubeconfig=environment.kubeconfig)
        assert made.returncode == 0, made.stderr
    finally:
        changed.write_text(clean)
    done = code.ended("c-dirty")
    assert done["spec"]["allow"]["dirtyTree"] is True
    named = done["spec"]["trainer"]["function"]["git"]
    assert (named["commit"], done["status"]["code"]["commit"]) == (code.commit, code.commit)
    assert done["status"]["code"]["difference"] == named["difference"]["digest"]
    params = code.params(done)
    assert params["code.dirty"] == "True"
    assert params["estimator__trust"] == "0.25", "the code that ran is the one of the work tree"
    code.cluster.delete("TrainingRun", "c-dirty", code.namespace)
