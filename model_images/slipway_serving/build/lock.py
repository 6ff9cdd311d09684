"""Which packages a served image holds: our serving lock, joined with what the model was trained with.

The model's own pins win: a model unpickled by another scikit-learn than the one that made it may answer differently.
Where they agree with the lock, nothing is resolved, and every model shares one dependency image.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from slipway_serving.build.faults import BuildFault
from slipway_serving.build.installer import PackageIndex, run_uv

# MLflow names itself in every model's requirements. The server reads its directories without it (predictor.py), so it
# would be 75 MB for nothing; code that travels with a model may import it, and gets the part without a tracking server.
_MLFLOW = {"mlflow", "mlflow-skinny"}
_IGNORED = {"pip", "setuptools", "wheel"}
# uv takes a line that ends so for a file, although it is a name with all that a name may hold.
_ARCHIVE = re.compile(r"\.(whl|zip|tgz|tbz|txz|tlz|tar(\.\w+)?)$", re.I)
_WHEEL = "publish a wheel of it in an index, and name that in spec.image.packageIndex if it is a private one"
# What the server itself imports.
_SERVER = ("arro3-core", "arro3-io", "bentoml", "httptools", "obstore", "pandas", "prometheus-client", "pyyaml")
_SCORER = "pyarrow"  # asked for where the lock has it
# What packages need that they do not ask for: both for their estimators, LightGBM also for its library libgomp, which
# scikit-learn's wheel brings (installer.py).
_BESIDE = {"lightgbm": "scikit-learn", "xgboost": "scikit-learn", "xgboost-cpu": "scikit-learn"}
# The same library without what only a GPU uses: 24 MB unpacked instead of 800.
_FOR_CPU = {"onnxruntime-gpu": "onnxruntime", "xgboost": "xgboost-cpu"}


def serving_lock(scoring: bool = False) -> str:
    """The lock that this package ships (with hashes): of the serving extra, with the one for scoring batches or not."""
    name = "scoring.lock" if scoring else "serving.lock"
    return (resources.files("slipway_serving.build") / name).read_text()


def joined_lock(lock: str, lines: Sequence[str], own_code: bool, work: Path, index: PackageIndex) -> str:
    """The lock for a model with these requirement lines; the serving lock itself where it satisfies them all.

    `own_code` says that the model brings modules of its own, which may import MLflow. Raises BuildFault:
    UnsupportedRequirement, WheelMissing, LockConflict, or transient PackageIndexUnavailable.
    """
    ignored = _IGNORED if own_code else _IGNORED | _MLFLOW
    wanted = [one for one in map(read_requirement, lines) if canonicalize_name(one.name) not in ignored]
    pinned = locked_versions(lock)
    missing = [one for one in wanted if not _satisfied(one, pinned)]
    if not missing:
        return lock
    smaller = [_for_cpu(one) for one in wanted]
    if smaller == wanted:
        return _resolved(lock, wanted, work, index)
    try:
        found = _resolved(lock, smaller, work, index)
    except BuildFault as fault:
        if fault.transient:
            raise
        return _resolved(lock, wanted, work, index)  # there is no such build of this version
    # A dependency may ask for the large one by name: both would write the same files.
    return found if not set(_FOR_CPU) & set(locked_versions(found)) else _resolved(lock, wanted, work, index)


def _for_cpu(requirement: Requirement) -> Requirement:
    smaller = _FOR_CPU.get(canonicalize_name(requirement.name))
    return Requirement(str(requirement).replace(requirement.name, smaller, 1)) if smaller else requirement


def read_requirement(line: str) -> Requirement:
    """One line of a requirements file. Raises BuildFault for options (`-e`), addresses (`git+`), paths and archives."""
    try:
        requirement = Requirement(line.split(" #")[0].strip())
    except InvalidRequirement as error:
        said = f"the model's requirement {line!r} is no name with a version: {error}".splitlines()[0]
        raise BuildFault("lock", "UnsupportedRequirement", f"{said}; {_WHEEL}") from error
    if requirement.url or _ARCHIVE.search(requirement.name):
        kind = "an address" if requirement.url else "a file"
        said = f"the model's requirement {line!r} names {kind}"
        raise BuildFault("lock", "UnsupportedRequirement", f"{said}; {_WHEEL}")
    if canonicalize_name(requirement.name) in _MLFLOW:
        requirement.name, requirement.extras = "mlflow-skinny", set()
    return requirement


def locked_versions(lock: str) -> dict[str, str]:
    """Package → version of the lock's entries that apply to this interpreter."""
    versions: dict[str, str] = {}
    for line in lock.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                versions[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return versions


def _satisfied(requirement: Requirement, pinned: dict[str, str]) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    version = pinned.get(canonicalize_name(requirement.name))
    return version is not None and not requirement.extras and requirement.specifier.contains(version, prereleases=True)


def _resolved(lock: str, wanted: Sequence[Requirement], work: Path, index: PackageIndex) -> str:
    """Lets uv join both: the serving lock's pins are preferences, the model's are demands."""
    own = {canonicalize_name(one.name) for one in wanted}
    demands = [str(one) for one in wanted]
    # Direct needs of the server stay demands unless the model pins the same package.
    scorer = {_SCORER} & set(locked_versions(lock))
    needed = {*_SERVER, *scorer, *(beside for name, beside in _BESIDE.items() if name in own)}
    demands += [f"{name}>=0" for name in sorted(needed - own)]
    source, target = work / "demands.in", work / "joined.txt"
    source.write_text("\n".join(demands) + "\n")
    target.write_text(lock)
    arguments = ["pip", "compile", "-q", str(source), "--output-file", str(target), "--generate-hashes"]
    try:
        run_uv([*arguments, "--no-header", "--no-annotate", "--no-emit-index-url"], work, index)
    except subprocess.CalledProcessError as error:
        raise uv_fault("lock", "LockConflict", error) from error
    return target.read_text()


_UNBUILT = re.compile(r"Wheels are required for `([^`]+)`")
_UNTRUSTED = re.compile(r"invalid peer certificate|UnknownIssuer|certificate verify", re.I)
_DENIED = re.compile(r"\b40[13]\b|unauthorized|forbidden|could not be queried due to a lack of", re.I)
_NETWORK = re.compile(r"error sending request|failed to fetch|connection refused|dns error|timed out|\b50[0-9]\b", re.I)


def uv_fault(step: str, reason: str, error: subprocess.CalledProcessError) -> BuildFault:
    """What uv said, with its last lines, and a reason by its cause; transient where it could not reach its index."""
    said = "\n".join((error.stderr or "").strip().splitlines()[-8:])
    if _UNTRUSTED.search(said):
        return BuildFault(step, "PackageIndexUntrusted", f"{said}\nGive spec.image.packageIndex.caRef")
    if _DENIED.search(said):
        remedy = "Check spec.image.packageIndex.secretRef, its keys username and password"
        return BuildFault(step, "PackageIndexDenied", f"{said}\n{remedy}")
    if _NETWORK.search(said):
        return BuildFault(step, "PackageIndexUnavailable", said, transient=True)
    if unbuilt := _UNBUILT.search(error.stderr or ""):
        remedy = f"{unbuilt[1]} has no wheel for this platform, and source is never built here: {_WHEEL}"
        return BuildFault(step, "WheelMissing", f"{said}\n{remedy}")
    return BuildFault(step, reason, said)
