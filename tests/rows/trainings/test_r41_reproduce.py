"""Rows 41, 43 to 45, 48: a run says what it was made of, comes out again, and shows how it learned."""

from __future__ import annotations

import hashlib

import httpx

from tests.demo import data
from tests.demo.settings import Environment
from tests.rows.commands import run as slipway
from tests.rows.training import Trained


def test_r41_a_run_comes_out_again_bit_by_bit(trained: Trained, environment: Environment) -> None:
    trained.ended("t-searched")
    words = ("reproduce", "t-searched", "-n", trained.namespace, "--level", "Bitwise", "--timeout", "300")
    said = slipway(*words, kubeconfig=environment.kubeconfig, seconds=400)
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.startswith("Bitwise")
    assert "everything recorded is as it was" in said.stdout
    name = said.stderr.split("/")[1].split()[0]
    assert trained.ended(name)["status"].get("testOpenings", 0) == 0
    told = slipway("diff", "t-searched", name, "-n", trained.namespace, kubeconfig=environment.kubeconfig)
    assert told.returncode == 1
    assert "spec.reproduces.level" in told.stdout
    trained.cluster.delete("TrainingRun", name, trained.namespace)


def test_r43_the_data_are_recorded_by_uri_rows_and_digest(trained: Trained) -> None:
    params = trained.tracked("t-searched").data.params
    assert params["data.uri"].endswith("/phishing.csv")
    content = data.training_files(data.rows())["phishing.csv"].encode()
    assert int(params["data.rows"]) == len(content.splitlines()) - 1
    assert params["data.digest"] == trained.ended("t-searched")["status"]["dataDigest"]
    assert params["data.digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_r44_all_hyperparameters_are_recorded_with_their_defaults(trained: Trained) -> None:
    params = trained.tracked("t-searched").data.params
    chosen = trained.ended("t-searched")["status"]["search"]["parameters"]
    assert {params[f"estimator__{name}"] for name in chosen} == set(chosen.values())
    assert {
        "estimator__max_iter",
        "estimator__l2_regularization",
        "features__numeric__impute__strategy",
    } <= params.keys()


def test_r45_one_seed_derives_all(trained: Trained) -> None:
    params = trained.tracked("t-searched").data.params
    derived = [params[f"seed.{name}"] for name in ("split", "estimator", "bootstrap", "search")]
    assert params["seed"] == "7"
    assert len(set(derived)) == 4
    assert derived == [
        trained.tracked("t-shared").data.params[f"seed.{n}"] for n in ("split", "estimator", "bootstrap", "search")
    ]


def test_r48_learning_curves_are_logged_and_drawn(trained: Trained) -> None:
    run = trained.tracked("t-searched").info.run_id
    for side in ("train", "validation"):
        assert len(trained.client().get_metric_history(run, f"curve.{side}.loss")) > 5
    address = f"{trained.mlflow}/get-artifact?path=plots/learning_curve.svg&run_uuid={run}"
    assert "<polyline" in httpx.get(address, timeout=30).text
