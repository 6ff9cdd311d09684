"""Whether a column of the data looks as it did: its type, its range, its distribution, its missing values.

What chance alone does to two samples of their sizes is taken off each difference (the inequality of Dvoretzky, Kiefer
and Wolfowitz, and Hoeffding's for shares, for either sample at 0.1%), so that few rows accuse nobody.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from slipway.api.v1alpha1.fingerprints import SeenColumn
from slipway.statistics.drift import ks_chance

DISTANCE = 0.1
"""Largest difference beyond chance of two distributions, and of two shares of missing values, that counts as none."""

RANGES = 10.0
"""So many times its width a range may grow to either side."""


def differences(before: Sequence[SeenColumn], now: Sequence[SeenColumn]) -> dict[str, str]:
    """What has changed, with its figures, by column; columns that only one of the runs has read are not compared."""
    known = {one.name: one for one in now}
    found = {one.name: "; ".join(_differs(one, known[one.name])) for one in before if one.name in known}
    return {name: text for name, text in found.items() if text}


def _differs(before: SeenColumn, now: SeenColumn) -> Iterator[str]:
    if not before.rows or not now.rows:
        return
    chance = ks_chance(before.rows) + ks_chance(now.rows)
    if before.type != now.type:
        yield f"type {before.type} -> {now.type}"
    missing = (float(before.missing or 0), float(now.missing or 0))
    if abs(missing[0] - missing[1]) - chance >= DISTANCE:
        yield f"missing {missing[0]:.1%} -> {missing[1]:.1%}"
    if before.most and now.most:
        ranges = f"{before.least} to {before.most} -> {now.least} to {now.most}"
        distance = distance_low(before, now)
        if distance - chance >= DISTANCE:
            yield f"range {ranges}, distributions differ by at least {distance:.2f}"
        elif _outgrown(before, now):
            yield f"range {ranges}"
    if before.values and now.values:
        distance = categories_low(before, now)
        if distance - chance >= DISTANCE:
            yield f"categories of at least {distance:.0%} of the rows differ"


def distance_low(one: SeenColumn, other: SeenColumn) -> float:
    """Lower bound of the Kolmogorov-Smirnov distance of two columns of numbers.

    Of each the share of smaller values is known at its edges and its ends; in between it lies between its neighbours.
    """
    found = 0.0
    for knots, others in ((_knots(one), _knots(other)), (_knots(other), _knots(one))):
        places = [place for place, _ in others]
        for place, share in knots:
            left, right = bisect_right(places, place), bisect_left(places, place)
            low = others[left - 1][1] if left else 0.0
            high = others[right][1] if right < len(others) else 1.0
            found = max(found, low - share, share - high)
    return found


def _knots(column: SeenColumn) -> list[tuple[float, float]]:
    """Numbers and the share of values below each: none below the least, all below whatever is more than the most."""
    edges = zip(map(float, column.edges), map(float, column.below), strict=True)
    most = float(column.most)
    return [(float(column.least), 0.0), *edges, (most + abs(most) * 1e-9 + 1e-300, 1.0)]


def categories_low(one: SeenColumn, other: SeenColumn) -> float:
    """Lower bound of the total variation distance of two columns of categories, of which the frequent ones are known.

    A category that the other column does not tell may there be as frequent as the rarest that it does, or the rest.
    """
    shares, others = _shares(one), _shares(other)
    return max(_gone(shares, others), _gone(others, shares))


def _shares(column: SeenColumn) -> dict[str, float]:
    return {value: float(share) for value, share in column.values.items()}


def _gone(shares: dict[str, float], others: dict[str, float]) -> float:
    """What frequent categories have lost at least."""
    rest = max(0.0, 1 - sum(others.values()))
    untold = min(rest, min(others.values()))
    lost = sum(max(0.0, share - others[value]) for value, share in shares.items() if value in others)
    absent = [share for value, share in shares.items() if value not in others]
    return lost + max(0.0, sum(absent) - min(rest, len(absent) * untold))


def _outgrown(before: SeenColumn, now: SeenColumn) -> bool:
    low, high = float(before.least), float(before.most)
    grown = RANGES * (high - low)
    return high > low and (float(now.most) > high + grown or float(now.least) < low - grown)
