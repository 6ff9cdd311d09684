"""Images without a container engine: deterministic layers and a client of the OCI Distribution API.

Depends on the standard library and requests only, since the builder's pod, the tests' cluster and a laptop use it.
"""

from slipway_oci.authorization import Credentials, credentials_from_docker_config
from slipway_oci.contents import read_files
from slipway_oci.errors import (
    DigestMismatch,
    ImageNotFound,
    InvalidCredentials,
    InvalidReference,
    OciError,
    RegistryDenied,
    RegistryHostUnknown,
    RegistryRefused,
    RegistryUnavailable,
    RegistryUntrusted,
    UnsupportedImage,
)
from slipway_oci.image_layout import LayoutImage, read_layout, write_layout
from slipway_oci.images import ImageConfig, append_layers, image_from_layers, resolve_platform
from slipway_oci.layers import Layer, layer_from_tree
from slipway_oci.login import docker_login
from slipway_oci.reference import ImageReference
from slipway_oci.referrers import attach, attached
from slipway_oci.registry import Manifest, Registry, canonical_json, sha256_digest
from slipway_oci.repack import repack
from slipway_oci.trust import trust_bundle

__all__ = [
    "Credentials",
    "DigestMismatch",
    "ImageConfig",
    "ImageNotFound",
    "ImageReference",
    "InvalidCredentials",
    "InvalidReference",
    "Layer",
    "LayoutImage",
    "Manifest",
    "OciError",
    "Registry",
    "RegistryDenied",
    "RegistryHostUnknown",
    "RegistryRefused",
    "RegistryUnavailable",
    "RegistryUntrusted",
    "UnsupportedImage",
    "append_layers",
    "attach",
    "attached",
    "canonical_json",
    "credentials_from_docker_config",
    "docker_login",
    "image_from_layers",
    "layer_from_tree",
    "read_files",
    "read_layout",
    "repack",
    "resolve_platform",
    "sha256_digest",
    "trust_bundle",
    "write_layout",
]
