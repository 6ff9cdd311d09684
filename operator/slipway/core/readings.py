"""What a webhook or a Job is asked of a rollout, and what its answer says: JSON both ways (docs/gates.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slipway.core.desired.names import canonical
from slipway.core.plan import Unavailable

FRESH_SECONDS = 60.0
"""Age at which an answer counts as stale, where neither the window nor the rhythm of asking is longer; and how far a
clock may be ahead."""

MOST_RESULTS = 16
BAD = "BadAnswer"


@dataclass(frozen=True)
class Server:
    """A Prometheus other than the installation's: its URL, and the Secret of the operator's namespace that has its
    credentials; an empty address is the installation's, an empty name none."""

    address: str = ""
    secret: str = ""


@dataclass(frozen=True)
class Webhook:
    """Where a question is sent: URL, Secret of the operator's namespace (empty: none), seconds to wait for an answer,
    and least seconds between two questions."""

    url: str
    secret: str
    timeout: float
    every: float


@dataclass(frozen=True)
class Question:
    """Of which revisions, since when: `window` is the length in seconds of the gate's window, 0 for all since the epoch
    began, which `since` is the beginning of."""

    template: str
    rollout: str
    candidate: str
    stable: str
    stage: str
    epoch: int
    since: datetime
    window: float = 0.0

    def body(self, now: datetime) -> str:
        """The JSON of a question that is asked now."""
        since = now - timedelta(seconds=self.window) if self.window else self.since
        return canonical(
            {
                "template": self.template,
                "rollout": self.rollout,
                "revisions": {"candidate": self.candidate, "stable": self.stable},
                "stage": self.stage,
                "epoch": self.epoch,
                "since": _text(since),
                "window": max(0, round((now - since).total_seconds())),
            }
        )


@dataclass(frozen=True)
class Reading:
    """Of one revision: a number of so many samples, or events among so many trials."""

    samples: float
    value: float | None = None
    events: float | None = None

    def ratio(self) -> Reading | None:
        """Its events for each trial as one number; None where nothing was counted."""
        if self.events is None or self.samples <= 0:
            return None
        return Reading(self.samples, value=self.events / self.samples)


@dataclass(frozen=True)
class Readings:
    """One answer: by revision, and the instant of its newest datum."""

    at: datetime
    of: Mapping[str, Reading]

    def stale(self, now: datetime, oldest: float) -> Unavailable | None:
        """Why it says nothing of now; `oldest` is the greatest age in seconds that still does."""
        age = (now - self.at).total_seconds()
        if age > max(FRESH_SECONDS, oldest):
            return Unavailable("StaleAnswer", f"the newest datum is of {_text(self.at)}")
        ahead = age < -FRESH_SECONDS
        return Unavailable("StaleAnswer", f"the newest datum is of the future: {_text(self.at)}") if ahead else None


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def parse(text: bytes | str) -> Readings | Unavailable:
    """An answer, or what is wrong with it. Nothing is guessed: what is not as it should be is no measurement."""
    try:
        answer = json.loads(text, parse_constant=_no_number)
        at = datetime.fromisoformat(str(answer["time"]))
        results = answer["results"]
        if at.tzinfo is None:
            raise ValueError("time has no time zone")
        if not isinstance(results, list) or len(results) > MOST_RESULTS:
            raise ValueError(f"results must be a list of at most {MOST_RESULTS}")
        found = {_revision(each): _reading(each) for each in results}
        if len(found) < len(results):
            raise ValueError("results name a revision twice")
    except KeyError as missing:
        return Unavailable(BAD, f"the answer lacks {missing.args[0]}")
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as wrong:
        return Unavailable(BAD, f"the answer is no measurement: {str(wrong)[:200]}")
    return Readings(at, found)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _revision(result: Mapping[str, Any]) -> str:
    if not isinstance(result["revision"], str) or not result["revision"]:
        raise ValueError("revision must be a text")
    return result["revision"]


def _reading(result: Mapping[str, Any]) -> Reading:
    if ("value" in result) == ("numerator" in result):
        raise ValueError("a result has either value and samples, or numerator and denominator")
    if "value" in result:
        return Reading(_number(result, "samples", least=1), value=_number(result, "value"))
    return Reading(_number(result, "denominator", least=0), events=_number(result, "numerator"))


def _number(result: Mapping[str, Any], name: str, least: float = -math.inf) -> float:
    found = result[name]
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found) or found < least:
        raise ValueError(f"{name} must be a finite number" + (f" from {least:g}" if math.isfinite(least) else ""))
    return float(found)
