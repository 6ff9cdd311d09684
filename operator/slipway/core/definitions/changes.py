"""What has become of the feature definitions that a model was trained under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from slipway.api.v1alpha1.fingerprints import INPUTS_TAG, Fingerprints, Inputs
from slipway.core.plan import Unavailable
from slipway.features.definitions import FORMAT, Definition
from slipway.features.tags import of_tags

Definitions = Sequence[Definition]
Texts = Mapping[str, str]
"""Definitions for a person, by digest: of a digest that no run in the cluster tells any more, it alone is told."""

REMEDY = "train again (a new TrainingRun of the task), or take the change back"
_MOST = 8


@dataclass(frozen=True)
class Change:
    """One feature that a model was trained with. `digest` is of its definition then, `before` and `now` are texts."""

    feature: str
    digest: str
    before: str
    now: str

    def __str__(self) -> str:
        now = self.now if self.now != self.before else "the same words, what they name has another meaning"
        return f"{self.feature}: {self.before} -> {now}"


def changes(trained: Fingerprints | None, present: Definitions | None, texts: Texts) -> tuple[Change, ...] | None:
    """The features of a model whose definition is another one now, or none any more, by name.

    A feature that the task has got since is no change: the model does not read it. None where nothing can be said: the
    model carries no fingerprints, or those of another version of the code, or the task's definitions are not known.
    """
    if trained is None or trained.format != FORMAT or present is None:
        return None
    now = {one.name: one for one in present}
    found = []
    for name, digest in sorted(trained.digests.items()):
        defined = now.get(name)
        if defined is None or defined.digest != digest:
            before = texts.get(digest) or f"definition {digest}"
            found.append(Change(name, digest, before, defined.text if defined else "not defined any more"))
    return tuple(found)


def listed(items: Sequence[object]) -> str:
    """The first few, and how many more there are."""
    more = f"; and {len(items) - _MOST} more" if len(items) > _MOST else ""
    return "; ".join(str(one) for one in items[:_MOST]) + more


def read_fingerprints(text: str) -> Fingerprints | None:
    """The fingerprints of a model version from their JSON; None where that is none."""
    try:
        return Fingerprints.model_validate_json(text)
    except ValidationError:
        return None


def read_inputs(tags: Mapping[str, str] | Unavailable) -> Inputs | Unavailable:
    """What the tags of an MLflow run say; without a format where they say nothing that can be read."""
    if isinstance(tags, Unavailable):
        return tags
    try:
        return Inputs.model_validate_json(of_tags(INPUTS_TAG, tags))
    except ValidationError:
        return Inputs()
