"""Does the model change what it is asked? Its positive answers to who is held out, against those to all others.

Who is held out is chosen by chance, and hears nothing of the model. So the model's answers to both differ by chance
alone, unless its answers change what people ask next, or what is known of them. A confidence sequence finds that: it is
valid at every look, and its error is shared among the slices, and among the restarts of evidence by 6/π² · 1/k².
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.api.v1alpha1.rollout_holdout import MOST_SLICES, ContrastedRevision, ContrastedSlice
from slipway.core.holdout_evidence import EVERYTHING, Contrast, Pair
from slipway.statistics.ratios import Confidence, clustered, difference

ALPHA = 0.01
"""Error of one revision's looks, slices and restarts together: how often one is sure of a difference that is none."""

CLAIMS = 70
"""Slices that an image has at most: 50 values, and the others of 20 columns. They share one half of the error, and all
answers together have the other."""

PLANNED = 10_000.0
"""Answers to who is held out at which the sequence is tightest."""


@dataclass(frozen=True)
class Suspicion:
    """What the revisions say together: a status of the condition with its reason and sentence."""

    status: str
    reason: str
    message: str


def error_of(name: str, restarts: int) -> float:
    """The error that one slice has after so many restarts of evidence."""
    left = ALPHA * 6 / (math.pi * (restarts + 1)) ** 2
    return left / 2 if name == EVERYTHING else left / 2 / CLAIMS


def contrasted(name: str, pair: Pair, restarts: int) -> ContrastedSlice | None:
    """One slice; None while fewer than 30 clusters of either side have asked."""
    held, others = clustered(pair.held), clustered(pair.others)
    if held is None or others is None:
        return None
    ends = difference(others, held, Confidence(error_of(name, restarts), PLANNED))
    apart, sure = others.value - held.value, ends.low > 0 or ends.high < 0
    return ContrastedSlice(
        name=name, held_out=_percent(held.value), others=_percent(others.value), difference=_percent(apart),
        low=_percent(ends.low), high=_percent(ends.high), samples=int(held.trials),
        sure=sure or None, first=_percent(apart) if sure else "",
    )  # fmt: skip


def looked(before: ContrastedRevision, found: Contrast, epoch: int) -> ContrastedRevision:
    """The revision after a look at this epoch's evidence. What was sure once stays sure, with its figures where newer
    ones are less."""
    anew = epoch != before.epoch and bool(before.slices)
    restarts = before.restarts + anew
    known = {one.name: one for one in before.slices if one.sure}
    seen = {name: one for name, pair in found.items() if (one := contrasted(name, pair, restarts)) is not None}
    for name, one in known.items():
        new = seen.get(name)
        seen[name] = new.model_copy(update={"first": one.first}) if new is not None and new.sure else one
    slices = sorted(seen.values(), key=lambda one: (one.name != EVERYTHING, not one.sure, -_strength(one), one.name))
    return before.model_copy(update={"epoch": epoch, "restarts": restarts, "slices": tuple(slices[:MOST_SLICES])})


def suspicion(revisions: Sequence[ContrastedRevision]) -> Suspicion:
    """Newest first. A loop is suspected where a slice's difference is sure in the newest revision, and the revision
    before it differed to the same side, or the difference has grown for sure since it was first sure."""
    newest = revisions[0] if revisions else ContrastedRevision()
    before = {one.name: one for one in revisions[1].slices} if len(revisions) > 1 else {}
    sure = [one for one in newest.slices if one.sure]
    if not newest.slices:
        return Suspicion("Unknown", "TooFew", "too few entities that are held out have asked to say anything")
    for one in sure:
        earlier = before.get(one.name)
        if earlier is not None and _value(earlier.difference) * _value(one.difference) > 0:
            said = f"version {revisions[1].version} differed to the same side, by {earlier.difference}"
            return Suspicion("True", "SuccessiveRevisions", f"{_sentence(newest, one)}; {said}")
        if _near(one) > abs(_value(one.first)):
            said = f"{_sentence(newest, one)}; it has grown from {one.first}"
            return Suspicion("True", "DifferenceGrows", said)
    if sure:
        said = f"{_sentence(newest, sure[0])}; a loop is suspected when the next revision differs as well, or it grows"
        return Suspicion("False", "OneRevisionDiffers", said)
    widest = newest.slices[0]
    return Suspicion("False", "NoDifference", f"no slice differs for sure: {_sentence(newest, widest)}")


def _sentence(revision: ContrastedRevision, one: ContrastedSlice) -> str:
    where = "of all answers" if one.name == EVERYTHING else f"of answers where {one.name}"
    return (
        f"version {revision.version} answers {one.others} {where} positively, and would {one.held_out} to who is held "
        f"out: {one.difference} apart ({one.low} to {one.high}, {one.samples} answers held out)"
    )


def _strength(one: ContrastedSlice) -> float:
    """How far the interval's middle is from zero, in its half widths."""
    low, high = _value(one.low), _value(one.high)
    return abs(low + high) / max(high - low, 1e-12)


def _near(one: ContrastedSlice) -> float:
    """The end of the interval that is nearer to zero, as a size; negative where zero lies within."""
    return max(_value(one.low), -_value(one.high))


def _percent(value: float) -> str:
    return f"{100 * value:.4g}%"


def _value(text: str) -> float:
    return float(text.rstrip("%") or 0) / 100
