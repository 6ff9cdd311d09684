"""What everybody would get without a model, kept beside it as `slipway/baseline.json`: the task's rules, and the answer
where none applies. Entities that are held out are answered by it.

It is a file of its own and no part of the decision layer: rules of a task that serves the model only are here too, and
a server that does not know the file serves as before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from slipway.features.decision import RuleText, digest

BASELINE = "slipway/baseline.json"
_FORMAT = 1


class BaselineError(ValueError):
    """A baseline that cannot be read; the message says why."""


@dataclass(frozen=True)
class Baseline:
    """Rules in their order, and the answer `otherwise`: a class as text, or a regression's number."""

    rules: tuple[RuleText, ...]
    otherwise: str | float

    def document(self) -> dict[str, Any]:
        """What `slipway/baseline.json` holds."""
        when = [{"name": one.name, "if": one.condition, "predict": one.predict} for one in self.rules]
        content = {"when": when, "otherwise": self.otherwise}
        return {"format": _FORMAT, **content, "digest": digest(content)}


def read_baseline(text: str) -> Baseline:
    """The baseline from its file. Its digest may be left out; one that is there must be right. Raises BaselineError."""
    try:
        document = json.loads(text)
        if document.get("format") != _FORMAT:
            raise BaselineError(f"{BASELINE}: format {document.get('format')!r} is not known; this server reads 1")
        content = {"when": document["when"], "otherwise": document["otherwise"]}
        if document.get("digest", digest(content)) != digest(content):
            raise BaselineError(f"{BASELINE}: it differs from its digest")
        rules = tuple(RuleText(str(one["name"]), str(one["if"]), _answer(one["predict"])) for one in content["when"])
        return Baseline(rules, _answer(content["otherwise"]))
    except BaselineError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BaselineError(f"{BASELINE}: {type(error).__name__}: {error}") from error


def _answer(value: Any) -> str | float:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BaselineError(f"{BASELINE}: {value!r} is no answer: a class as text, or a number")
    return float(value)
