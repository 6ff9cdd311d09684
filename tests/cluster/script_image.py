"""An image whose program is one Python file, on an image that has what it imports."""

from __future__ import annotations

import tempfile
from pathlib import Path

from slipway_oci import ImageConfig, ImageReference, Registry, append_layers, layer_from_tree

from tests.cluster.environment import Environment
from tests.cluster.places import Places

_PLACE = "opt/script"


def script_image(name: str, source: str, base: str) -> str:
    """The pinned reference of `base` with `source` as its program, pushed to the cluster's registry.

    Needs a cluster that is up. Raises OciError.
    """
    environment = Environment.load(Places.of_environment().environment)
    registry = Registry(environment.registry_host, plain_http=environment.registry_plain_http)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        (tree / "main.py").write_text(source)
        layer = layer_from_tree(tree, _PLACE, Path(folder) / "layer", created_by="slipway test")
        target = ImageReference(environment.registry, f"slipway/script-{name}", "1")
        config = ImageConfig(entrypoint=("python3", f"/{_PLACE}/main.py"))
        digest = append_layers(registry, ImageReference.parse(base), target, [layer], config)
    return str(target.at(digest))
