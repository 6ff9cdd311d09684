"""The chart on a real API server: it installs without flags, and an upgrade upgrades its kinds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.controlplane.charted import CHART, NAMESPACE, Release, eventually, rollout

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane

KINDS = ("metrictemplates", "modelrollouts", "modeltasks", "retrainpolicies", "rolloutrequests", "trainingruns")
SECRET_LIMIT = 1024 * 1024


def test_every_kind_is_established(released: Release) -> None:
    def check() -> None:
        for plural in KINDS:
            conditions = released.get("crd", f"{plural}.slipway.dev")["status"]["conditions"]
            states = {each["type"]: each["status"] for each in conditions}
            assert states["Established"] == "True", conditions
            assert states["NamesAccepted"] == "True", conditions

    eventually(check)


def test_the_notes_say_what_is_missing(released: Release) -> None:
    notes = released.helm("get", "notes", "slipway").stdout
    for setting in (
        "prometheus.url",
        "mlflow.url",
        "images.builder",
        "images.base",
        "images.buildah",
        "images.pipelines",
        "registry.default",
    ):
        assert setting in notes
    assert "The operator's image is slipway:0.1.0, which no public registry has" in notes
    assert "no KServe" in notes
    assert "no Gateway API" in notes


def test_an_image_that_was_named_is_not_asked_for(blank: Release) -> None:
    notes = blank.install("--set", "image.repository=registry.example.com/slipway")
    assert "no public registry" not in notes


def test_the_release_fits_its_secret(released: Release) -> None:
    (secret,) = released.get("secret", "-n", NAMESPACE, "-l", "owner=helm")["items"][:1]
    size = len(secret["data"]["release"])
    assert size < SECRET_LIMIT / 2, f"{size} bytes: helm install fails at {SECRET_LIMIT}"


def test_an_upgrade_changes_kinds_and_keeps_the_certificate(blank: Release, tmp_path: Path) -> None:
    blank.install()
    blank.create(rollout("default", "kept"))
    before = blank.get("secret", "slipway-webhook", "-n", NAMESPACE)["data"]
    newer = tmp_path / "slipway"
    shutil.copytree(CHART, newer)
    file = newer / "files" / "crds" / "modelrollouts.yaml"
    file.write_text(file.read_text().replace("    - mr\n", "    - mr\n    - rollout\n", 1))
    notes = blank.upgrade("--set", "prometheus.url=http://prometheus:9090", chart=newer)
    assert "prometheus.url" not in notes
    names = blank.get("crd", "modelrollouts.slipway.dev")["spec"]["names"]["shortNames"]
    assert names == ["mr", "rollout"]
    assert blank.get("modelrollout", "kept")["spec"]["model"]["mlflow"]["version"] == "1"
    assert blank.get("secret", "slipway-webhook", "-n", NAMESPACE)["data"] == before
    assert blank.helm("rollback", "slipway", "1").returncode == 0
    assert blank.get("crd", "modelrollouts.slipway.dev")["spec"]["names"]["shortNames"] == ["mr"]


def test_an_old_certificate_is_made_anew_by_an_upgrade(released: Release) -> None:
    secret = ("secret", "slipway-webhook", "-n", NAMESPACE)
    before = released.get(*secret)["data"]
    released.kubectl("annotate", *secret, "slipway.dev/renew-after=1", "--overwrite")
    released.upgrade()
    after = released.get(*secret)["data"]
    assert after["tls.crt"] != before["tls.crt"]
    (webhook,) = released.get("validatingwebhookconfiguration", "slipway")["webhooks"]
    assert webhook["clientConfig"]["caBundle"] == after["ca.crt"]


def test_a_second_release_is_refused(released: Release) -> None:
    second = released.helm("install", "second", str(CHART))
    assert second.returncode != 0
    assert "cannot be imported into the current release" in second.stderr
