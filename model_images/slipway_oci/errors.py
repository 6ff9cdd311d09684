"""What can go wrong between us and a registry, each with what a person can do about it."""

from __future__ import annotations


class OciError(Exception):
    """Base of all faults of this package; the message says what happened, `remedy` what to do.

    `transient` is True where the same call may succeed later without anybody changing anything.
    """

    transient = False

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}. {remedy}" if remedy else message)
        self.remedy = remedy

    @property
    def reason(self) -> str:
        """The CamelCase word for a condition's reason."""
        return type(self).__name__


class InvalidReference(OciError):
    """A text that names no image."""


class RegistryUnavailable(OciError):
    """No answer, an answer of the 5xx class, or too many requests."""

    transient = True


class RegistryHostUnknown(RegistryUnavailable):
    """No name server knows the registry's host. Transient, since a cluster's name server may be starting."""


class RegistryUntrusted(OciError):
    """The registry's certificate is signed by nobody that we trust, or it speaks no TLS."""


class InvalidCredentials(OciError):
    """A Docker `config.json` that cannot be read."""


class RegistryDenied(OciError):
    """401 or 403: credentials absent, wrong, or not entitled."""


class ImageNotFound(OciError):
    """The registry answers, but has no such manifest or blob."""


class DigestMismatch(OciError):
    """Bytes that are not what their digest says."""


class RegistryRefused(OciError):
    """Another 4xx: the registry does not accept what we sent."""


class UnsupportedImage(OciError):
    """A manifest that we cannot build upon (platform or media type)."""
