"""A text in several tags of MLflow, whose servers bound the length of one (5,000 characters in older ones)."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST = 4000


def in_tags(prefix: str, text: str) -> dict[str, str]:
    """Tags `prefix.0`, `prefix.1`, … that hold an ASCII text."""
    return {f"{prefix}.{place}": text[start : start + _LONGEST] for place, start in enumerate(_starts(text))}


def of_tags(prefix: str, tags: Mapping[str, str]) -> str:
    """The text that `in_tags` has divided; empty where the tags hold none."""
    parts: list[str] = []
    while (part := tags.get(f"{prefix}.{len(parts)}")) is not None:
        parts.append(part)
    return "".join(parts)


def _starts(text: str) -> range:
    return range(0, len(text), _LONGEST)
