"""What a build is asked to do: the command's arguments."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway_oci import Credentials, ImageReference, Registry, credentials_from_docker_config


@dataclass(frozen=True)
class BuildRequest:
    """One build. `repository` is where the model's image goes, `dependencies` where the images go that models of one
    lock share (rollouts with repositories of their own share them where an administrator names one for all); `index`
    are uv's words for a package index.

    `digest` is empty for a model that nobody evaluated: its files are then taken as they are, and reported.
    """

    model_uri: str
    digest: str
    repository: ImageReference
    dependencies: ImageReference
    base: ImageReference
    tracking_uri: str
    work: Path
    plain_http: bool = False
    ca: Path | None = None
    docker_config: Path | None = None
    index: tuple[str, ...] = ()

    def registry(self, image: ImageReference) -> Registry:
        """A client of the registry of `image`; plain HTTP is for the repository's registry only."""
        auth: Credentials | None = None
        if self.docker_config and self.docker_config.exists():
            auth = credentials_from_docker_config(self.docker_config, image.host)
        plain = self.plain_http and image.host == self.repository.host
        return Registry(image.host, plain_http=plain, auth=auth, ca=self.ca)


def read_request(arguments: Sequence[str], work: Path) -> BuildRequest:
    """Parses the command's arguments; exits with 2 and a message where they are wrong. Raises InvalidReference."""
    parser = argparse.ArgumentParser("slipway_serving.build", description="Builds the image of one model version.")
    parser.add_argument("--model-uri", required=True, help="models:/NAME/VERSION")
    parser.add_argument("--expect-digest", default="", help="sha256:… of the model directory that was evaluated")
    parser.add_argument("--repository", required=True, help="HOST/REPOSITORY that images are pushed to")
    parser.add_argument("--dependency-repository", help="HOST/REPOSITORY of the shared dependencies; else the same one")
    parser.add_argument("--base-image", required=True, help="image with Python, best by digest")
    parser.add_argument("--tracking-uri", default=os.environ.get("MLFLOW_TRACKING_URI"), help="URL of MLflow")
    parser.add_argument("--plain-http", action="store_true", help="the repository's registry speaks plain HTTP")
    parser.add_argument("--package-index", help="URL of the Python package index")
    parser.add_argument("--ca", type=Path, help="PEM file of the registry's certificate authority")
    parser.add_argument("--docker-config", type=Path, help="config.json with the registry's credentials")
    parsed = parser.parse_args(arguments)
    if not parsed.tracking_uri:
        parser.error("give --tracking-uri or set MLFLOW_TRACKING_URI")
    return BuildRequest(
        model_uri=parsed.model_uri,
        digest=parsed.expect_digest,
        repository=ImageReference.parse(parsed.repository),
        dependencies=ImageReference.parse(parsed.dependency_repository or parsed.repository),
        base=ImageReference.parse(parsed.base_image),
        tracking_uri=parsed.tracking_uri,
        work=work,
        plain_http=parsed.plain_http,
        ca=parsed.ca,
        docker_config=parsed.docker_config,
        index=("--default-index", parsed.package_index) if parsed.package_index else (),
    )
