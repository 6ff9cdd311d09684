"""Images without a container engine: deterministic layers and a client of the OCI Distribution API.

Depends on the standard library and requests only, since the builder's pod, the tests' cluster and a laptop use it.
"""

from slipway_oci.authorization import Credentials, credentials_from_docker_config
from slipway_oci.errors import (
    DigestMismatch,
    ImageNotFound,
    InvalidReference,
    OciError,
    RegistryDenied,
    RegistryRefused,
    RegistryUnavailable,
    UnsupportedImage,
)
from slipway_oci.images import ImageConfig, append_layers, image_from_layers, resolve_platform
from slipway_oci.layers import Layer, layer_from_tree
from slipway_oci.reference import ImageReference
from slipway_oci.registry import Manifest, Registry

__all__ = [
    "Credentials",
    "DigestMismatch",
    "ImageConfig",
    "ImageNotFound",
    "ImageReference",
    "InvalidReference",
    "Layer",
    "Manifest",
    "OciError",
    "Registry",
    "RegistryDenied",
    "RegistryRefused",
    "RegistryUnavailable",
    "UnsupportedImage",
    "append_layers",
    "credentials_from_docker_config",
    "image_from_layers",
    "layer_from_tree",
    "resolve_platform",
]
