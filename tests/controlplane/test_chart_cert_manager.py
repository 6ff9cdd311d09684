"""The chart with cert-manager: an API server that has its kinds takes what the chart asks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.errors import ClusterError
from tests.controlplane.charted import CHART, NAMESPACE, Release
from tests.unit.chart.rendering import KUBERNETES

pytest_plugins = ("tests.controlplane.chart_fixtures",)
pytestmark = pytest.mark.controlplane

KINDS = Path(__file__).parent / "cert_manager.yaml"
ENABLED = ("--set", "webhook.certManager.enabled=true")
CORPORATE = ("webhook.certManager.issuerRef.name=corp", "webhook.certManager.issuerRef.kind=ClusterIssuer")


@pytest.fixture
def with_cert_manager(blank: Release) -> Release:
    blank.kubectl("apply", "-f", str(KINDS))
    blank.plane.kubectl.await_kinds("certificates.cert-manager.io", "issuers.cert-manager.io")
    blank.kubectl("create", "namespace", NAMESPACE)
    return blank


def rendered(release: Release, *flags: str) -> list[dict[str, Any]]:
    """What the chart has for cert-manager."""
    done = release.helm("template", "slipway", str(CHART), "--kube-version", KUBERNETES, *ENABLED, *flags)
    assert done.returncode == 0, done.stderr
    manifests = [each for each in yaml.safe_load_all(done.stdout) if each]
    return [each for each in manifests if each["apiVersion"].startswith("cert-manager.io/")]


def create(release: Release, *manifests: dict[str, Any]) -> str:
    """Checked by the API server under strict field validation, and not kept."""
    strict = ("--dry-run=server", "--validate=strict")
    return release.kubectl("create", *strict, "-f", "-", stdin=yaml.safe_dump_all(manifests))


def test_certificate_and_issuer_are_accepted_under_strict_validation(with_cert_manager: Release) -> None:
    certificate, issuer = sorted(rendered(with_cert_manager), key=lambda each: str(each["kind"]))
    said = create(with_cert_manager, certificate, issuer)
    assert "certificate.cert-manager.io/slipway-webhook created" in said
    assert "issuer.cert-manager.io/slipway-webhook created" in said
    corporate = rendered(with_cert_manager, *(flag for each in CORPORATE for flag in ("--set", each)))
    assert [each["kind"] for each in corporate] == ["Certificate"]
    assert "created" in create(with_cert_manager, *corporate)
    for field, wrong in (("dnsName", ["x"]), ("usages", ["server authentication"]), ("issuerRef", {"kind": "Issuer"})):
        spoilt = {**certificate, "spec": {**certificate["spec"], field: wrong}}
        with pytest.raises(ClusterError, match=field):
            create(with_cert_manager, spoilt)


def test_it_installs_with_them(with_cert_manager: Release) -> None:
    notes = with_cert_manager.install(*ENABLED)
    assert "has no cert-manager" not in notes
    certificate = with_cert_manager.get("certificate", "slipway-webhook", "-n", NAMESPACE)["spec"]
    (issuer,) = with_cert_manager.get("issuer", "-n", NAMESPACE)["items"]
    assert certificate["issuerRef"]["name"] == issuer["metadata"]["name"]
    ours = with_cert_manager.get("secret", "-n", NAMESPACE, "-l", "app.kubernetes.io/part-of=slipway")["items"]
    assert "slipway-webhook" not in [each["metadata"]["name"] for each in ours]
