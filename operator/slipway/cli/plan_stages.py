"""What the stages of a rollout take and find, in words; loaded on demand, since scipy takes half a second."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1 import ModelRolloutSpec
from slipway.api.v1alpha1.rollout_stages import Stage
from slipway.api.v1alpha1.scalars import Share
from slipway.cli import pilot
from slipway.cli.canary import days_of, half_width
from slipway.cli.documents import Unreadable
from slipway.cli.pilot import Pilot
from slipway.core.experiment import sized
from slipway.validation import check, errors


@dataclass(frozen=True)
class Line:
    """What is printed of one stage."""

    stage: str
    says: str
    fits: bool = True


def lines(manifest: Mapping[str, Any], found: Sequence[Any], arguments: argparse.Namespace) -> Iterator[Line]:
    """A line for each stage with traffic of one rollout; `found` is all that the files hold.

    Raises Unreadable for a rollout that is not legal, and pilot.Unknown where nothing is known of its traffic.
    """
    wrong = errors(check(manifest))
    name = str((manifest.get("metadata") or {}).get("name", ""))
    if wrong:
        raise Unreadable(f"ModelRollout {name}: {wrong[0]}")
    spec = ModelRolloutSpec.model_validate(manifest["spec"])
    stages = [stage for stage in spec.stages if stage.type in ("ABTest", "Canary")]
    if not stages:
        yield Line(name, "no stage of type ABTest or Canary: nothing to plan")
    known = pilot.read(manifest, spec, found, arguments) if any(stage.skip is None for stage in stages) else None
    for stage in stages:
        if stage.skip is not None:
            yield Line(f"{name}/{stage.name}", f"is passed over: {stage.skip.reason}")
            continue
        assert known is not None
        line = _of_test(stage, known) if stage.type == "ABTest" else _of_canary(stage, known)
        yield Line(f"{name}/{stage.name}", line.says, line.fits)


def _of_test(stage: Stage, known: Pilot) -> Line:
    test = stage.ab_test
    assert test is not None
    metric = known.metric(test)
    try:
        size = sized(test, metric, known.arrivals, float(test.weight.fraction))
    except ValueError as failed:
        return Line(stage.name, f"cannot be planned: {failed}", fits=False)
    takes = f"{size.days:.3g} days" if size.days is not None else "more days than anybody waits"
    relative = test.effect.kind == "Relative"
    shows = "nothing" if size.detectable is None else f"{size.detectable:.3%}" if relative else f"{size.detectable:.4g}"
    says = (
        f"{size.entities} entities to find {test.effect.value} ({test.effect.kind.lower()}) from {metric.mean:.4g} "
        f"with power {test.power}, which take {takes}; by its end after {test.at_most} {size.reachable:.0f} come and "
        f"show {shows}"
    )
    return Line(stage.name, says if size.fits else f"CANNOT FINISH: {says}", size.fits)


def _of_canary(stage: Stage, known: Pilot) -> Line:
    weight = stage.canary.weight if stage.canary is not None else Share("0%")
    least = stage.min_exposures or 0
    if not least:
        return Line(stage.name, f"asks for no entities: {stage.min_duration} at {weight}, as its requests allow")
    days = days_of(known.arrivals, least / float(weight.fraction))
    if days is None:
        return Line(stage.name, f"CANNOT FINISH: {least} entities at {weight} never come", fits=False)
    share = known.share
    width = half_width(share, least) if share is not None else None
    shows = f"; a share of {share:.3%} is then known to ±{width:.3%}" if width is not None else ""
    return Line(
        stage.name, f"{least} entities at {weight} take {days:.3g} days, minDuration {stage.min_duration}{shows}"
    )
