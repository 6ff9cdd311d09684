"""Does the mirror itself harm stable? The share of its requests above the task's latency, before and during.

Copies take proxies' time and the load of whatever both models ask. Harm is what surely exceeds both what the task
allows and what was there before; it is no fault of the candidate, and the mirror ends all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from slipway.api.v1alpha1.rollout_pairs import BeforeMirror
from slipway.api.v1alpha1.rollout_status import GateResult
from slipway.core.before_mirror import over_edges
from slipway.core.evidence import Evidence, Histogram
from slipway.core.gate_words import shown
from slipway.core.gates import ALPHA, Verdict
from slipway.core.measures import DESIGN_EFFECT
from slipway.core.plan import Unavailable
from slipway.core.proof import demand_of, share_over
from slipway.core.rollout.turn import Turn
from slipway.statistics.ratios import Confidence, Interval, Share, interval, unclustered

NAME = "mirror.latency"
REASON = "MirrorHarmsStable"
_WORST: tuple[Verdict, ...] = ("Breach", "Unknown", "Wait", "Pass")


@dataclass(frozen=True)
class Compared:
    """One limit of the task, at an edge in seconds: stable's shares above it, None where they are not known, and the
    largest that does no harm."""

    name: str
    edge: float
    most: float
    requests: int
    during: float | None = None
    ends: Interval | None = None
    before: float | None = None
    verdict: Verdict = "Unknown"


def remember_before(turn: Turn) -> Turn:
    """Keeps stable's latency before the mirror, once Prometheus has told it."""
    found, latency = turn.snapshot.before_mirror, turn.snapshot.latency
    if found is None or isinstance(found, Unavailable) or latency is None or turn.progress.before_mirror is not None:
        return turn
    told = over_edges(found, list(demand_of(latency).limits.values()))
    kept = BeforeMirror(
        edges=tuple(f"{edge:.9g}" for edge, _ in told), over=tuple(f"{over:.9g}" for _, over in told),
        requests=f"{found.total:.9g}",
    )  # fmt: skip
    return turn.set_stage(before_mirror=kept)


def mirror_harm(turn: Turn, planned: float) -> GateResult | None:
    """The verdict; None where the task declares no latency, nothing is mirrored, or nothing was measured.

    Only a breach acts: it is a guard, and no stage waits for its pass.
    """
    candidate, evidence, latency = turn.variant("candidate"), turn.snapshot.evidence, turn.snapshot.latency
    if candidate is None or not candidate.mirror or latency is None or not isinstance(evidence, Evidence):
        return None
    during = evidence.stable.latency
    if during is None:
        return None
    limits = demand_of(latency).limits
    sure = Confidence(ALPHA / len(limits), planned)
    earlier = _earlier(turn.progress.before_mirror)
    found = [_compared(name, limit, during, earlier, sure) for name, limit in limits.items()]
    return _result(turn, min(found, key=lambda each: _WORST.index(each.verdict)))


def _earlier(before: BeforeMirror | None) -> dict[float, Share | None]:
    """Shares above each edge before the mirror; none of another edge, which would be another question."""
    if before is None:
        return {}
    total = float(before.requests or 0)
    pairs = zip(before.edges, before.over, strict=False)
    return {float(edge): unclustered(float(over), total, DESIGN_EFFECT) for edge, over in pairs}


def _compared(
    name: str, limit: float, during: Histogram, earlier: dict[float, Share | None], sure: Confidence
) -> Compared:
    edge, over = over_edges(during, [limit])[0]
    allowed, requests = share_over(name), int(during.total)
    share = unclustered(over, during.total, DESIGN_EFFECT)
    if share is None or math.isinf(edge):
        return Compared(name, edge, allowed, requests)
    ends = interval(share, sure)
    was = next((each for known, each in earlier.items() if math.isclose(known, edge, rel_tol=1e-6)), None)
    if was is None:
        return Compared(name, edge, allowed, requests, share.value, ends)
    verdict: Verdict = "Wait"
    if ends.low > max(allowed, interval(was, sure).high):
        verdict = "Breach"
    elif ends.high <= max(allowed, was.value):
        verdict = "Pass"
    return Compared(name, edge, max(allowed, was.value), requests, share.value, ends, was.value, verdict)


def _result(turn: Turn, found: Compared) -> GateResult:
    known = next((gate for gate in turn.status.gates if gate.name == NAME), None)
    same = known is not None and known.verdict == found.verdict
    low, high = _ends(found)
    return GateResult(
        name=NAME, metric=f"latency_{found.name}", value=shown(found.during, "share"),
        low=low, high=high,
        bound=f"<= {shown(found.most, 'share')}", samples=found.requests, stable_value=shown(found.before, "share"),
        verdict=found.verdict, message=_sentence(found), breaches=int(found.verdict == "Breach"),
        since=known.since if same and known is not None else turn.now,
    )  # fmt: skip


def _ends(found: Compared) -> tuple[str, str]:
    return ("", "") if found.ends is None else (shown(found.ends.low, "share"), shown(found.ends.high, "share"))


def _sentence(found: Compared) -> str:
    edge = shown(found.edge, "seconds")
    if found.during is None:
        return f"too little to judge: {found.requests} requests to stable, at {edge}"
    ends = " to ".join(_ends(found))
    now = f"of stable's requests {shown(found.during, 'share')} ({ends}) took longer than {edge} while mirrored"
    if found.before is None:
        return f"{now}; how many did before is not known"
    assumed = f"{found.requests} requests, design effect {DESIGN_EFFECT:g} assumed"
    return (
        f"{now}, {shown(found.before, 'share')} in the hour before, {shown(found.most, 'share')} do no harm ({assumed})"
    )
