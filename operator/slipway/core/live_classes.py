"""How live answers are spread over the classes, lately and before: what the fast alarm looks at.

The windows are short, and the same for all: one text asks for those of a whole shard of rollouts (rule 10).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slipway.core.evidence import Sample, Vector
from slipway.core.evidence_queries import selector
from slipway.core.plan import Unavailable

WINDOWS = (10, 30, 90, 270, 810, 2430)
"""Lengths in seconds of the windows that a look takes in, each ending now: two scrapes of a Prometheus that scrapes
every 5 or 15 seconds, and longer ones for traffic that brings 20 predictions in minutes. A factor of three between two:
a jump that fills only a part of the shortest window that has enough predictions costs at most 27 instead of 20."""

BEGINNING = 2 * WINDOWS[-1]
"""How many seconds back everything is counted: what was not in a window is what it is compared with."""

_SCRAPED, _KNOWN = "1m", "5m"
"""A series without a sample for a minute says nothing of now; one that had none within five minutes began later."""

_BY = "rollout,revision,traffic,assigned"


@dataclass(frozen=True)
class Tally:
    """Predictions by class, and the requests that asked for them."""

    classes: Mapping[str, float] = field(default_factory=dict)
    requests: float = 0.0

    @property
    def total(self) -> float:
        """Predictions of all classes."""
        return sum(self.classes.values())

    @property
    def rows(self) -> float:
        """Predictions of one request, at least 1; infinite where predictions came with no request."""
        return max(1.0, self.total / self.requests) if self.requests > 0 else float("inf")

    def with_more(self, other: Tally) -> Tally:
        """Both together."""
        names = {*self.classes, *other.classes}
        both = {name: self.classes.get(name, 0.0) + other.classes.get(name, 0.0) for name in names}
        return Tally(both, self.requests + other.requests)


@dataclass(frozen=True)
class Look:
    """One window of one revision, and the time before it."""

    seconds: int
    now: Tally
    before: Tally


@dataclass(frozen=True)
class Live:
    """One revision in one kind of traffic; `reference` counts its model's held-out predictions by class, and is empty
    where the image tells none."""

    looks: tuple[Look, ...] = ()
    reference: Mapping[str, float] = field(default_factory=dict)

    @property
    def most(self) -> float:
        """Predictions in the longest window."""
        return max((look.now.total for look in self.looks), default=0.0)


@dataclass(frozen=True)
class Observed:
    """What serves, and while a candidate gets requests both arms: `beside` is stable among the entities that are
    assigned, as the candidate is."""

    stable: Live
    candidate: Live | None = None
    beside: Live = Live()


@dataclass(frozen=True)
class Watched:
    """Whose answers are looked at: revisions of one rollout. `traffic` is that of the candidate, `assigned` whether
    only requests of assigned entities compare with stable."""

    rollout: str
    stable: str
    candidate: str = ""
    traffic: str = "live"
    assigned: bool = False


def texts(rollouts: Sequence[str]) -> Mapping[str, str]:
    """The questions to Prometheus about these rollouts, by the names that `observed` expects their answers under.

    Counts of the image only grow within a series, which begins at 0 with each epoch and each life of a process. So a
    window is what the series of now have grown by in it, and what came before it the rest.
    """
    of = selector(rollouts)
    predictions, requests = f"slipway_evidence_predictions{{{of}}}", f'slipway_evidence_requests{{{of},code="2xx"}}'
    found = {f"predictions {back}": _grown(predictions, "class", back) for back in (*WINDOWS, BEGINNING)}
    found |= {f"requests {back}": _grown(requests, "code", back) for back in WINDOWS}
    return found | {"reference": f"max by (rollout,revision,class)(slipway_prediction_reference{{{of}}})"}


def _grown(selected: str, label: str, back: int) -> str:
    """What each series has counted in so many seconds; one that was not there yet had counted nothing."""
    now = f"max_over_time({selected}[{_SCRAPED}])"
    then = f"max_over_time({selected}[{_KNOWN}] offset {back}s)"
    return f"sum by ({_BY},{label})({now} - ({then} or 0 * {now}))"


def observed(answers: Mapping[str, Vector | Unavailable], watched: Watched) -> Observed | Unavailable:
    """One rollout's part of the answers; the first that is unavailable makes it so."""
    vectors: dict[str, Sequence[Sample]] = {}
    for name, answer in answers.items():
        if isinstance(answer, Unavailable):
            return answer
        vectors[name] = [s for s in answer if s.labels.get("rollout") == watched.rollout and s.value > 0]
    stable = _live(vectors, watched.stable, "live", False)
    if not watched.candidate:
        return Observed(stable)
    candidate = _live(vectors, watched.candidate, watched.traffic, watched.assigned)
    return Observed(stable, candidate, _live(vectors, watched.stable, "live", watched.assigned))


def _live(vectors: Mapping[str, Sequence[Sample]], revision: str, traffic: str, assigned: bool) -> Live:
    wanted = {"revision": revision, "traffic": traffic} | ({"assigned": "true"} if assigned else {})

    def classes(name: str) -> dict[str, float]:
        return _summed(vectors.get(name, ()), wanted, "class")

    looks, everything = [], classes(f"predictions {BEGINNING}")
    for seconds in WINDOWS:
        requests = _summed(vectors.get(f"requests {seconds}", ()), wanted, "code")
        looks.append(_look(seconds, Tally(classes(f"predictions {seconds}"), sum(requests.values())), everything))
    return Live(tuple(looks), _summed(vectors.get("reference", ()), {"revision": revision}, "class"))


def _look(seconds: int, now: Tally, everything: Mapping[str, float]) -> Look:
    """A window that holds more than the long time around it says nothing: Prometheus was away for some minutes, and
    takes for new what had been counted before."""
    rest = {name: everything.get(name, 0.0) - now.classes.get(name, 0.0) for name in {**everything, **now.classes}}
    if any(count < 0 for count in rest.values()):
        return Look(seconds, Tally(), Tally())
    return Look(seconds, now, Tally(rest))


def _summed(vector: Sequence[Sample], wanted: Mapping[str, str], label: str) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for sample in vector:
        if all(sample.labels.get(name) == value for name, value in wanted.items()):
            found[sample.labels.get(label, "")] += sample.value
    return dict(found)
