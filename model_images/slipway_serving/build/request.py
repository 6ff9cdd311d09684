"""What a build is asked to do: the command's arguments, and in its environment what is secret."""

from __future__ import annotations

import argparse
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from slipway_oci import Credentials, ImageReference, Registry, credentials_from_docker_config, trust_bundle

from slipway_serving.build.installer import PackageIndex
from slipway_serving.build.system.request import SOURCES, TEMPLATE, SystemRequest

# Environment variables, and not files: the kubelet then says in the pod's status which Secret or key is missing.
DOCKER_CONFIG = "SLIPWAY_DOCKER_CONFIG"
INDEX_USERNAME, INDEX_PASSWORD = "SLIPWAY_INDEX_USERNAME", "SLIPWAY_INDEX_PASSWORD"
TRACKING_LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
AUTHORITIES = ("SLIPWAY_REGISTRY_CA", "SLIPWAY_INDEX_CA")


@dataclass(frozen=True)
class BuildRequest:
    """One build. `repository` is where the model's image goes, `dependencies` where the images go that models of one
    lock share (rollouts with repositories of their own share them where an administrator names one for all).

    `digest` is empty for a model that nobody evaluated: its files are then taken as they are, and reported.
    `plain_http` are hosts of registries that speak no TLS; `ca` is a PEM file of all trusted authorities;
    `docker_config` is the text of a Docker config.json, `tracking_login` MLflow's user and password. `system` says
    what is added to the base before all else.
    """

    model_uri: str
    digest: str
    repository: ImageReference
    dependencies: ImageReference
    base: ImageReference
    tracking_uri: str
    work: Path
    plain_http: tuple[str, ...] = ()
    scoring: bool = False
    ca: Path | None = None
    docker_config: str = field(default="", repr=False)
    tracking_login: tuple[str, str] | None = field(default=None, repr=False)
    index: PackageIndex = field(default_factory=PackageIndex)
    system: SystemRequest | None = None

    def registry(self, image: ImageReference) -> Registry:
        """A client of the registry of `image`. Raises InvalidCredentials."""
        auth: Credentials | None = None
        if self.docker_config:
            auth = credentials_from_docker_config(self.docker_config, image.host)
        return Registry(image.host, plain_http=image.host in self.plain_http, auth=auth, ca=self.ca)


def read_request(arguments: Sequence[str], work: Path, environment: MutableMapping[str, str]) -> BuildRequest:
    """Parses the command's arguments; exits with 2 and a message where they are wrong. Raises InvalidReference.

    What is secret is taken out of `environment`, so that no process that this one starts inherits it.
    """
    parsed = _parser().parse_args(arguments)
    tracking_uri = parsed.tracking_uri or environment.get("MLFLOW_TRACKING_URI", "")
    if not tracking_uri:
        _parser().error("give --tracking-uri or set MLFLOW_TRACKING_URI")
    private = [text for name in AUTHORITIES if (text := environment.pop(name, ""))]
    ca = trust_bundle(work / "authorities.pem", private) if private else None
    user, secret = (environment.pop(name, "") for name in TRACKING_LOGIN)
    username, password = environment.pop(INDEX_USERNAME, ""), environment.pop(INDEX_PASSWORD, "")
    return BuildRequest(
        model_uri=parsed.model_uri,
        digest=parsed.expect_digest,
        repository=ImageReference.parse(parsed.repository),
        dependencies=ImageReference.parse(parsed.dependency_repository or parsed.repository),
        base=ImageReference.parse(parsed.base_image),
        tracking_uri=tracking_uri,
        work=work,
        plain_http=tuple(parsed.plain_http),
        scoring=parsed.scoring,
        ca=ca,
        docker_config=environment.pop(DOCKER_CONFIG, ""),
        tracking_login=(user, secret) if user and secret else None,
        index=PackageIndex(parsed.package_index, username, password, ca),
        system=_system(parsed, environment.get(TEMPLATE, ""), environment.get(SOURCES, "")),
    )


def _system(parsed: argparse.Namespace, template: str, sources: str) -> SystemRequest | None:
    if not (parsed.system_base and parsed.system_result):
        return None
    return SystemRequest(parsed.system_base, parsed.system_result, tuple(parsed.system_package), template, sources)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("slipway_serving.build", description="Builds the image of one model.")
    parser.add_argument("--model-uri", required=True, help="models:/NAME/VERSION or runs:/RUN/PATH")
    parser.add_argument("--expect-digest", default="", help="sha256:… of the model directory that was evaluated")
    parser.add_argument("--repository", required=True, help="HOST/REPOSITORY that images are pushed to")
    parser.add_argument("--dependency-repository", help="HOST/REPOSITORY of the shared dependencies; else the same one")
    parser.add_argument("--base-image", required=True, help="image with Python, best by digest")
    parser.add_argument("--tracking-uri", help="URL of MLflow; else MLFLOW_TRACKING_URI")
    parser.add_argument("--plain-http", action="append", default=[], metavar="HOST", help="a registry without TLS")
    parser.add_argument("--scoring", action="store_true", help="the image is to score batches as well")
    parser.add_argument("--package-index", default="", type=_address, help="URL of the Python package index")
    parser.add_argument("--system-base", type=Path, metavar="FOLDER", help="the base image, for packages of the system")
    parser.add_argument("--system-result", type=Path, metavar="FOLDER", help="the image with packages of the system")
    parser.add_argument("--system-package", action="append", default=[], metavar="NAME", help="a package to install")
    return parser


def _address(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("http", "https") or "@" in urlsplit(text).netloc):
        raise argparse.ArgumentTypeError("must be http:// or https://, without credentials")
    return text
