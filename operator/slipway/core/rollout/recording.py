"""What a decision leaves in the evidence ledger: appended to the status with the transition itself, written down by the
next decision like every other effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slipway.api.v1alpha1.rollout_status import ModelRolloutStatus
from slipway.core.desired.names import canonical
from slipway.core.evidence_queries import queries, window
from slipway.core.ledger.book import appended, settled, writes
from slipway.core.ledger.entry import Inputs, sha256
from slipway.core.live_classes import texts as live_classes_of
from slipway.core.missing_values import MISSING_RATE, missing_texts
from slipway.core.plan import Action, Archive
from slipway.core.ratio_metrics import point_text, ratio_texts
from slipway.core.rollout.asked import asked, judges, points, questions, recent, recent_texts
from slipway.core.rollout.comparison import comparison
from slipway.core.rollout.snapshot import Resolved
from slipway.core.rollout.turn import Turn

ARCHIVE_SECONDS = 10.0
"""After which a copy in MLflow is looked at."""


def record(turn: Turn, status: ModelRolloutStatus) -> ModelRolloutStatus:
    """The status with an entry for each decision of this turn."""
    if not turn.decisions:
        return status
    snapshot = turn.snapshot
    model = snapshot.model if isinstance(snapshot.model, Resolved) else None
    inputs = Inputs(
        snapshot.identity, snapshot.generation, snapshot.raw, turn.now, model.run if model else "", _evidence(turn)
    )
    return status.model_copy(update={"ledger": appended(status.ledger, turn.decisions, inputs)})


def _evidence(turn: Turn) -> dict[str, Any]:
    """Which queries the verdicts came from: their window, whom they compared, and the digest of their texts for this
    rollout alone. The texts that are sent name the rollouts that are judged at the same time as well."""
    compared, since = comparison(turn.snapshot), turn.snapshot.status.epoch_since
    if compared is None or since is None:
        return {}
    age = (turn.now - since).total_seconds()
    within = window(age)
    sides = {"candidate": compared.candidate, "stable": compared.stable}
    own = [turn.snapshot.identity.key]
    texts = {"": dict(queries(within, own))}
    texts |= {key: dict(ratio_texts(metric, metric.within(age), own)) for key, metric in asked(turn.snapshot).items()}
    for seconds, wanted in recent(turn.snapshot).items():
        texts[f"{seconds:g}s"] = recent_texts(wanted, within, seconds, own)
        for key, metric in wanted.ratios.items():
            texts[f"{key}/{seconds:g}s"] = dict(ratio_texts(metric, f"{seconds:g}s", own))
    texts |= {key: {"": point_text(metric, own)} for key, metric in points(turn.snapshot).items()}
    if judges(turn.snapshot, MISSING_RATE):
        texts[MISSING_RATE] = dict(missing_texts(age, own))
    if turn.status.prediction_shift is not None:
        texts["prediction_shift"] = dict(live_classes_of(own))
    for key, (template, _) in questions(turn.snapshot).items():
        texts[key] = {"": canonical(template.provider.model_dump(mode="json"))}
    return {
        "window": within,
        "seconds": int(age),
        "queries": sha256(canonical(texts)),
        "epoch": compared.candidate.epoch,
        **{side: f"{each.revision} {each.traffic}" for side, each in sides.items() if each is not None},
    }


def ledger_writes(turn: Turn) -> tuple[Action, ...]:
    """Entries of the persisted status that are not written yet, or whose time is over."""
    ledger = turn.status.ledger
    return writes(ledger, turn.snapshot.identity, turn.snapshot.archived) if ledger is not None else ()


def acted(turn: Turn, status: ModelRolloutStatus, actions: Sequence[Action]) -> ModelRolloutStatus:
    """The status once the actions are carried out: it is written after them."""
    ledger = settled(status.ledger, turn.snapshot.identity, turn.snapshot.archived, actions)
    return status if ledger is status.ledger else status.model_copy(update={"ledger": ledger})


def look_again(actions: Sequence[Action], wake: float | None) -> float | None:
    """When to decide again: soon after a copy was made."""
    if not any(isinstance(each, Archive) for each in actions):
        return wake
    return ARCHIVE_SECONDS if wake is None else min(wake, ARCHIVE_SECONDS)
