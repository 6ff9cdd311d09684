"""Values of a category as text: training and scoring must spell one value alike, or the model meets unknown ones."""

from __future__ import annotations


def as_category(value: object) -> str:
    """One spelling per value: a Parquet 1.0 or true and a CSV "1" are the same category, and so is a text that a
    writer of Parquet did not mark as one: bytes."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
