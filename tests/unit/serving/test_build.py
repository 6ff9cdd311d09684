"""A whole build against a real registry: pinned, shared, reproducible, and in words when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slipway_oci import ImageReference, Registry, attached
from slipway_serving.build import inventory, layout, lock
from slipway_serving.build.bytecode import compile_tree
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.installer import PackageIndex
from slipway_serving.build.modeldirectory import check_flavour, directory_digest
from slipway_serving.build.tracking import Tracking

from tests.loopback import free_port
from tests.unit.serving.servers import SOURCES
from tests.unit.serving.trees import write_tree
from tests.unit.serving.wheels import SERVER, write_wheel
from tests.unit.serving.workshop import MODEL, Workshop, open_workshop

pytestmark = pytest.mark.long


@pytest.fixture
def workshop(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    with open_workshop(tmp_path, registry, monkeypatch) as one:
        yield one


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


# Another user and another host name, where the process may choose them; root also may keep reading its own files.
KEEP = "--inh-caps=+dac_override --ambient-caps=+dac_override"
ELSEWHERE = (
    [
        "unshare",
        "--uts",
        "sh",
        "-c",
        f'hostname "$0" && exec setpriv --reuid=12345 --regid=12345 --clear-groups {KEEP} "$@"',
    ]
    if os.geteuid() == 0
    else ["unshare", "--map-root-user", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"']
)
# The builder with the test's lock and a clock that goes a year ahead.
AHEAD = """
import sys, time
from slipway_serving.build import __main__ as command, lock
now, text = time.time, open(sys.argv[1]).read()
time.time = lambda: now() + 366 * 86400
lock.serving_lock = lambda scoring=False: text
sys.exit(command.main(sys.argv[2:]))
"""


def test_two_cold_builds_that_differ_in_root_user_host_and_clock_agree(workshop: Workshop, tmp_path: Path) -> None:
    here = workshop.run("ml/here")[1]
    root = tmp_path / "a/much/longer/root"
    root.mkdir(parents=True)
    (tmp_path / "lock").write_text(workshop.lock)
    environment = {**os.environ, "TMPDIR": str(root), "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    environment |= {"SLIPWAY_TERMINATION_LOG": str(root / "said"), "PYTHONPATH": SOURCES}
    command = [
        *ELSEWHERE,
        "elsewhere",
        sys.executable,
        "-c",
        AHEAD,
        str(tmp_path / "lock"),
        *workshop.words("ml/there"),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    there = json.loads((root / "said").read_text())
    assert (there["reused"], digest_of(there)) == (False, digest_of(here))
    assert document_of(workshop, there) == document_of(workshop, here)


def digest_of(report: dict[str, Any]) -> str:
    return str(report["image"].split("@")[1])


def document_of(workshop: Workshop, report: dict[str, Any]) -> dict[str, Any]:
    """The inventory that is attached to an image."""
    image = ImageReference.parse(report["image"])
    found = attached(workshop.registry, image.repository, image.digest, inventory.MEDIA_TYPE)
    assert found is not None
    document: dict[str, Any] = json.loads(found[1])
    return document


def test_a_model_with_other_pins_gets_dependencies_of_its_own(workshop: Workshop) -> None:
    write_wheel(workshop.wheels, "alpha", "1.1")
    write_wheel(workshop.wheels, "gamma", "3.0", depends="beta")
    for name in SERVER:
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
    assert (
        report["error"]["log"].splitlines()[-1] == f"step {report['error']['step']}" or "uv" in report["error"]["log"]
    )


@pytest.mark.parametrize(
    ("changes", "step", "reason", "code"),
    [
        ({"model_uri": "models:/fraud/8"}, "resolve", "ModelVersionNotFound", 1),
        ({"model_uri": "models:/fraud"}, "resolve", "InvalidModelURI", 1),
        ({"base_image": "HOST/slipway/nothing:1"}, "resolve", "ImageNotFound", 1),
        ({"base_image": "HOST/slipway/Upper:1"}, "resolve", "InvalidReference", 1),
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


@pytest.mark.parametrize(("scoring", "name"), [(False, "serving.txt"), (True, "scoring.txt")])
def test_the_shipped_locks_are_those_of_the_extras(scoring: bool, name: str) -> None:
    repository = Path(__file__).parents[3]
    assert lock.serving_lock(scoring) == (repository / "requirements" / name).read_text()
    assert ("pyarrow" in lock.locked_versions(lock.serving_lock(scoring))) is scoring


def test_a_batch_tasks_image_scores_with_what_an_inline_ones_serves_with() -> None:
    serving, scoring = (lock.locked_versions(lock.serving_lock(each)) for each in (False, True))
    assert {name: scoring[name] for name in serving} == serving
    assert set(scoring) - set(serving) == {"pyarrow"}


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


def test_the_code_of_an_image_is_all_that_its_server_imports_of_ours(tmp_path: Path) -> None:
    layout.code_layer(tmp_path)
    code = (
        "import slipway, slipway_serving.service.bento as served\n"
        f"import sys; ours = [one.__file__ for name, one in sys.modules.items() if name.startswith('slipway')]\n"
        f"assert all(file.startswith({str(tmp_path / 'code')!r}) for file in ours), ours"
    )
    environment = {"PYTHONPATH": str(tmp_path / "code"), "HOME": str(tmp_path), "BENTOML_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("layer", ['{"format": 2}', "{", "\xff"])
def test_a_decision_layer_that_no_server_reads_is_refused_before_anything_is_built(tmp_path: Path, layer: str) -> None:
    root = write_tree(tmp_path, {**MODEL, "slipway/decision.json": layer.encode("latin-1")})
    with pytest.raises(BuildFault) as caught:
        check_flavour(root)
    assert (caught.value.step, caught.value.reason) == ("lock", "UnsupportedDecision")
