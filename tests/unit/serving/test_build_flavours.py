"""What a build makes of a model's flavour: its packages, its system libraries, its refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway_serving.build import lock
from slipway_serving.build.faults import BuildFault
from slipway_serving.build.installer import SYSTEM_LIBRARIES, PackageIndex, expose_libraries
from slipway_serving.build.modeldirectory import check_flavour, model_requirements
from slipway_serving.service.flavours.supported import FLAVOURS

from tests.unit.serving.trees import write_tree
from tests.unit.serving.wheels import SERVER, write_wheel

pytestmark = pytest.mark.long

SOURCES = ":".join(str(Path(__file__).parents[3] / part) for part in ("model_images", "operator"))
COLUMNS = {"inputs": '[{"name": "a", "type": "double"}]'}
FUNCTION = {"loader_module": "mlflow.pyfunc.model", "python_model": "python_model.pkl", "code": None}


def directory(root: Path, flavours: dict[str, Any], requirements: str = "", **members: Any) -> Path:
    description = {"flavors": flavours, "mlflow_version": "3.17.2", "signature": COLUMNS, **members}
    files = {"MLmodel": yaml.safe_dump(description).encode(), "requirements.txt": requirements.encode()}
    return write_tree(root, files)


def refused(root: Path) -> BuildFault:
    with pytest.raises(BuildFault) as caught:
        check_flavour(root)
    return caught.value


def test_an_unsupported_flavour_names_the_supported_ones(tmp_path: Path) -> None:
    fault = refused(directory(tmp_path, {"catboost": {}, "python_function": {"loader_module": "mlflow.catboost"}}))
    assert fault.reason == "UnsupportedFlavour"
    for flavour in FLAVOURS:
        assert flavour.name in fault.message
    assert "PythonModel" in fault.message, "the remedy"


def test_a_signature_that_no_request_can_satisfy_is_refused(tmp_path: Path) -> None:
    fault = refused(directory(tmp_path, {"sklearn": {}}, signature={"inputs": '[{"name": "b", "type": "binary"}]'}))
    assert (fault.reason, "feature b" in fault.message) == ("UnsupportedSignature", True)


@pytest.mark.parametrize("flavours", [{"python_function": FUNCTION}, {"pytorch": {"model_data": "data"}}])
def test_what_does_not_know_its_inputs_needs_a_signature(tmp_path: Path, flavours: dict[str, Any]) -> None:
    root = directory(tmp_path, flavours, signature=None)
    assert refused(root).reason == "SignatureMissing"
    write_tree(root, {"slipway/profile.json": b"{}"})
    check_flavour(root)


@pytest.mark.parametrize("content", ["[]", "flavors: [sklearn]", "flavors: {sklearn: 3}", "{}"])
def test_what_is_no_description_is_refused(tmp_path: Path, content: str) -> None:
    assert refused(write_tree(tmp_path, {"MLmodel": content.encode()})).reason == "NotAnMLflowModel"


@pytest.mark.parametrize(
    ("flavours", "own"),
    [
        ({"xgboost": {"code": None}, "python_function": {"code": None}}, False),
        ({"xgboost": {}, "python_function": {"code": "code"}}, True),
        ({"onnx": {"code": "code"}}, True),
        ({"python_function": FUNCTION}, True),
    ],
)
def test_own_code_is_what_travels_beside_or_is_the_model(tmp_path: Path, flavours: dict[str, Any], own: bool) -> None:
    assert check_flavour(directory(tmp_path, flavours))[1] is own


@pytest.mark.parametrize(
    ("flavours", "requirements", "wanted"),
    [
        ({"xgboost": {"xgb_version": "3.2.0"}}, "numpy\n", ["numpy", "xgboost==3.2.0"]),
        ({"xgboost": {"xgb_version": "3.2.0"}}, "XGBoost~=3.1\n# a comment\n", ["XGBoost~=3.1"]),
        ({"lightgbm": {"lgb_version": "4.7.0"}}, "", ["lightgbm==4.7.0"]),
        ({"onnx": {}}, "onnx==1.23.2\nonnxruntime==1.32.0", ["onnxruntime==1.32.0"]),
        ({"onnx": {"code": "code"}}, "onnx==1.23.2", ["onnx==1.23.2", "onnxruntime"]),
        ({"pytorch": {"pytorch_version": "2.15.0+cu130"}}, "", ["torch==2.15.0"]),
        ({"sklearn": {"sklearn_version": "1.9.1"}}, "-r other.txt", ["-r other.txt", "scikit-learn==1.9.1"]),
        ({"python_function": FUNCTION}, "pandas", ["pandas", "mlflow-skinny==3.17.2"]),
        ({"python_function": FUNCTION}, "mlflow==3.17.2\npandas", ["mlflow==3.17.2", "pandas"]),
    ],
)
def test_a_flavours_library_is_asked_for_where_the_model_forgot_it(
    tmp_path: Path, flavours: dict[str, Any], requirements: str, wanted: list[str]
) -> None:
    assert model_requirements(directory(tmp_path, flavours, requirements)) == wanted


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels in the place of an index: what the server needs, and scikit-learn."""
    wheels = tmp_path / "wheels"
    for name in SERVER:
        write_wheel(wheels, name, "1.0")
    for name, value in {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    return wheels


def joined(index: Path, *lines: str, own_code: bool = False) -> dict[str, str]:
    shipped = write_wheel(index, "scikit_learn", "1.9.1")
    return lock.locked_versions(lock.joined_lock(shipped, lines, own_code, index.parent, PackageIndex()))


def test_xgboost_comes_without_what_only_a_gpu_uses(index: Path) -> None:
    write_wheel(index, "xgboost", "3.2.0")
    write_wheel(index, "xgboost_cpu", "3.2.0")
    found = joined(index, "xgboost==3.2.0")
    assert found["xgboost-cpu"] == "3.2.0"
    assert "xgboost" not in found
    assert found["scikit-learn"] == "1.9.1", "its estimators need it, and it does not say so"


def test_xgboost_itself_where_its_small_build_has_no_such_version(index: Path) -> None:
    write_wheel(index, "xgboost", "1.7.6")
    write_wheel(index, "xgboost_cpu", "3.2.0")
    found = joined(index, "xgboost==1.7.6")
    assert (found["xgboost"], "xgboost-cpu" in found) == ("1.7.6", False)


def test_never_both_builds_of_xgboost(index: Path) -> None:
    write_wheel(index, "xgboost", "3.2.0")
    write_wheel(index, "xgboost_cpu", "3.2.0")
    write_wheel(index, "wrapper", "1.0", depends="xgboost")
    found = joined(index, "xgboost==3.2.0", "wrapper")
    assert (found["xgboost"], "xgboost-cpu" in found) == ("3.2.0", False)


def test_lightgbm_brings_the_package_that_brings_its_library(index: Path) -> None:
    write_wheel(index, "lightgbm", "4.7.0")
    assert joined(index, "lightgbm==4.7.0")["scikit-learn"] == "1.9.1"


def test_mlflow_stays_for_own_code_only_and_without_its_server(index: Path) -> None:
    write_wheel(index, "mlflow_skinny", "3.17.2")
    write_wheel(index, "gamma", "1.0")
    assert "mlflow-skinny" not in joined(index, "mlflow==3.17.2", "gamma")
    assert joined(index, "mlflow==3.17.2", "gamma", own_code=True)["mlflow-skinny"] == "3.17.2"


def test_libraries_are_linked_to_the_names_that_wheels_ask_for(tmp_path: Path) -> None:
    write_tree(
        tmp_path, {"scikit_learn.libs/libgomp-1ab.so.1.0.0": b"sklearn's", "torch/lib/libgomp-2.so.1": b"torch's"}
    )
    expose_libraries(tmp_path)
    link = tmp_path / SYSTEM_LIBRARIES / "libgomp.so.1"
    assert (link.is_symlink(), link.read_bytes()) == (True, b"sklearn's")
    assert not os.path.isabs(os.readlink(link)), "the tree moves from the builder into an image"


def test_without_such_a_library_nothing_is_linked(tmp_path: Path) -> None:
    expose_libraries(tmp_path)
    assert list((tmp_path / SYSTEM_LIBRARIES).iterdir()) == []


def test_lightgbm_runs_on_the_linked_library_alone(tmp_path: Path) -> None:
    """The loader takes the link before the system's own, so that a system without one makes no difference."""
    import sklearn

    libraries = Path(sklearn.__file__).resolve().parents[1] / "scikit_learn.libs"
    (tmp_path / libraries.name).symlink_to(libraries)
    expose_libraries(tmp_path)
    code = (
        "import lightgbm, sklearn.utils._openmp_helpers\n"
        "print(sorted({line.split()[-1] for line in open('/proc/self/maps') if 'libgomp' in line}))"
    )
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path / SYSTEM_LIBRARIES)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == [str(next(libraries.glob("libgomp*")))]


def test_the_builder_loads_no_library_of_a_flavour() -> None:
    """It holds push credentials: what it shares with the server is text and tables."""
    code = "import sys, slipway_serving.build.__main__; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    environment = {**os.environ, "PYTHONPATH": SOURCES}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    heavy = {
        "numpy",
        "pandas",
        "sklearn",
        "skops",
        "cloudpickle",
        "xgboost",
        "lightgbm",
        "onnxruntime",
        "torch",
        "mlflow",
    }
    assert not heavy & set(done.stdout.split())


def test_the_shipped_lock_serves_scikit_learn_without_a_resolution() -> None:
    text = (resources.files("slipway_serving.build") / "serving.lock").read_text()
    assert (
        lock.joined_lock(text, ["mlflow==3.17.2", "scikit-learn==1.9.1"], False, Path("/nowhere"), PackageIndex())
        is text
    )
