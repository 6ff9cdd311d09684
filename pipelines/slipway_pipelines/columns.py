"""The part that each column plays. Only features ever reach a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.features.windows import Window

Worth = tuple[str | float, str | float, str | float, str | float]
"""Of a hit, a false alarm, a row rightly left alone and a miss: the name of a column, or a number."""


def carried(column: str) -> str:
    """The name of a column that is read and is no input: no feature can have it."""
    return f"slipway:{column}"


@dataclass(frozen=True)
class Columns:
    """Columns by role. Absent roles are None.

    `numeric`, `categorical` and `text` are names of features; `sources` names the data's column where it differs from
    the feature. `windows` are those of `numeric` that are computed from earlier rows; `expressions` are computed from
    other features within the model, so that no request carries them. `split` is the column of an explicit split.
    `slices`, `annotators` and the columns of `worth` are read, and are no inputs of a model.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    label: str
    id: str | None = None
    entity: str | None = None
    timestamp: str | None = None
    split: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    text: tuple[str, ...] = ()
    windows: Mapping[str, Window] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    annotators: tuple[str, ...] = ()
    worth: Worth | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Model inputs, in the order of the signature."""
        return self.numeric + self.categorical + self.text

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns that are no features, each once: they must never reach a model."""
        named = (self.label, self.id, self.entity, self.timestamp, self.split)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns read as text: names and labels are no numbers, even where they look like some ("007")."""
        kept = tuple(name for name in self.roles if name != self.timestamp)
        return tuple(self.source(name) for name in self.categorical + self.text) + kept

    @property
    def read(self) -> tuple[str, ...]:
        """Features that the data holds; the others are computed."""
        return tuple(name for name in self.features if name not in self.windows)

    @property
    def worth_columns(self) -> tuple[str, ...]:
        """Columns of the data that say what an answer is worth, each once."""
        return tuple(dict.fromkeys(one for one in self.worth or () if isinstance(one, str)))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns of the data that are numbers."""
        summed = (window.column for window in self.windows.values() if window.needs_numbers)
        own = (self.source(name) for name in self.numeric if name not in self.windows)
        named = (*own, *summed, *self.worth_columns)
        return tuple(dict.fromkeys(name for name in named if name and name not in self.texts))

    @property
    def required(self) -> tuple[str, ...]:
        """Every column that the data must have, each once."""
        windowed = (window.column for window in self.windows.values())
        beside = (*windowed, *self.annotators, *self.worth_columns)
        named = (*(self.source(name) for name in self.read), *self.roles, *beside)
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column that is read where it is there: slices may also be made from the timestamp."""
        return tuple(dict.fromkeys((*self.required, *self.slices)))

    def source(self, feature: str) -> str:
        """The data's column that a feature is read from."""
        return self.sources.get(feature, feature)
