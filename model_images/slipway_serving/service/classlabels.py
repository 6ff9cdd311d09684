"""The labels of predictions' classes in metrics: few, and each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_CLASSES = 20
OTHER = "other"


@dataclass(frozen=True)
class ClassLabels:
    """`places` is the index in `names` of each of the model's classes; both are empty where no classes are known."""

    names: tuple[str, ...]
    places: NDArray[np.intp]

    def __len__(self) -> int:
        """How many labels there are."""
        return len(self.names)


def class_labels(classes: Sequence[str]) -> ClassLabels:
    """Labels of at most 20 classes; all further ones share `other`, so that a label's cardinality is bounded.

    Classes of one name share their label, and so does one that is itself called `other` where there are further ones.
    """
    names = list(dict.fromkeys(classes))
    if len(names) > MOST_CLASSES:
        names = [*[name for name in names if name != OTHER][:MOST_CLASSES], OTHER]
    places = {name: place for place, name in enumerate(names)}
    found = np.array([places.get(name, len(names) - 1) for name in classes], np.intp)
    return ClassLabels(tuple(names), found)
