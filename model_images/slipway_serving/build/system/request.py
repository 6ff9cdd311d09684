"""What shall be added to a base image, and the key that names the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Part of every key: raise it when the same inputs shall give another image.
RECIPE = "1"
# Environment variables: the kubelet names a ConfigMap that is missing in the pod's status.
TEMPLATE, SOURCES = "SLIPWAY_DOCKERFILE", "SLIPWAY_APT_SOURCES"


@dataclass(frozen=True)
class SystemRequest:
    """`packages` are names of apt, `name` or `name=version`; `template` is the text of a Dockerfile template;
    `sources` is the text of a sources.list, empty for the base's own.

    `base` and `result` are folders: the base as `fetch` leaves it, the image as `install` leaves it.
    """

    base: Path
    result: Path
    packages: Sequence[str] = ()
    template: str = ""
    sources: str = ""

    def key(self, base_digest: str) -> str:
        """The tag of the image: the base, what is installed from where, the template. Versions that nobody named are
        those of the day of the first build; afterwards the image is there, and its digest is fixed."""
        inputs = [base_digest, sorted(set(self.packages)), self.template, self.sources, RECIPE]
        return "system-" + hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:20]
