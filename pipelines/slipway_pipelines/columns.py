"""The part that each column plays. Only features ever reach a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Columns:
    """Columns by role. Absent roles are None.

    `numeric` and `categorical` are names of features; `sources` names the data's column where it differs from the
    feature. `split` is the column of an explicit split.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    label: str
    id: str | None = None
    entity: str | None = None
    timestamp: str | None = None
    split: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        """Model inputs, in the order of the signature."""
        return self.numeric + self.categorical

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns that are no features, each once: they must never reach a model."""
        named = (self.label, self.id, self.entity, self.timestamp, self.split)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns read as text: names and labels are no numbers, even where they look like some ("007")."""
        kept = tuple(name for name in self.roles if name != self.timestamp)
        return tuple(self.source(name) for name in self.categorical) + kept

    @property
    def required(self) -> tuple[str, ...]:
        """Every column that the data must have, each once."""
        return tuple(dict.fromkeys((*(self.source(name) for name in self.features), *self.roles)))

    def source(self, feature: str) -> str:
        """The data's column that a feature is read from."""
        return self.sources.get(feature, feature)
