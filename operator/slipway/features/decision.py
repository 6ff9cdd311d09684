"""The decision layer: what turns a model's score into an answer, kept beside the model as `slipway/decision.json`.

Threshold, calibration and rules are parts of their own, each with its digest, so that two versions show at once in
which of them they differ. Numbers are written as text by `repr`, which reads back to the last bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DECISION = "slipway/decision.json"
_FORMAT = 1
_PARTS = ("threshold", "calibration", "rules")


class DecisionError(ValueError):
    """A decision layer that cannot be read; the message names the part."""


@dataclass(frozen=True)
class Calibration:
    """A fitted map from score to probability; see `calibration.calibrated`.

    Isotonic: `scores` are its knots in ascending order, `probabilities` their values. Sigmoid: `slope` and `intercept`
    over the log-odds.
    """

    method: str
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True)
class RuleText:
    """One rule as it is written: its condition is an expression of features."""

    name: str
    condition: str
    predict: str | float


@dataclass(frozen=True)
class Decision:
    """The whole layer. `threshold` is None where the most probable class, or a number, answers.

    `rules` answer before the model; those of a task that serves the model only are not here.
    """

    threshold: float | None = None
    calibration: Calibration | None = None
    rules: tuple[RuleText, ...] = ()

    def document(self) -> dict[str, Any]:
        """What `slipway/decision.json` holds: each part with its digest, and the digest of them all."""
        contents: Mapping[str, Any] = {
            "threshold": None if self.threshold is None else {"value": _number(self.threshold)},
            "calibration": None if self.calibration is None else _written(self.calibration),
            "rules": {"when": [_rule(one) for one in self.rules]} if self.rules else None,
        }
        parts = {name: None if part is None else {**part, "digest": digest(part)} for name, part in contents.items()}
        return {"format": _FORMAT, **parts, "digest": digest(contents)}


def digest(content: Any) -> str:
    """`sha256:` over canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def read_decision(text: str) -> Decision:
    """The layer from its file. Digests may be left out; one that is there must be right. Raises DecisionError."""
    try:
        document = json.loads(text)
        if document.get("format") != _FORMAT:
            raise DecisionError(f"{DECISION}: format {document.get('format')!r} is not known; this server reads 1")
        parts = {name: _part(document, name) for name in _PARTS}
        said = document.get("digest")
        if said is not None and said != digest(parts):
            raise DecisionError(f"{DECISION}: its parts differ from its digest")
        rules = (parts["rules"] or {}).get("when", ())
        return Decision(
            None if parts["threshold"] is None else float(parts["threshold"]["value"]),
            None if parts["calibration"] is None else _calibration(parts["calibration"]),
            tuple(RuleText(str(one["name"]), str(one["if"]), one["predict"]) for one in rules),
        )
    except DecisionError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DecisionError(f"{DECISION}: {type(error).__name__}: {error}") from error


def _part(document: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    part = document.get(name)
    if part is None:
        return None
    content = {key: value for key, value in part.items() if key != "digest"}
    if part.get("digest", digest(content)) != digest(content):
        raise DecisionError(f"{DECISION}: {name} differs from its digest")
    return content


def _number(value: float) -> str:
    return repr(float(value))


def _rule(rule: RuleText) -> dict[str, Any]:
    predict = rule.predict if isinstance(rule.predict, str) else float(rule.predict)
    return {"name": rule.name, "if": rule.condition, "predict": predict}


def _written(one: Calibration) -> dict[str, Any]:
    if one.method == "Isotonic":
        knots = [[_number(score), _number(value)] for score, value in zip(one.scores, one.probabilities, strict=True)]
        return {"method": one.method, "knots": knots}
    return {"method": one.method, "slope": _number(one.slope), "intercept": _number(one.intercept)}


def _calibration(part: Mapping[str, Any]) -> Calibration:
    method = part["method"]
    if method == "Sigmoid":
        return Calibration(method, slope=float(part["slope"]), intercept=float(part["intercept"]))
    if method != "Isotonic":
        raise DecisionError(f"{DECISION}: calibration.method {method!r} must be Isotonic or Sigmoid")
    knots = [(float(score), float(value)) for score, value in part["knots"]]
    scores, values = zip(*knots, strict=True)
    if list(scores) != sorted(set(scores)) or not all(0 <= value <= 1 for value in values):
        raise DecisionError(f"{DECISION}: calibration.knots must rise in their scores and hold probabilities")
    return Calibration(method, scores, values)
