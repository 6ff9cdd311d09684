"""Whether a ledger is whole: each entry holds the digest of the one before, and the status holds that of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from slipway.api.v1alpha1.rollout_ledger import Ledger
from slipway.core.ledger.entry import FORMAT, sha256


@dataclass(frozen=True)
class Chain:
    """What was found: the entries that could be read, by number, and what is wrong, a sentence each."""

    entries: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return not self.problems


def verify(texts: Sequence[tuple[str, str]], uid: str, ledger: Ledger | None) -> Chain:
    """`texts` are pairs of a ConfigMap's name and its entry; entries of other rollouts than `uid` are refused. Without
    the `ledger` of a status, as when the rollout is gone, the chain is compared with itself only."""
    expected = {entry.sequence: entry.digest for entry in ledger.kept} if ledger else {}
    pending = [(f"status.ledger.pending[{place}]", text) for place, text in enumerate(ledger.pending if ledger else ())]
    problems: list[str] = []
    found: dict[int, tuple[str, Mapping[str, Any]]] = {}
    for name, text in (*texts, *pending):
        entry, problem = _read(text, uid)
        digest = sha256(text)
        if entry is None:
            problems.append(f"{name}: {problem}")
            continue
        sequence = int(entry["sequence"])
        if expected.get(sequence, digest) != digest:
            problems.append(f"{name}: entry {sequence} is not the one that the status knows: its digest is {digest}")
        elif sequence in found and found[sequence][0] != digest:
            problems.append(f"{name}: there are two entries with number {sequence}")
        else:
            found[sequence] = (digest, entry)
    problems += [f"entry {number} is missing" for number in sorted(expected) if number not in found]
    entries = tuple(found[number][1] for number in sorted(found))
    return Chain(entries, (*problems, *_links(found), *_head(found, ledger)))


def _read(text: str, uid: str) -> tuple[Mapping[str, Any] | None, str]:
    try:
        entry = json.loads(text)
    except ValueError:
        return None, "it is no JSON"
    if not isinstance(entry, dict) or entry.get("format") != FORMAT or not isinstance(entry.get("sequence"), int):
        return None, f"it is no entry of the format {FORMAT}"
    try:
        datetime.fromisoformat(str(entry.get("at")))
    except ValueError:
        return None, "it has no time"
    owner = entry.get("rollout")
    if not isinstance(owner, dict) or owner.get("uid") != uid:
        return None, "it belongs to another rollout"
    return entry, ""


def _links(found: Mapping[int, tuple[str, Mapping[str, Any]]]) -> list[str]:
    problems = []
    numbers = sorted(found)
    for before, after in pairwise(numbers):
        if after != before + 1:
            problems.append(f"between the entries {before} and {after} there is a gap")
        elif found[after][1].get("previous", "") != found[before][0]:
            problems.append(f"entry {after} does not hold the digest of entry {before}: one of them was changed")
    return problems


def _head(found: Mapping[int, tuple[str, Mapping[str, Any]]], ledger: Ledger | None) -> list[str]:
    if ledger is None or not ledger.sequence or ledger.sequence not in found:
        return []
    return [] if found[ledger.sequence][0] == ledger.head else ["the newest entry is not the one that the status knows"]
