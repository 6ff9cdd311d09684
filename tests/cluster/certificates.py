"""A certificate authority of the cluster's own, and what it signs. ECDSA: making all of them takes milliseconds."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Identity:
    """Whom a certificate names: `organizations` become Kubernetes groups; `names` are DNS names and addresses."""

    file: str
    common_name: str
    organizations: Sequence[str] = ()
    names: Sequence[str] = ()


class Authority:
    """Lies in a directory as `ca.crt` and `ca.key`; signs into the same directory, once per identity."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate = directory / "ca.crt"
        if not (self.certificate.exists() and (directory / "ca.key").exists()):
            self._make()
        self._key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
        self._issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("slipway-cluster-ca")
        builder = _builder(name, name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_authority_usage(), critical=True)
        subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(subject, critical=False)
        _write(self._directory / "ca.key", _private(key))
        _write(self.certificate, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, identity: Identity) -> tuple[Path, Path]:
        """Certificate and key of `identity`, for both ends of TLS; made where they are missing."""
        certificate = self._directory / f"{identity.file}.crt"
        private = self._directory / f"{identity.file}.key"
        if certificate.exists() and private.exists():
            return certificate, private
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(identity.common_name, identity.organizations), self._issuer.subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usages, critical=False)
        if identity.names:
            alternatives = x509.SubjectAlternativeName([_alternative(name) for name in identity.names])
            builder = builder.add_extension(alternatives, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())  # type: ignore[arg-type]
        _write(private, _private(key))
        _write(certificate, signed.public_bytes(serialization.Encoding.PEM))
        return certificate, private


def signing_key(directory: Path) -> tuple[Path, Path]:
    """The pair with which service account tokens are signed: private and public file."""
    private, public = directory / "sa.key", directory / "sa.pub"
    if not (private.exists() and public.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = serialization.PublicFormat.SubjectPublicKeyInfo
        _write(private, _private(key))
        _write(public, key.public_key().public_bytes(serialization.Encoding.PEM, subject))
    return private, public


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _name(common_name: str, organizations: Sequence[str] = ()) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and for root only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.rename(path)
