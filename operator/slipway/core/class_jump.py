"""The fast alarm's judgement: whether the share of a class has jumped, and whose it is. Pure.

What is expected of a candidate is what stable answers at the same time; what is expected of stable is what it answered
before. A world that changes moves stable and candidate alike, and is no fault of a candidate's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from slipway.core.live_classes import BEGINNING, WINDOWS, Live, Look, Observed, Tally
from slipway.statistics.jumps import ALPHA, DIFFERENCE, LEAST, Sample, chance, is_far

LEAST_EXPECTED = 100
"""Predictions, or held-out rows, below which a share is no expectation."""

Subject = Literal["Stable", "Candidate", "Everyone"]


@dataclass(frozen=True)
class Jump:
    """One class whose share has left what was expected. `now` are independent predictions: a request of many rows
    counts as one. `against` says what `then` is, `p` is the corrected error probability of saying so."""

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
    # Beside a stable that rises a candidate that stays has fallen, which is another class or direction.
    alike = of_candidate is not None and (of_candidate.label, of_candidate.rose) == (of_stable.label, of_stable.rose)
    stayed = not alike and _stayed(seen.candidate, of_stable)
    return Found("Stable" if stayed else "Everyone", of_stable)


def of_all_traffic(stable: Live) -> Jump | None:
    """What serves, against its own time before. One that comes back to what its model promised has not jumped: nights
    may be odd. The promise alone is no expectation: held-out rows are often chosen with other shares than live ones."""
    against = f"the {BEGINNING // 60} minutes before"
    jumps = (jump for look in stable.looks for jump in _jumps(look, look.before.classes, against))
    return _most_certain(jump for jump in jumps if not _promised(jump, stable.reference))


def beside_stable(candidate: Live, stable: Live) -> Jump | None:
    """A candidate against stable: its counts of now and before say what is expected, and those of the same window that
    the world is still the same."""
    apart = []
    for ours, theirs in zip(candidate.looks, stable.looks, strict=True):
        if theirs.now.total >= LEAST:
            known = theirs.now.with_more(theirs.before).classes
            apart += [jump for jump in _jumps(ours, known, "stable") if _far(jump, _share(theirs.now, jump.label))]
    return _most_certain(apart)


def unjudged(stable: Live, least: float = LEAST) -> str:
    """Why nobody could say whether what serves has jumped; empty where somebody could."""
    if stable.most < least:
        return f"fewer than {LEAST} predictions in {WINDOWS[-1] // 60} minutes"
    if max((look.before.total for look in stable.looks), default=0.0) < LEAST_EXPECTED:
        return f"nothing to compare with yet: fewer than {LEAST_EXPECTED} predictions before the latest ones"
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


def _promised(jump: Jump, reference: Mapping[str, float]) -> bool:
    """Whether the share is that of the held-out predictions, but for less than counts as a move."""
    total = sum(reference.values())
    if total < LEAST_EXPECTED:
        return False
    return abs(jump.now.share - reference.get(jump.label, 0.0) / total) < DIFFERENCE


def _share(tally: Tally, label: str) -> float:
    return tally.classes.get(label, 0.0) / tally.total if tally.total else 0.0


def _most_certain(jumps: Iterable[Jump]) -> Jump | None:
    return min(jumps, key=lambda jump: jump.p, default=None)


def _jumps(look: Look, expected: Mapping[str, float], against: str) -> Iterator[Jump]:
    """Of one window. All windows, classes and directions are chances to err (Bonferroni)."""
    labels = sorted({*look.now.classes, *expected})
    if sum(expected.values()) < LEAST_EXPECTED or len(labels) < 2:
        return
    directions = (True,) if len(labels) == 2 else (True, False)  # of two classes one falls where the other rises
    claims = len(WINDOWS) * len(labels) * len(directions)
    for label in labels:
        now, then = (_sample(counts, label, look.now.rows) for counts in (look.now.classes, expected))
        for rose in directions:
            ours, theirs = (now, then) if rose else (now.other(), then.other())
            if now.trials < LEAST or not then.trials or not is_far(ours.share, theirs.share):
                continue
            p = min(1.0, claims * chance(ours, theirs))
            if p < ALPHA:
                yield Jump(label, rose, look.seconds, now, then, against, p)


def _sample(classes: Mapping[str, float], label: str, rows: float) -> Sample:
    """Independent predictions: rows of one request count as one."""
    if math.isinf(rows):
        return Sample(0, 0)
    trials = int(sum(classes.values()) / rows)
    return Sample(min(trials, int(classes.get(label, 0.0) / rows)), trials)
