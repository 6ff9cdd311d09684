"""A whole build against a real registry: pinned, shared, reproducible, and in words when it cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway_oci import ImageConfig, ImageReference, Registry, image_from_layers, layer_from_tree
from slipway_serving.build import __main__ as command
from slipway_serving.build import layout, lock
from slipway_serving.build.bytecode import compile_tree
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.installer import PackageIndex
from slipway_serving.build.modeldirectory import directory_digest
from slipway_serving.build.tracking import Tracking

from tests.loopback import free_port
from tests.unit.serving.tracking_server import FakeTracking, tracking_server
from tests.unit.serving.trees import write_tree
from tests.unit.serving.wheels import write_wheel

MODEL = {
    "MLmodel": json.dumps({"flavors": {"sklearn": {"pickled_model": "model.pkl"}}}).encode(),
    "model.pkl": b"never unpickled: this is no pickle",
    "requirements.txt": b"mlflow==3.17.2\nalpha==1.0\n",
    "slipway/profile.json": b"{}",
}


class Workshop:
    """Everything that one build needs, on loopback; `run` calls the command as the Job does."""

    def __init__(self, home: Path, registry: Registry, tracking: FakeTracking, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.registry, self.tracking = home, registry, tracking
        self.report = home / "termination-log"
        self.wheels = home / "wheels"
        locked = {"alpha": "1.0", "beta": "2.0", "scikit_learn": "1.9.1"}
        self.lock = "".join(write_wheel(self.wheels, name, version) for name, version in locked.items())
        self.digest = directory_digest(write_tree(tracking.root / "1/model", MODEL))
        base = ImageReference(registry.host, "slipway/base", "1")
        image_from_layers(registry, base, [self.layer("base")], ImageConfig(env={"PATH": "/usr/bin"}))
        monkeypatch.setattr(lock, "serving_lock", lambda: self.lock)
        monkeypatch.setattr(command, "_TERMINATION_LOG", self.report)
        monkeypatch.setenv("UV_NO_INDEX", "1")
        monkeypatch.setenv("UV_FIND_LINKS", str(self.wheels))
        monkeypatch.setenv("UV_OFFLINE", "1")
        self.environment = monkeypatch

    def layer(self, name: str) -> Any:
        return layer_from_tree(write_tree(self.home / name, {"f": name.encode()}), "", self.home / f"{name}.tgz")

    def run(self, repository: str, **changes: str) -> tuple[int, dict[str, Any]]:
        arguments = {
            "model-uri": "models:/fraud/7",
            "expect-digest": self.digest,
            "repository": f"{self.registry.host}/{repository}",
            "base-image": f"{self.registry.host}/slipway/base:1",
            "tracking-uri": self.tracking.uri,
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        words = [word for name, value in arguments.items() for word in (f"--{name}", value)]
        code = command.main([*words, "--plain-http", self.registry.host])
        report: dict[str, Any] = json.loads(self.report.read_text())
        return code, report


@pytest.fixture
def workshop(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.setattr("slipway_serving.build.tracking._FIRST_PAUSE", 0.0)
    monkeypatch.setattr("slipway_oci.registry._FIRST_PAUSE", 0.0)
    with tracking_server(tmp_path / "artifacts") as tracking:
        yield Workshop(tmp_path, registry, tracking, monkeypatch)


def test_a_build_yields_a_pinned_image_with_code_and_model(workshop: Workshop) -> None:
    code, report = workshop.run("ml/one")
    assert code == 0
    assert (report["modelDigest"], report["reused"]) == (workshop.digest, False)
    assert set(report["seconds"]) == {"resolve", "lookup", "download", "lock", "dependencies", "append"}
    image = ImageReference.parse(report["image"])
    manifest = workshop.registry.manifest(image.repository, image.digest).document
    assert len(manifest["layers"]) == 4
    config = json.loads(workshop.registry.blob(image.repository, manifest["config"]["digest"]))["config"]
    assert config["Entrypoint"] == ["python3", "-m", "slipway_serving.service"]
    assert (config["User"], config["Labels"][layout.MODEL_LABEL]) == ("65532", workshop.digest)


def test_an_existing_image_is_not_built_again_nor_downloaded(workshop: Workshop) -> None:
    first = workshop.run("ml/two")[1]
    workshop.tracking.calls.clear()
    second = workshop.run("ml/two")[1]
    assert second["reused"]
    assert [second[key] for key in ("image", "dependencies")] == [first[key] for key in ("image", "dependencies")]
    assert workshop.tracking.calls == ["mlflow/model-versions/get", "mlflow/runs/get"]


def test_a_model_that_nobody_evaluated_is_built_as_it_is(workshop: Workshop) -> None:
    code, report = workshop.run("ml/waived", expect_digest="")
    assert (code, report["modelDigest"], report["reused"]) == (0, workshop.digest, False)
    assert workshop.run("ml/waived")[1]["reused"]
    assert workshop.run("ml/waived", expect_digest="")[1]["reused"]


def test_another_model_shares_the_dependency_image(workshop: Workshop) -> None:
    workshop.run("ml/three")
    write_tree(workshop.tracking.root / "1/model", {"model.pkl": b"another"})
    workshop.environment.setenv("UV_FIND_LINKS", "/nowhere")
    other = directory_digest(workshop.tracking.root / "1/model")
    code, report = workshop.run("ml/three", expect_digest=other)
    assert (code, report["modelDigest"]) == (0, other)


def test_rollouts_with_repositories_of_their_own_share_dependencies_in_a_third(workshop: Workshop) -> None:
    shared = f"{workshop.registry.host}/ml/shared"
    first = workshop.run("ml/team-a", dependency_repository=shared)[1]
    workshop.environment.setenv("UV_FIND_LINKS", "/nowhere")
    code, second = workshop.run("ml/team-b", dependency_repository=shared)
    assert (code, second["reused"]) == (0, False)
    assert second["image"].split("@")[1] == first["image"].split("@")[1]
    assert "/ml/team-b@" in second["image"]


def test_two_cold_builds_that_differ_in_root_and_clock_agree(workshop: Workshop, tmp_path: Path) -> None:
    digests = set()
    for name, time_zone in (("short", "UTC"), ("a/much/longer/root", "Asia/Tokyo")):
        root = tmp_path / name
        root.mkdir(parents=True)
        workshop.environment.setattr("tempfile.tempdir", str(root))
        workshop.environment.setenv("TZ", time_zone)
        workshop.environment.setenv("PYTHONHASHSEED", str(len(name)))
        digests.add(workshop.run(f"ml/{name.replace('/', '-')}")[1]["image"].split("@")[1])
    assert len(digests) == 1


def test_a_model_with_other_pins_gets_dependencies_of_its_own(workshop: Workshop) -> None:
    write_wheel(workshop.wheels, "alpha", "1.1")
    write_wheel(workshop.wheels, "gamma", "3.0", depends="beta")
    for name in ("bentoml", "httptools", "prometheus_client", "pandas", "pyyaml"):
        write_wheel(workshop.wheels, name, "1.0")
    write_tree(workshop.tracking.root / "1/model", {"requirements.txt": b"alpha==1.1\ngamma\n"})
    joined = lock.joined_lock(
        workshop.lock, ["alpha==1.1", "gamma", "scikit-learn"], False, workshop.home, PackageIndex()
    )
    versions = lock.locked_versions(joined)
    assert (versions["alpha"], versions["beta"], versions["gamma"]) == ("1.1", "2.0", "3.0")
    code, report = workshop.run("ml/own", expect_digest=directory_digest(workshop.tracking.root / "1/model"))
    assert (code, report["dependencies"]) == (0, layout.lock_digest(joined))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"model.pkl": b"changed"}, "DigestMismatch"),
        ({"MLmodel": b"flavors: {spark: {}}"}, "UnsupportedFlavour"),
        ({"MLmodel": b": : :"}, "NotAnMLflowModel"),
        ({"requirements.txt": b"alpha @ git+https://example.com/x"}, "UnsupportedRequirement"),
        ({"requirements.txt": b"-e ."}, "UnsupportedRequirement"),
        ({"requirements.txt": b"alpha==9.9"}, "LockConflict"),
    ],
)
def test_faults_of_the_input_name_step_and_reason(workshop: Workshop, files: dict[str, bytes], reason: str) -> None:
    write_tree(workshop.tracking.root / "1/model", files)
    changed = directory_digest(workshop.tracking.root / "1/model")
    digest = workshop.digest if reason == "DigestMismatch" else changed
    code, report = workshop.run("ml/faults", expect_digest=digest)
    assert (code, report["error"]["reason"]) == (1, reason)
    assert report["error"]["message"]


@pytest.mark.parametrize(
    ("changes", "step", "reason", "code"),
    [
        ({"model_uri": "models:/fraud/8"}, "resolve", "ModelVersionNotFound", 1),
        ({"model_uri": "models:/fraud"}, "resolve", "InvalidModelURI", 1),
        ({"base_image": "HOST/slipway/nothing:1"}, "resolve", "ImageNotFound", 1),
        ({"base_image": "nohost"}, "resolve", "InvalidReference", 1),
        ({"tracking_uri": "http://127.0.0.1:1"}, "resolve", "TrackingUnavailable", 75),
    ],
)
def test_faults_of_the_surroundings(
    workshop: Workshop, changes: dict[str, str], step: str, reason: str, code: int
) -> None:
    changes = {name: value.replace("HOST", workshop.registry.host) for name, value in changes.items()}
    got, report = workshop.run("ml/surroundings", **changes)
    assert (got, report["error"]["reason"]) == (code, reason)
    assert report["error"]["step"] in (step, "download")


def test_a_registry_that_is_away_is_transient(workshop: Workshop) -> None:
    workshop.registry.host = f"127.0.0.1:{free_port()}"
    code, report = workshop.run("ml/away")
    assert (code, report["error"]["reason"]) == (75, "RegistryUnavailable")


def test_a_tracking_server_that_stumbles_is_asked_again(workshop: Workshop, tmp_path: Path) -> None:
    workshop.tracking.failures = 2
    tracking = Tracking(workshop.tracking.uri, pause=lambda _: None)
    assert tracking.directory("models:/fraud/7") == "1/model"
    workshop.tracking.failures = 3
    with pytest.raises(BuildFault) as caught:
        tracking.directory("models:/fraud/7")
    assert caught.value.transient


@pytest.mark.parametrize("source", ["runs:/r1/model", "models:/m-1", "mlflow-artifacts://any:1/1/model"])
def test_a_versions_source_is_followed(workshop: Workshop, source: str) -> None:
    workshop.tracking.source = source
    assert Tracking(workshop.tracking.uri).directory("models:/fraud/7") == "1/model"


def test_artifacts_outside_of_the_proxy_are_refused(workshop: Workshop) -> None:
    workshop.tracking.source = "s3://bucket/model"
    with pytest.raises(BuildFault, match="ArtifactsNotProxied"):
        Tracking(workshop.tracking.uri).directory("models:/fraud/7")


def test_the_shipped_lock_is_the_serving_lock() -> None:
    repository = Path(__file__).parents[3]
    assert lock.serving_lock() == (repository / "requirements/serving.txt").read_text()


def test_a_lock_that_satisfies_the_model_is_used_as_it_is(tmp_path: Path) -> None:
    shipped = lock.serving_lock()
    lines = [
        "mlflow==3.17.2",
        "scikit-learn==1.9.1",
        "numpy",
        "pandas>=2",
        "cloudpickle<4",
        "pip",
        "zzz; python_version<'3'",
    ]
    assert lock.joined_lock(shipped, lines, False, tmp_path, PackageIndex()) is shipped


def test_bytecode_runs_without_its_source_being_read(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"pkg/__init__.py": b"def f():\n    raise ValueError\n", "pkg/no.py": b"{{ x }"})
    assert compile_tree(root) == 1
    (root / "pkg/__init__.py").write_text("raise SystemExit('the source was compiled')\n")
    code = (
        "import pkg\ntry: pkg.f()\nexcept ValueError as e: print(e.__traceback__.tb_next.tb_frame.f_code.co_filename)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(root / "pkg/__init__.py")
