"""The ledger as a value: decisions are appended to the status first, and written down by what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slipway.api.v1alpha1.rollout_ledger import KEPT, MOST, PENDING, Ledger, LedgerEntry
from slipway.core.desired.names import GROUP, Identity
from slipway.core.ledger.archive import is_archived, tag_prefix
from slipway.core.ledger.entry import Decision, Inputs, entry_text, sha256
from slipway.core.plan import Action, Archive, Create, Delete, ObjectKey, SetOwners, Unavailable

LEDGER_LABEL = f"{GROUP}/ledger"
"""On each entry; its value is the uid of the rollout, so that one of the same name has a ledger of its own."""

ENTRY = "entry.json"
GONE = "RunNotFound"


def appended(ledger: Ledger | None, decisions: Sequence[Decision], inputs: Inputs) -> Ledger | None:
    """The ledger with an entry for each decision; one that finds no place is counted, and the next entry says so."""
    for decision in decisions:
        ledger = ledger or Ledger(owned=inputs.identity.owned)
        if len(ledger.pending) >= PENDING:
            ledger = ledger.model_copy(update={"missed": ledger.missed + 1})
            continue
        sequence = ledger.sequence + 1
        last = ledger.kept[-1].run if ledger.kept else ""
        run = inputs.run if decision.kind == "Started" else last or inputs.run
        text = entry_text(decision, inputs, sequence, ledger.head, run, ledger.missed)
        digest = sha256(text)
        ledger = ledger.model_copy(
            update={
                "sequence": sequence,
                "head": digest,
                "kept": (*ledger.kept, LedgerEntry(sequence=sequence, digest=digest, run=run)),
                "pending": (*ledger.pending, text),
            }
        )
    return ledger


def entry_key(identity: Identity, entry: LedgerEntry) -> ObjectKey:
    """Where an entry stands. The name follows from its content, so that writing it twice is writing it once, and
    nobody can take it before."""
    name = f"{identity.name}-ledger-{entry.sequence:06d}-{entry.digest[:12]}"
    return ObjectKey("v1", "ConfigMap", identity.namespace, name)


def over(ledger: Ledger | None) -> tuple[LedgerEntry, ...]:
    """The entries that there is no place for any more, oldest first."""
    return ledger.kept[: max(0, len(ledger.kept) - KEPT)] if ledger is not None else ()


def to_ask(ledger: Ledger | None) -> str:
    """The run whose tags tell whether the next entry may be removed; empty while nothing has to go."""
    return next((entry.run for entry in over(ledger)), "")


def writes(ledger: Ledger, identity: Identity, archived: Mapping[str, str] | Unavailable | None) -> tuple[Action, ...]:
    """What makes the cluster hold the ledger of the persisted status. `archived` are the tags of the run `to_ask`."""
    actions: list[Action] = [Create(_manifest(identity, *each)) for each in _waiting(ledger)]
    if ledger.owned != identity.owned:
        owners = tuple(identity.metadata("", {}).get("ownerReferences", ()))
        actions += [SetOwners(entry_key(identity, entry), owners) for entry in ledger.kept]
    oldest = over(ledger)[:1]
    return (*actions, *(_remove(ledger, identity, entry, archived) for entry in oldest))


def settled(
    ledger: Ledger | None,
    identity: Identity,
    archived: Mapping[str, str] | Unavailable | None,
    actions: Sequence[Action],
) -> Ledger | None:
    """The ledger once `actions` are carried out; entries are counted that were removed and that no run holds."""
    if ledger is None:
        return None
    created = {each.manifest["metadata"]["name"] for each in actions if isinstance(each, Create)}
    waiting = _waiting(ledger)
    left = tuple(text for entry, text in waiting if entry_key(identity, entry).name not in created)
    removed = {each.key for each in actions if isinstance(each, Delete)}
    gone = [entry for entry in ledger.kept if entry_key(identity, entry) in removed]
    owned = identity.owned if any(isinstance(each, SetOwners) for each in actions) else ledger.owned
    if not gone and left == ledger.pending and owned == ledger.owned:
        return ledger
    kept = tuple(entry for entry in ledger.kept if entry not in gone)
    lost = ledger.lost + sum(not is_archived(identity.uid, entry, archived) for entry in gone)
    return ledger.model_copy(update={"kept": kept, "pending": left, "owned": owned, "lost": lost})


def _waiting(ledger: Ledger) -> tuple[tuple[LedgerEntry, str], ...]:
    newest = ledger.kept[len(ledger.kept) - len(ledger.pending) :]
    return tuple(zip(newest, ledger.pending, strict=True))


def _remove(
    ledger: Ledger, identity: Identity, entry: LedgerEntry, archived: Mapping[str, str] | Unavailable | None
) -> Action:
    key = entry_key(identity, entry)
    if _must_go(ledger, entry, archived) or is_archived(identity.uid, entry, archived):
        return Delete(key, "")
    return Archive(key, ENTRY, entry.run, tag_prefix(identity.uid, entry.sequence))


def _must_go(ledger: Ledger, entry: LedgerEntry, archived: Mapping[str, str] | Unavailable | None) -> bool:
    nowhere = not entry.run or (isinstance(archived, Unavailable) and archived.reason == GONE)
    return nowhere or len(ledger.kept) > MOST


def _manifest(identity: Identity, entry: LedgerEntry, text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": identity.metadata(entry_key(identity, entry).name, {LEDGER_LABEL: identity.uid}),
        "immutable": True,
        "data": {ENTRY: text},
    }
