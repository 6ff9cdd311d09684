"""The fast alarm's judgement: whether the share of a class has jumped, and whose it is. Pure.

What is expected of a candidate is what stable answers at the same time. What is expected of stable is what it answered
before, and the held-out predictions of its model where the image tells them: it must have left both. A world that
changes moves stable and candidate alike, and is no fault of a candidate's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from slipway.core.live_classes import BEGINNING, WINDOWS, Live, Look, Observed, Tally
from slipway.statistics.jumps import ALPHA, LEAST, Sample, chance, is_far

LEAST_EXPECTED = 100
"""Predictions, or held-out rows, below which a share is no expectation."""

Subject = Literal["Stable", "Candidate", "Everyone"]


@dataclass(frozen=True)
class Expected:
    """What a window is compared with; `words` says what that is, for a person. Held-out rows are no requests."""

    words: str
    classes: Mapping[str, float]
    held_out: bool = False

    @property
    def total(self) -> float:
        """Predictions or rows of all classes."""
        return sum(self.classes.values())


@dataclass(frozen=True)
class Jump:
    """One class whose share has left all expectations. `now` are independent predictions: a request of many rows counts
    as one. `then` is the expectation that is nearest, `p` the corrected error probability of saying so."""

    label: str
    rose: bool
    seconds: int
    now: Sample
    then: Sample
    against: str
    p: float


@dataclass(frozen=True)
class Found:
    """A jump, and whose it is."""

    subject: Subject
    jump: Jump


def found(seen: Observed) -> Found | None:
    """Whose predictions have jumped; None while nobody's have, or too little is known.

    Where both arms moved, or the candidate says too little to tell, it is everyone's.
    """
    of_stable = of_all_traffic(seen.stable)
    if seen.candidate is None:
        return Found("Stable", of_stable) if of_stable is not None else None
    of_candidate = beside_stable(seen.candidate, seen.beside)
    if of_stable is None:
        return Found("Candidate", of_candidate) if of_candidate is not None else None
    stayed = of_candidate is None and _stayed(seen.candidate, of_stable)
    return Found("Stable" if stayed else "Everyone", of_stable)


def of_all_traffic(stable: Live) -> Jump | None:
    """What serves, against its own time before and its model's held-out predictions."""
    looks = []
    for look in stable.looks:
        own = Expected(f"the {_minutes(BEGINNING)} before", look.before.classes)
        looks.append((look, (own, Expected("the model's held-out predictions", stable.reference, held_out=True))))
    return _most_certain(looks)


def beside_stable(candidate: Live, stable: Live) -> Jump | None:
    """A candidate against stable: its counts of now and before say what is expected, and those of the same window that
    the world is still the same."""
    looks = []
    for ours, theirs in zip(candidate.looks, stable.looks, strict=True):
        if theirs.now.total >= LEAST:
            known = theirs.now.with_more(theirs.before)
            looks.append((ours, (Expected("stable", known.classes),), theirs.now))
    jumps = [(_most_certain([(ours, expected)]), now) for ours, expected, now in looks]
    apart = [jump for jump, now in jumps if jump is not None and _far(jump, _share(now, jump.label))]
    return min(apart, key=lambda jump: jump.p, default=None)


def unjudged(stable: Live, least: float = LEAST) -> str:
    """Why nobody could say whether what serves has jumped; empty where somebody could."""
    if stable.most < least:
        return f"fewer than {LEAST} predictions in {_minutes(WINDOWS[-1])}"
    expected = max((look.before.total for look in stable.looks), default=0.0)
    if max(expected, sum(stable.reference.values())) < LEAST_EXPECTED:
        return f"nothing to compare with: fewer than {LEAST_EXPECTED} predictions before, and no reference in the image"
    return ""


def _stayed(candidate: Live, jump: Jump) -> bool:
    """Whether the candidate, in the window in which stable jumped, did not."""
    now = next(look.now for look in candidate.looks if look.seconds == jump.seconds)
    return now.total >= LEAST and _far(jump, _share(now, jump.label))


def _far(jump: Jump, other: float) -> bool:
    """Whether the jump is one against another share of the class as well."""
    if jump.rose:
        return is_far(jump.now.share, other)
    return is_far(1 - jump.now.share, 1 - other)


def _share(tally: Tally, label: str) -> float:
    return tally.classes.get(label, 0.0) / tally.total if tally.total else 0.0


def _most_certain(looks: Sequence[tuple[Look, Sequence[Expected]]]) -> Jump | None:
    """The jump of the smallest error among all windows, classes and directions, each of which is a chance to err."""
    jumps = [jump for look, expected in looks for jump in _jumps(look, expected)]
    return min(jumps, key=lambda jump: jump.p, default=None)


def _jumps(look: Look, expected: Sequence[Expected]) -> Iterator[Jump]:
    known = [each for each in expected if each.total >= LEAST_EXPECTED]
    labels = sorted({label for each in (look.now, *known) for label in each.classes})
    if not known or len(labels) < 2:
        return
    directions = (True,) if len(labels) == 2 else (True, False)  # of two classes one falls where the other rises
    claims = len(WINDOWS) * len(labels) * len(directions)
    for label in labels:
        for rose in directions:
            jump = _jump(look, known, label, rose, claims)
            if jump is not None:
                yield jump


def _jump(look: Look, known: Sequence[Expected], label: str, rose: bool, claims: int) -> Jump | None:
    """One class in one direction, against each expectation: the one that it is nearest to decides."""
    rows = look.now.rows
    now = _sample(look.now.classes, label, rows)
    if now.trials < LEAST:
        return None
    nearest: tuple[float, Sample, str] | None = None
    for each in known:
        then = _sample(each.classes, label, 1.0 if each.held_out else rows)
        ours, theirs = (now, then) if rose else (now.other(), then.other())
        if not then.trials or not is_far(ours.share, theirs.share):
            return None
        p = min(1.0, claims * chance(ours, theirs))
        if nearest is None or p > nearest[0]:
            nearest = p, then, each.words
    if nearest is None or nearest[0] >= ALPHA:
        return None
    return Jump(label, rose, look.seconds, now, nearest[1], nearest[2], nearest[0])


def _sample(classes: Mapping[str, float], label: str, rows: float) -> Sample:
    """Independent predictions: rows of one request count as one."""
    if math.isinf(rows):
        return Sample(0, 0)
    trials = int(sum(classes.values()) / rows)
    return Sample(min(trials, int(classes.get(label, 0.0) / rows)), trials)


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} minutes"
