"""The chart's files, without helm."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import yaml
from slipway import __version__, uninstall
from slipway.api import crds

from tests.unit.chart.rendering import CHART, ROOT


def test_the_kinds_in_the_chart_are_the_generated_ones() -> None:
    generated = {path.name: path.read_bytes() for path in (ROOT / "crds").glob("*.yaml")}
    shipped = {path.name: path.read_bytes() for path in (CHART / "files" / "crds").glob("*.yaml")}
    assert shipped == generated, "run `make crds`"
    assert not crds.stale(CHART / "files" / "crds"), "run `make crds`"


def test_the_versions_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
    assert chart["version"] == __version__


def test_helm_has_no_crds_directory_that_it_would_never_upgrade() -> None:
    assert not (CHART / "crds").exists()


def paths(value: Any, at: str = "") -> set[str]:
    """Every place in the values down to scalars, lists and empty maps."""
    if not isinstance(value, dict) or not value:
        return {at}
    return {path for key, each in value.items() for path in paths(each, f"{at}.{key}" if at else key)}


def test_the_schema_knows_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    for path in paths(yaml.safe_load((CHART / "values.yaml").read_text())):
        place = schema
        for part in path.split("."):
            if "properties" not in place:  # free form from here, such as resources.requests
                break
            assert part in place["properties"], path
            place = place["properties"][part]


def test_every_value_is_explained() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    obvious = {"nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName", "resources"}
    obvious |= {"serviceAccount", "podAnnotations", "nameOverride", "fullnameOverride"}
    for number, line in enumerate(lines):
        if line[:1].isalpha() and line.split(":")[0] not in obvious:
            around = lines[number - 1], lines[number + 1]
            assert any(each.strip().startswith("#") for each in around), line


def messages(path: Path) -> set[str]:
    """The texts that a module may say: its strings, those between the holes of f-strings among them; no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    }


def test_every_setting_that_a_message_names_is_a_value_of_the_chart() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    known = paths(values)
    sections = "|".join(key for key, value in values.items() if isinstance(value, dict) and value)
    setting = re.compile(rf"(?<![\w./-])(?!registry\.example\b)(?:{sections})\.[A-Za-z]\w*(?:\.[A-Za-z]\w*)*(?![\w/])")
    named = {
        each for path in (ROOT / "operator").rglob("*.py") for text in messages(path) for each in setting.findall(text)
    }
    assert {"prometheus.url", "mlflow.url", "images.builder", "images.base", "registry.default"} <= named
    assert named <= known


def test_what_a_condition_asks_for_stands_in_the_notes() -> None:
    notes = (CHART / "templates" / "NOTES.txt").read_text()
    asked = {
        name.split(" ")[0]
        for path in ("core/rollout/building.py", "core/training.py", "adapters/prometheus.py", "adapters/mlflow.py")
        for text in messages(ROOT / "operator" / "slipway" / path)
        for name in re.findall(r"\b(?:prometheus|mlflow|images|registry)\.[a-z]+", text)
    }
    asked.remove("mlflow.secret")  # of a server that asks for a login, which most do not
    assert len(asked) == 7, asked
    for name in asked:
        assert f"if not .Values.{name} }}}}" in notes, name


def test_the_seccomp_profile_leaves_buildah_what_it_needs_and_denies_what_reaches_the_kernel() -> None:
    profile = json.loads((CHART / "files" / "seccomp" / "slipway-buildah.json").read_text())
    (rule,) = profile["syscalls"]
    assert (profile["defaultAction"], rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", 1)
    denied = set(rule["names"])
    assert {"bpf", "init_module", "kexec_load", "keyctl", "perf_event_open", "userfaultfd", "io_uring_setup"} <= denied
    assert not {"unshare", "mount", "umount2", "pivot_root", "chroot", "sethostname", "clone", "clone3"} & denied


def test_an_uninstall_gets_the_time_that_its_steps_may_take() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    least = schema["properties"]["uninstall"]["properties"]["timeoutSeconds"]["minimum"]
    waits = uninstall.arguments(["--namespace=x", "--deployment=x", "--selector=x"])
    assert least >= waits.deletions + waits.stop + 30, "to pull the image, and to release what is held"
