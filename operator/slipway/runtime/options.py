"""The command line and its environment variables."""

from __future__ import annotations

import argparse
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

from slipway.core.desired.key_of import MLFLOW_LOGIN
from slipway.core.desired.network_policy import read_reachable
from slipway.runtime.lease import Durations
from slipway.runtime.world import Settings


@dataclass(frozen=True)
class Options:
    """How one process runs; what decisions need of it is in `settings`. Times in seconds."""

    settings: Settings = field(default_factory=Settings)
    namespaces: tuple[str, ...] = ()
    lease_namespace: str = "slipway-system"
    identity: str = ""
    digest_key: str = "slipway-digest-key"
    metric_secrets: tuple[str, ...] = ()
    outbound_allow: tuple[str, ...] = ()
    outbound_deny: tuple[str, ...] = ()
    durations: Durations = field(default_factory=Durations)
    workers: int = 4
    resync: float = 300.0
    port: int = 8081
    log_level: str = "INFO"
    json_logs: bool = False
    webhook_cert: str = ""
    webhook_key: str = ""
    webhook_port: int = 9443
    mlflow_login: tuple[str, str] | None = field(default=None, repr=False)


_FLAGS: tuple[tuple[str, str, str], ...] = (
    ("prometheus", "", "address of Prometheus, e.g. http://prometheus.monitoring:9090"),
    ("mlflow", "", "address of the MLflow tracking server"),
    ("mlflow-secret", "", "Secret with username and password of MLflow, in the namespace of each Job; empty: none"),
    ("builder-image", "", "image of the builder of model images"),
    ("buildah-image", "", "image of the builder with Buildah, for packages of the system"),
    ("buildah-seccomp-profile", "", "seccomp profile of nodes for Buildah's pods; empty: Unconfined"),
    ("pipelines-image", "", "image of training and evaluation Jobs"),
    ("base-image", "", "image that model images are built upon"),
    ("registry", "", "repository prefix under which model images are pushed"),
    ("registry-plain-http", "false", "whether that registry speaks HTTP without TLS: true or false"),
    ("serving-egress", "", "JSON {egress, storePorts}: what served pods may reach; empty: no NetworkPolicies are made"),
    ("read-secrets", "true", "whether Secrets that predictors name may be read: true or false"),
    ("digest-key", "slipway-digest-key", "Secret of the operator's namespace with the key of digests"),
    ("metric-secrets", "", "Secrets of the operator's namespace that MetricTemplates may name, separated by commas"),
    ("outbound-allow", "", "networks that hooks and notifications may reach although it is this machine or the like"),
    ("outbound-deny", "", "networks that hooks and notifications may not reach, separated by commas"),
    ("namespaces", "", "namespaces to watch, separated by commas; empty: all"),
    ("lease-namespace", "slipway-system", "namespace of the operator and its Lease"),
    ("lease-duration", "15", "seconds after which another may take over a lease that is not renewed"),
    ("lease-renew-deadline", "10", "seconds after which a leader that cannot renew ends itself"),
    ("lease-retry", "2", "seconds between two attempts to acquire or renew"),
    ("identity", "", "name of this process in the Lease; empty: host name and a random part"),
    ("workers", "4", "objects handled at once"),
    ("resync", "300", "seconds until a quiet object is decided again"),
    ("port", "8081", "port of /healthz, /readyz and /metrics"),
    ("log-level", "INFO", "DEBUG, INFO, WARNING or ERROR"),
    ("log-format", "text", "text or json"),
    ("webhook-cert", "", "certificate file of the admission webhooks; empty: no webhooks are served"),
    ("webhook-key", "", "key file of the admission webhooks"),
    ("webhook-port", "9443", "port of the admission webhooks"),
)


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Flags win over environment variables (SLIPWAY_…); a wrong value ends the process with a message."""
    parser = argparse.ArgumentParser(prog="python -m slipway", description="The Slipway operator.")
    for flag, default, text in _FLAGS:
        variable = "SLIPWAY_" + flag.upper().replace("-", "_")
        value = environment.get(variable, "") or default
        parser.add_argument(
            f"--{flag}", default=value, metavar="VALUE", help=f"{text} [{variable}, default: {default!r}]"
        )
    given = parser.parse_args(arguments)
    try:
        return replace(_options(given), mlflow_login=_login(environment))
    except ValueError as error:
        parser.error(str(error))


def _options(given: argparse.Namespace) -> Options:
    if given.log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError(f"--log-level {given.log_level}: DEBUG, INFO, WARNING or ERROR")
    if given.log_format not in ("text", "json"):
        raise ValueError(f"--log-format {given.log_format}: text or json")
    if bool(given.webhook_cert) != bool(given.webhook_key):
        raise ValueError("--webhook-cert and --webhook-key belong together")
    return Options(
        settings=_settings(given),
        namespaces=tuple(sorted({name.strip() for name in given.namespaces.split(",") if name.strip()})),
        lease_namespace=given.lease_namespace,
        identity=given.identity or f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}",
        digest_key=given.digest_key,
        metric_secrets=tuple(name.strip() for name in given.metric_secrets.split(",") if name.strip()),
        outbound_allow=_networks("--outbound-allow", given.outbound_allow),
        outbound_deny=_networks("--outbound-deny", given.outbound_deny),
        durations=Durations(float(given.lease_duration), float(given.lease_renew_deadline), float(given.lease_retry)),
        workers=max(1, int(given.workers)),
        resync=float(given.resync),
        port=int(given.port),
        log_level=given.log_level.upper(),
        json_logs=given.log_format == "json",
        webhook_cert=given.webhook_cert,
        webhook_key=given.webhook_key,
        webhook_port=int(given.webhook_port),
    )


def _login(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The process's own user and password of MLflow: never flags, which everybody on the machine can read."""
    username, password = (environment.get(variable, "") for variable, _ in MLFLOW_LOGIN)
    return (username, password) if username and password else None


def _networks(flag: str, text: str) -> tuple[str, ...]:
    """Checked here, so that a wrong one ends the process before it leads."""
    found = tuple(each.strip() for each in text.split(",") if each.strip())
    for each in found:
        try:
            ip_network(each, strict=False)
        except ValueError as error:
            raise ValueError(f"{flag}: {error}") from None
    return found


def _settings(given: argparse.Namespace) -> Settings:
    plain, secrets = given.registry_plain_http.lower(), given.read_secrets.lower()
    if plain not in ("true", "false"):
        raise ValueError(f"--registry-plain-http {plain}: true or false")
    if secrets not in ("true", "false"):
        raise ValueError(f"--read-secrets {secrets}: true or false")
    try:
        read_reachable(given.serving_egress)
    except ValueError as error:
        raise ValueError(f"--serving-egress: {error}") from None
    return Settings(
        prometheus=given.prometheus,
        mlflow=given.mlflow,
        mlflow_secret=given.mlflow_secret,
        builder_image=given.builder_image,
        buildah_image=given.buildah_image,
        buildah_seccomp_profile=given.buildah_seccomp_profile,
        pipelines_image=given.pipelines_image,
        base_image=given.base_image,
        registry=given.registry,
        registry_plain_http=plain == "true",
        namespace=given.lease_namespace,
        serving_egress=given.serving_egress,
        read_secrets=secrets == "true",
    )
