"""What the pods of a rollout's Job said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipway.core.job_words import own_pods, words_of
from slipway.core.rollout.snapshot import Object
from slipway.core.rollout.turn import Turn


def words(turn: Turn, job: Object, answer: str, who: str, steps: bool = False) -> Mapping[str, Any]:
    """`words_of` the Job's pods."""
    return words_of(pods_of(turn, job), answer, who, steps)


def pods_of(turn: Turn, job: Object) -> list[Object]:
    """The pods of this very Job."""
    return own_pods(turn.snapshot.job_pods.get(job["metadata"]["name"], ()), job)
