"""Whether a request means the model that this pod serves."""

from __future__ import annotations

from slipway_serving.service.settings import Settings
from slipway_serving.service.values import InvalidInput, shown


def check_name(name: str, version: str, settings: Settings) -> None:
    """Name and version as a path says them, each empty where it says nothing. Raises InvalidInput (404)."""
    if name and name != settings.model_name:
        raise InvalidInput("", f"there is no model {shown(name)!r} here, only {settings.model_name!r}", 404)
    if version and version != settings.version:
        known = f"only version {settings.version!r}" if settings.version else "which has no version"
        said = f"there is no version {shown(version)!r} of {settings.model_name!r} here, {known}"
        raise InvalidInput("", said, 404)
