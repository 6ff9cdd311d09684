"""Certificates of the admission webhooks: made by Helm, or by cert-manager.

That its kinds take what the chart asks of them tests/controlplane/test_chart_cert_manager.py tells, on an API server.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from slipway import admission

from tests.unit.chart.rendering import Manifest, named, of_kind, render

HOST = "slipway-webhook.slipway-system.svc"
WITH_CERT_MANAGER = "webhook.certManager.enabled=true"


def decoded(secret: Manifest, key: str) -> bytes:
    """One entry of a Secret."""
    return base64.b64decode(secret["data"][key])


def test_helm_makes_a_certificate_that_the_api_server_accepts() -> None:
    manifests = render()
    secret = named(manifests, "Secret", "slipway-webhook")
    authority = x509.load_pem_x509_certificate(decoded(secret, "ca.crt"))
    certificate = x509.load_pem_x509_certificate(decoded(secret, "tls.crt"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert HOST in names.get_values_for_type(x509.DNSName)
    certificate.verify_directly_issued_by(authority)
    key = load_pem_private_key(decoded(secret, "tls.key"), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(b"x", padding.PKCS1v15(), certificate.signature_hash_algorithm or _no_hash())
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(signature, b"x", padding.PKCS1v15(), certificate.signature_hash_algorithm or _no_hash())
    assert certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=1800)


def _no_hash() -> None:
    raise AssertionError("the certificate has no hash algorithm")


def test_the_configuration_trusts_that_authority_and_fails_open() -> None:
    manifests = render()
    (webhook,) = of_kind(manifests, "ValidatingWebhookConfiguration")[0]["webhooks"]
    assert webhook["clientConfig"]["caBundle"] == named(manifests, "Secret", "slipway-webhook")["data"]["ca.crt"]
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["timeoutSeconds"] == 5
    assert webhook["sideEffects"] == "None"
    service = named(manifests, "Service", webhook["clientConfig"]["service"]["name"])
    pod = named(manifests, "Deployment", "slipway")["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    ports = {each["name"] for each in pod["spec"]["containers"][0]["ports"]}
    assert service["spec"]["ports"][0]["targetPort"] in ports


def test_the_authority_cannot_sign_again() -> None:
    secret = named(render(), "Secret", "slipway-webhook")
    assert set(secret["data"]) == {"ca.crt", "tls.crt", "tls.key"}
    assert int(secret["metadata"]["annotations"]["slipway.dev/renew-after"]) > datetime.now(UTC).timestamp()


def test_cert_manager_makes_it_instead() -> None:
    manifests = render(WITH_CERT_MANAGER)
    assert "slipway-webhook" not in [each["metadata"]["name"] for each in of_kind(manifests, "Secret")]
    certificate = of_kind(manifests, "Certificate")[0]["spec"]
    assert "server auth" in certificate["usages"]
    assert certificate["privateKey"] == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}
    assert HOST in certificate["dnsNames"]
    assert certificate["issuerRef"] == {"group": "cert-manager.io", "kind": "Issuer", "name": "slipway-webhook"}
    assert of_kind(manifests, "Issuer")[0]["spec"] == {"selfSigned": {}}
    configuration = of_kind(manifests, "ValidatingWebhookConfiguration")[0]
    injected = configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
    assert injected == "slipway-system/slipway-webhook"
    assert "caBundle" not in configuration["webhooks"][0]["clientConfig"]
    volumes = named(manifests, "Deployment", "slipway")["spec"]["template"]["spec"]["volumes"]
    assert {"secretName": certificate["secretName"], "defaultMode": 0o440} in [each.get("secret") for each in volumes]


def test_an_issuer_of_ones_own() -> None:
    name, kind = "webhook.certManager.issuerRef.name=corp", "webhook.certManager.issuerRef.kind=ClusterIssuer"
    manifests = render(WITH_CERT_MANAGER, name, kind)
    assert not of_kind(manifests, "Issuer")
    reference = of_kind(manifests, "Certificate")[0]["spec"]["issuerRef"]
    assert reference == {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "corp"}


def test_without_webhooks_nothing_of_them_is_left() -> None:
    manifests = render("webhook.enabled=false")
    for kind in ("Service", "ValidatingWebhookConfiguration", "Certificate"):
        assert not of_kind(manifests, kind)
    assert [each["metadata"]["name"] for each in of_kind(manifests, "Secret")] == ["slipway-digest-key"]
    pod = named(manifests, "Deployment", "slipway")["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["volumes"]] == ["tmp"]
    assert not [each for each in pod["containers"][0]["env"] if "WEBHOOK" in each["name"]]


def test_the_configuration_sends_what_the_operator_checks() -> None:
    (webhook,) = of_kind(render(), "ValidatingWebhookConfiguration")[0]["webhooks"]
    assert webhook["rules"] == [
        {
            "apiGroups": ["slipway.dev"],
            "apiVersions": ["v1alpha1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": list(admission.PLURALS),
        }
    ]
    assert webhook["clientConfig"]["service"]["path"] == f"/{admission.HANDLER}"
