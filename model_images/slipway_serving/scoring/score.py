"""Scores one piece of rows; a row that cannot be answered keeps its place, with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from slipway_serving.service.answers import Answer
from slipway_serving.service.model import ServedModel
from slipway_serving.service.values import InvalidInput

_MOST_REASON = 300


@dataclass
class Scored:
    """Columns of the output, a value per row; `reasons` is None where there is an answer."""

    answers: list[str | None] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    thresholds: list[float | None] = field(default_factory=list)
    reasons: list[str | None] = field(default_factory=list)

    def add(self, other: Scored) -> None:
        """Appends rows."""
        for name in ("answers", "scores", "thresholds", "reasons"):
            getattr(self, name).extend(getattr(other, name))


class Scorer:
    """One model over pieces of rows. `tell` hears the place (within the piece) and reason of each bad row at once, and
    may raise to end the run."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model

    def score(self, instances: list[Any], tell: Callable[[int, str], None]) -> Scored:
        """Rows in their order."""
        good, reasons = self._readable(instances, tell)
        answered = self._answered([instances[place] for place in good], good, tell)
        scored, found = Scored(), dict(zip(good, answered, strict=True))
        for place, reason in enumerate(reasons):
            answer, score, threshold, failed = found.get(place, (None, None, None, reason))
            scored.answers.append(answer)
            scored.scores.append(score)
            scored.thresholds.append(threshold)
            scored.reasons.append(failed)
        return scored

    def _readable(self, instances: list[Any], tell: Callable[[int, str], None]) -> tuple[list[int], list[str | None]]:
        """Places of rows that a request might carry, and the reasons of the others."""
        reasons: list[str | None] = [None] * len(instances)
        try:
            self._read(instances)
        except InvalidInput:
            for place, instance in enumerate(instances):
                try:
                    self._read([instance])
                except InvalidInput as error:
                    reasons[place] = _short(str(error))
                    tell(place, reasons[place] or "")
        return [place for place, reason in enumerate(reasons) if reason is None], reasons

    def _answered(self, good: list[Any], places: list[int], tell: Callable[[int, str], None]) -> list[_Row]:
        """All at once; where the model fails on some row, one by one, to find which."""
        if not good:
            return []
        try:
            return self._answer(good)
        except MemoryError:
            raise
        except Exception:  # any exception of foreign code means the same here
            rows: list[_Row] = []
            for instance, place in zip(good, places, strict=True):
                rows.append(self._alone(instance, partial(tell, place)))
            return rows

    def _alone(self, instance: Any, tell: Callable[[str], None]) -> _Row:
        try:
            return self._answer([instance])[0]
        except MemoryError:
            raise
        except Exception as error:
            reason = _short(f"the model failed: {type(error).__name__}: {error}")
        tell(reason)
        return None, None, None, reason

    def _answer(self, instances: list[Any]) -> list[_Row]:
        rows: list[_Row] = []
        size = self._model.schema.batch or len(instances)
        for start in range(0, len(instances), size):
            asked = instances[start : start + size]
            # A model of a fixed batch gets its last row again, and what it says of that is dropped.
            padded = asked + [asked[-1]] * (size - len(asked))
            rows += _rows(self._model.answer(self._model.schema.read(padded)))[: len(asked)]
        return rows

    def _read(self, instances: list[Any]) -> None:
        size = self._model.schema.batch
        if size is None:
            self._model.schema.read(instances)
        else:
            for instance in instances:
                self._model.schema.read([instance] * size)


_Row = tuple[str | None, float | None, float | None, str | None]


def _rows(answer: Answer) -> list[_Row]:
    pairs = zip(answer.labels, answer.known_scores(), strict=True)
    return [(_label(label), score, answer.threshold, None) for label, score in pairs]


def _label(label: Any) -> str:
    """An answer as text: one type for every model."""
    return label if isinstance(label, str) else json.dumps(label, ensure_ascii=False)


def _short(text: str) -> str:
    return text[:_MOST_REASON]
