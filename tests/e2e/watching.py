"""Watches an HTTPRoute from outside while things break, so that a wrong weight cannot hide between two looks."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from functools import lru_cache

from tests.demo.kube import Object, Refused
from tests.demo.verify import mirrors, revision_of
from tests.rows.service import Service


@dataclass(frozen=True)
class Shape:
    """What a route does: who serves what share, and who gets copies."""

    shares: tuple[tuple[str, float], ...]
    mirrored: tuple[str, ...]

    def share(self, revision: str) -> float:
        return dict(self.shares).get(revision, 0.0)


@dataclass
class RouteWatch:
    """Reads the route every 100 ms and keeps each shape that differs from the one before."""

    service: Service
    shapes: list[Shape] = field(default_factory=list)

    def __enter__(self) -> RouteWatch:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="route-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            try:
                route = self.service.route()
            except (OSError, Refused):
                continue
            seen = shape(route)
            if seen.shares and (not self.shapes or self.shapes[-1] != seen):
                self.shapes.append(seen)

    def path(self, candidate: str) -> list[str]:
        """The candidate's way through the stages, such as ["none", "mirror", "20%", "all"]."""
        words = [word(seen, candidate) for seen in self.shapes]
        return [here for index, here in enumerate(words) if index == 0 or here != words[index - 1]]


def word(seen: Shape, candidate: str) -> str:
    """What a shape gives to a revision, in percent of the cells of assignment."""
    if candidate in seen.mirrored:
        return "mirror" if seen.share(candidate) == 0 else "mirror and weight"
    share = seen.share(candidate)
    return "none" if share == 0 else "all" if share == 1 else f"{share * 100:.0f}%"


def shape(route: Object) -> Shape:
    """Shares by revision. A rule with a header match serves the share of cells that its pattern covers."""
    left, shares = 1.0, {}
    for rule in route.get("spec", {}).get("rules") or []:
        share = left * covered(rule)
        left -= share
        refs = rule.get("backendRefs") or []
        total = sum(ref.get("weight", 1) for ref in refs) or 1
        for ref in refs:
            revision = revision_of(ref)
            shares[revision] = shares.get(revision, 0.0) + share * ref.get("weight", 1) / total
    kept = {revision: round(value, 4) for revision, value in shares.items() if value > 0}
    return Shape(tuple(sorted(kept.items())), tuple(sorted(mirrors(route))))


def covered(rule: Object) -> float:
    """Share of random bucket headers that a rule matches."""
    patterns = [header["value"] for match in rule.get("matches") or [] for header in match.get("headers") or []]
    return cells(patterns[0]) if patterns else 1.0


@lru_cache
def cells(expression: str) -> float:
    """Counted, not parsed: each of the 4,096 values of the three digits that the expression looks at."""
    skipped = re.match(r"\[0-9a-fA-F\]\{(\d+)\}", expression)
    before = int(skipped[1]) if skipped else 0
    digits = [f"{cell:03x}" for cell in range(4096)]
    hits = sum(re.fullmatch(expression, "0" * before + three + "0" * (61 - before)) is not None for three in digits)
    return hits / 4096
