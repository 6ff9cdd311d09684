"""What an A/B is asked, and what an interval answers: Pass, Breach, Wait, or Inconclusive at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Better = Literal["Higher", "Lower"]


class Verdict(StrEnum):
    """Inconclusive is an outcome, not a failure: the time is over and the interval holds both answers."""

    PASS = "Pass"
    BREACH = "Breach"
    WAIT = "Wait"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True)
class Hypothesis:
    """`margin` is how much worse may still pass, in units of the effect (a share of stable's value if it is relative).

    Superiority has no margin. Raises ValueError on a negative margin, and on one where superiority is asked.
    """

    better: Better = "Higher"
    type: Literal["Superiority", "NonInferiority"] = "Superiority"
    margin: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.margin < math.inf:
            raise ValueError(f"margin must be 0 or more, got {self.margin}")
        if self.type == "Superiority" and self.margin:
            raise ValueError("a margin belongs to NonInferiority: set type, or take the margin away")
        if self.type == "NonInferiority" and not self.margin:
            raise ValueError("NonInferiority needs a margin of more than 0: say how much worse may still pass")

    @property
    def limit(self) -> float:
        """The effect that must be cleared: zero, or the margin on the worse side."""
        return -self.margin if self.better == "Higher" else self.margin


def judge_limit(low: float, high: float, limit: float, better: Better, ended: bool = False) -> Verdict:
    """The verdict of an interval against a limit; ends that are not known are infinite or NaN and decide nothing.

    `ended` says that no more evidence comes, so that Wait becomes Inconclusive.
    """
    above, below = low > limit, high < limit
    passes, breaches = (above, below) if better == "Higher" else (below, above)
    if passes != breaches:
        return Verdict.PASS if passes else Verdict.BREACH
    return Verdict.INCONCLUSIVE if ended else Verdict.WAIT


def judge(low: float, high: float, hypothesis: Hypothesis, ended: bool = False) -> Verdict:
    """The verdict of an effect's interval: surely clear of the hypothesis's limit, surely beyond it, or neither."""
    return judge_limit(low, high, hypothesis.limit, hypothesis.better, ended)
