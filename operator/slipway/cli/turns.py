"""The turns of a rollout and its ledger, as values and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.api.v1alpha1.rollout_ledger import Ledger
from slipway.api.v1alpha1.rollout_status import GateResult, HistoryEntry, ModelRolloutStatus
from slipway.cli.words import instant, lasting, measured, paragraph, table
from slipway.core.ledger.chain import Chain

ENDS = ("Promoted", "RolledBack", "Failed", "Superseded", "Aborted", "Restored", "Inconclusive")
_CHARGED = ("Breach", "Invalid", "Unknown")


@dataclass(frozen=True)
class Row:
    """How one version ended. `decisive` is the gate that decided, or the last one that let it pass."""

    number: int
    version: str
    outcome: str
    stage: str
    reason: str
    message: str
    ended_at: datetime | None
    seconds: float
    decisive: GateResult | None

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        gate = self.decisive.model_dump(mode="json", by_alias=True, exclude_defaults=True) if self.decisive else None
        ended = f"{self.ended_at:%Y-%m-%dT%H:%M:%SZ}" if self.ended_at else ""
        return {
            "number": self.number, "version": self.version, "outcome": self.outcome, "stage": self.stage,
            "reason": self.reason, "message": self.message, "endedAt": ended, "seconds": int(self.seconds),
            "decisiveGate": gate,
        }  # fmt: skip


def rows_of_history(history: Sequence[HistoryEntry]) -> tuple[Row, ...]:
    """From the status, newest first."""
    return tuple(
        Row(
            each.number, each.version, each.outcome, each.stage, each.reason, each.message, each.ended_at,
            (each.ended_at - each.started_at).total_seconds() if each.ended_at and each.started_at else 0.0,
            decisive(each.gates),
        )
        for each in history
    )  # fmt: skip


def rows_of_entries(entries: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """From a ledger whose rollout is gone, newest first."""
    ended = [entry for entry in entries if entry.get("decision") in ENDS]
    return tuple(_row(entry) for entry in reversed(ended))


def _row(entry: Mapping[str, Any]) -> Row:
    target = entry.get("target") or {}
    at = datetime.fromisoformat(entry["at"])
    started = datetime.fromisoformat(target["startedAt"]) if target.get("startedAt") else at
    gates = tuple(GateResult.model_validate(gate) for gate in entry.get("gates") or ())
    return Row(
        int(target.get("number", 0)), str(target.get("version", "")), str(entry["decision"]),
        str((entry.get("stage") or {}).get("name", "")), str(entry.get("reason", "")), str(entry.get("message", "")),
        at, (at - started).total_seconds(), decisive(gates),
    )  # fmt: skip


def decisive(gates: Sequence[GateResult]) -> GateResult | None:
    """The gate that breached, else one that nobody could judge, else the one that passed last: of those that are
    enforced, since a dry run decides nothing."""
    gates = [gate for gate in gates if gate.enforcement == "Enforce"]
    breached = [gate for gate in gates if gate.breaches]
    charged = breached or sorted(
        (gate for gate in gates if gate.verdict in _CHARGED), key=lambda gate: _CHARGED.index(gate.verdict)
    )
    if charged:
        return charged[0]
    return max((g for g in gates if g.since), key=lambda g: g.since or datetime.min, default=None)


def ledger_sentences(ledger: Ledger | None, chain: Chain) -> Iterator[str]:
    """Whether the ledger is whole, and what of it is elsewhere."""
    if chain.problems:
        yield f"the ledger is BROKEN: {'; '.join(chain.problems)}"
    elif chain.entries:
        yield f"the ledger is whole: {len(chain.entries)} entries, each holds the SHA-256 of the one before"
    else:
        yield "the ledger is empty: nothing was decided yet"
    if ledger is None:
        return
    first = ledger.kept[0].sequence if ledger.kept else 1
    if first - 1 > ledger.lost:
        yield f"entries before {first} were moved to MLflow: tags slipway.ledger.* of the runs of their versions"
    if ledger.lost:
        yield f"{ledger.lost} entries were removed that no MLflow run holds"
    if ledger.missed:
        yield f"{ledger.missed} decisions have no entry, because ConfigMaps could not be written"


def turn_lines(rows: Sequence[Row]) -> Iterator[str]:
    """A table with a line for each turn, and under it the sentence that says why."""
    if not rows:
        yield "no version has ended yet"
        return
    head = ("#", "VERSION", "OUTCOME", "STAGE", "REASON", "ENDED", "TOOK", "DECISIVE GATE")
    cells = [
        (
            str(row.number or ""), row.version[:20], row.outcome, row.stage, row.reason,
            instant(row.ended_at) if row.ended_at else "", lasting(row.seconds),
            f"{row.decisive.name} {measured(row.decisive)}" if row.decisive else "-",
        )
        for row in rows
    ]  # fmt: skip
    yield from table([head, *cells])
    yield ""
    yield from paragraph(rows[0].message, first="last: ", indent="      ")


def decision_lines(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each entry of the ledger, oldest first."""
    head = ("ENTRY", "AT", "DECISION", "VERSION", "STAGE", "WHY")
    cells = [
        (
            str(entry["sequence"]), str(entry["at"]), str(entry.get("decision", "")),
            str((entry.get("target") or {}).get("version", ""))[:20], str((entry.get("stage") or {}).get("name", "")),
            str(entry.get("message", ""))[:120],
        )
        for entry in entries
    ]  # fmt: skip
    yield from table([head, *cells])


def document(rows: Sequence[Row], ledger: Ledger | None, chain: Chain) -> dict[str, Any]:
    """All of it as JSON values."""
    return {
        "turns": [row.document() for row in rows],
        "ledger": {
            "whole": chain.whole, "problems": list(chain.problems), "head": ledger.head if ledger else "",
            "missed": ledger.missed if ledger else 0, "lost": ledger.lost if ledger else 0,
            "entries": [dict(entry) for entry in chain.entries],
        },
    }  # fmt: skip


def status_of(rollout: Mapping[str, Any]) -> ModelRolloutStatus:
    """The status of a ModelRollout as the API server has it."""
    return ModelRolloutStatus.model_validate(rollout.get("status") or {})
