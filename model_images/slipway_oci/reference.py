"""Names of images: `[host[:port]/]repository[:tag][@digest]`.

The grammar is the one of the OCI Distribution Specification 1.1, "Pulling manifests". A name without a host is one of
Docker Hub, as Kubernetes reads it, and is written with its host from here on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slipway_oci.errors import InvalidReference
from slipway_oci.hub import HUB

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class ImageReference:
    """One image of one registry; at least one of `tag` and `digest` where a manifest is meant."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Reads `[host/]repository[:tag][@sha256:…]`. Raises InvalidReference naming the part that is wrong."""
        name, _, digest = text.partition("@")
        host, slash, path = name.partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            host, path = HUB, name
        repository, _, tag = path.partition(":")
        if host == HUB and repository and "/" not in repository:
            repository = f"library/{repository}"
        for part, pattern, value in (("repository", _REPOSITORY, repository), ("tag", _TAG, tag or "x")):
            if not pattern.fullmatch(value):
                raise InvalidReference(f"{text!r} has an illegal {part} {value!r}", f"It must match {pattern.pattern}")
        if "@" in text and not _DIGEST.fullmatch(digest):
            raise InvalidReference(f"{text!r} has an illegal digest {digest!r}", "It is sha256: and 64 hex digits")
        return cls(host, repository, tag, digest)

    @property
    def identifier(self) -> str:
        """What the registry's manifest URL ends with: the digest where there is one, else the tag."""
        return self.digest or self.tag or "latest"

    def at(self, digest: str) -> ImageReference:
        """The same repository, pinned to `digest`, without a tag."""
        return ImageReference(self.host, self.repository, "", digest)

    def tagged(self, tag: str) -> ImageReference:
        """The same repository by `tag`."""
        return ImageReference(self.host, self.repository, tag)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.host}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")
