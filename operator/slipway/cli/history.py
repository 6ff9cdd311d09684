"""`slipway history`: how each version ended, and whether the evidence ledger is whole."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from slipway.api.v1alpha1.rollout_ledger import Ledger
from slipway.cli.cluster import Cluster, Entry, NotFound, Unreadable
from slipway.cli.explain import add_target
from slipway.cli.turns import (
    Row,
    decision_lines,
    document,
    ledger_sentences,
    rows_of_entries,
    rows_of_history,
    status_of,
    turn_lines,
)
from slipway.core.ledger.chain import Chain, verify

WHOLE, BROKEN, UNREADABLE = 0, 1, 2
_DESCRIPTION = """
Shows how each version ended: outcome, stage, reason, and the interval of the gate that decided. Verifies the chain of
the evidence ledger, whose entries are ConfigMaps that you must be able to list. A ledger that a deleted rollout has
left behind (deletionPolicy: Orphan) is shown as well.
"""
_EPILOG = """
exit codes: 0 shown, and the ledger is whole; 1 the ledger is broken; 2 not found, not allowed, or no cluster: the
message says what to do
"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "history", help="show how versions ended, and verify the evidence", description=_DESCRIPTION, epilog=_EPILOG
    )
    add_target(parser)
    parser.add_argument("--decisions", action="store_true", help="each entry of the ledger instead of each turn")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found, and returns the exit code."""
    try:
        cluster = Cluster.connect(arguments.context)
        rows, ledger, chain = read(cluster, arguments.namespace or cluster.namespace, arguments.name)
    except Unreadable as unreadable:
        print(f"slipway history: {unreadable}", file=sys.stderr)
        return UNREADABLE
    if arguments.output == "json":
        print(json.dumps(document(rows, ledger, chain), indent=2))
    else:
        print("\n".join(decision_lines(chain.entries) if arguments.decisions else turn_lines(rows)))
        print("\n".join(ledger_sentences(ledger, chain)))
    return WHOLE if chain.whole else BROKEN


def read(cluster: Cluster, namespace: str, name: str) -> tuple[Sequence[Row], Ledger | None, Chain]:
    """Turns, ledger and its verified chain. Raises `Unreadable`."""
    try:
        rollout = cluster.rollout(namespace, name)
    except NotFound:
        entries = _newest(cluster.ledger(namespace, name))
        if not entries:
            raise
        chain = verify([(each.name, each.text) for each in entries], entries[0].uid, None)
        return rows_of_entries(chain.entries), None, chain
    found = _verified(cluster, rollout)
    # The operator writes while we read: what is broken is read a second time.
    return found if found[2].whole else _verified(cluster, cluster.rollout(namespace, name))


def _verified(cluster: Cluster, rollout: Mapping[str, Any]) -> tuple[Sequence[Row], Ledger | None, Chain]:
    status, metadata = status_of(rollout), rollout["metadata"]
    entries = cluster.ledger(metadata["namespace"], metadata["name"])
    texts = [(each.name, each.text) for each in entries if each.uid == metadata["uid"]]
    return rows_of_history(status.history), status.ledger, verify(texts, metadata["uid"], status.ledger or Ledger())


def _newest(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Those of the rollout of this name that decided last."""
    decided = {each.uid: _at(each) for each in sorted(entries, key=_at)}
    uid = max(decided, key=lambda each: decided[each], default="")
    return [each for each in entries if each.uid == uid]


def _at(entry: Entry) -> str:
    try:
        return str(json.loads(entry.text).get("at", ""))
    except (ValueError, AttributeError):
        return ""
