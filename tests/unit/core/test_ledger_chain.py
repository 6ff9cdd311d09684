"""The chain as a value: whatever is changed, taken out or put in between is found."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.api.v1alpha1.rollout_ledger import KEPT, MOST, PENDING, Ledger
from slipway.api.v1alpha1.rollout_status import GateResult, ModelRolloutStatus, StageProgress, Target, Variant
from slipway.core.desired.names import Identity, canonical
from slipway.core.ledger.archive import PIECE, from_tags, tag_prefix, tags
from slipway.core.ledger.book import ENTRY, appended, entry_key, over, settled, to_ask, writes
from slipway.core.ledger.chain import Chain, verify
from slipway.core.ledger.entry import LIMIT, Decision, Inputs, entry_text, sha256
from slipway.core.plan import Archive, Create, Delete, SetOwners, Unavailable

WHO = Identity("team", "fraud", "uid-1")
AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
SHELL = {"format": "slipway.dev/ledger/1", "sequence": 9, "at": "2026-11-29T03:00:00Z"}
AWAY = Unavailable("MLflowUnavailable", "MLflow did not answer")


def decision(number: int) -> Decision:
    status = ModelRolloutStatus(target=Target(version=str(number)), stage=StageProgress(name=f"stage-{number}"))
    return Decision("Started" if number % 4 == 0 else "StageEntered", "Because", f"decision {number}", status)


def grow(ledger: Ledger | None, number: int, run: str = "run-1") -> Ledger:
    inputs = Inputs(WHO, 3, {"model": {"version": "2"}}, AT + timedelta(seconds=number), run)
    found = appended(ledger, [decision(number)], inputs)
    assert found is not None
    return found


def written(length: int, run: str = "run-1") -> tuple[Ledger, list[tuple[str, str]]]:
    """A ledger of so many entries, all of them in ConfigMaps."""
    ledger, texts = Ledger(), []
    for number in range(length):
        ledger = grow(ledger, number, run)
        actions = [each for each in writes(ledger, WHO, AWAY) if isinstance(each, Create)]
        texts += [(each.manifest["metadata"]["name"], each.manifest["data"][ENTRY]) for each in actions]
        after = settled(ledger, WHO, AWAY, actions)
        assert after is not None
        ledger = after
    return ledger, texts


def checked(texts: list[tuple[str, str]], ledger: Ledger | None) -> Chain:
    return verify(texts, WHO.uid, ledger)


def test_what_was_written_verifies_and_is_canonical() -> None:
    ledger, texts = written(5)
    found = checked(texts, ledger)
    assert found.whole
    assert [entry["sequence"] for entry in found.entries] == [1, 2, 3, 4, 5]
    assert "previous" not in found.entries[0]
    assert all(canonical(json.loads(text)) == text for _, text in texts)
    assert [entry_key(WHO, each).name for each in ledger.kept] == [name for name, _ in texts]


def test_entries_that_are_not_written_yet_verify_as_well() -> None:
    ledger, texts = written(3)
    assert checked(texts, grow(ledger, 3)).whole


@settings(max_examples=60)
@given(st.integers(2, 7), st.data())
def test_no_single_change_goes_unseen(length: int, data: st.DataObject) -> None:
    ledger, texts = written(length)
    place = data.draw(st.integers(0, length - 1))
    name, text = texts[place]
    field = data.draw(st.sampled_from(["message", "at", "reason", "operator", "spec"]))
    changed = canonical({**json.loads(text), field: "something else"})
    tampered = [*texts[:place], (name, changed), *texts[place + 1 :]]
    assert not checked(tampered, ledger).whole
    assert not checked(texts[:place] + texts[place + 1 :], ledger).whole, "an entry was taken out"
    if place < length - 1:
        assert not checked(tampered, None).whole, "also without the status: the next entry holds its digest"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "no JSON"),
        ("{}", "no entry of the format"),
        (canonical({**SHELL, "at": "yesterday"}), "no time"),
        (canonical({**SHELL, "rollout": {"uid": "another"}}), "another"),
    ],
)
def test_what_is_no_entry_of_this_rollout_is_named(text: str, word: str) -> None:
    ledger, texts = written(2)
    found = checked([*texts, ("stranger", text)], ledger)
    assert [problem for problem in found.problems if problem.startswith("stranger") and word in problem]


def test_a_ledger_whose_newest_entries_are_gone_is_broken() -> None:
    ledger, texts = written(4)
    assert checked(texts[:-1], ledger).problems == ("entry 4 is missing",)


def test_decisions_that_find_no_place_are_counted_and_the_next_entry_says_so() -> None:
    ledger = None
    for number in range(PENDING + 2):
        ledger = grow(ledger, number)
    assert ledger is not None
    assert (len(ledger.pending), ledger.missed, ledger.sequence) == (PENDING, 2, PENDING)
    after = settled(ledger, WHO, AWAY, writes(ledger, WHO, AWAY))
    text = grow(after, 99).pending[-1]
    assert json.loads(text)["missed"] == 2


@settings(max_examples=25)
@given(st.integers(0, 40), st.text(max_size=3000), st.text(max_size=800))
def test_an_entry_is_bounded_whatever_people_write(gates: int, words: str, image: str) -> None:
    results = tuple(
        GateResult(name=f"gate-{n}", verdict="Wait", message=words, bound=words, value=words) for n in range(gates)
    )
    variants = tuple(Variant(name=name, image=image) for name in ("stable", "candidate"))
    status = ModelRolloutStatus(gates=results, variants=variants)
    text = entry_text(Decision("RolledBack", "R", words, status), Inputs(WHO, 1, {}, AT), 7, "0" * 64, "run", 0)
    assert len(text.encode()) <= LIMIT
    assert len(json.loads(text).get("gates", ())) == gates


@given(st.text(min_size=1, max_size=3 * PIECE))
def test_tags_hold_a_whole_entry(text: str) -> None:
    prefix = tag_prefix("uid-1", 7)
    found = tags(prefix, text)
    assert all(len(piece) <= PIECE for piece in found.values())
    assert from_tags(prefix, {**found, "slipway.ledger.uid-1.000008.00": "of another entry"}) == text


def test_the_oldest_entry_is_archived_first_and_removed_when_the_run_holds_it() -> None:
    ledger, texts = written(KEPT)
    assert (writes(ledger, WHO, None), to_ask(ledger)) == ((), "")
    ledger, texts = written(KEPT + 1)
    oldest = over(ledger)[0]
    assert to_ask(ledger) == "run-1"
    prefix = tag_prefix(WHO.uid, 1)
    (asked,) = writes(ledger, WHO, {})
    assert asked == Archive(entry_key(WHO, oldest), ENTRY, "run-1", prefix)
    assert settled(ledger, WHO, {}, [asked]) == ledger, "nothing is forgotten before the run holds it"
    held = tags(prefix, texts[0][1])
    assert writes(ledger, WHO, {**held, f"{prefix}00": "cut"}) == (asked,)
    assert writes(ledger, WHO, AWAY) == (asked,)
    (removal,) = writes(ledger, WHO, held)
    assert removal == Delete(entry_key(WHO, oldest), "")
    after = settled(ledger, WHO, held, [removal])
    assert after is not None
    assert (len(after.kept), after.lost) == (KEPT, 0)
    assert checked(texts[1:], after).whole


@pytest.mark.parametrize(
    ("length", "run", "found"),
    [
        (KEPT + 1, "", None),
        (KEPT + 1, "run-1", Unavailable("RunNotFound", "it was deleted")),
        (MOST + 1, "run-1", AWAY),
    ],
    ids=["no run", "run deleted", "away for too long"],
)
def test_what_nobody_can_keep_is_removed_and_counted(length: int, run: str, found: Unavailable | None) -> None:
    ledger, _ = written(length, run)
    (removal,) = writes(ledger, WHO, found)
    assert isinstance(removal, Delete)
    after = settled(ledger, WHO, found, [removal])
    assert after is not None
    assert (len(after.kept), after.lost) == (length - 1, 1)


def test_owners_follow_the_deletion_policy() -> None:
    ledger, _ = written(2)
    orphan = Identity(WHO.namespace, WHO.name, WHO.uid, owned=False)
    released = writes(ledger, orphan, None)
    assert released == tuple(SetOwners(entry_key(WHO, entry), ()) for entry in ledger.kept)
    after = settled(ledger, orphan, None, released)
    assert after is not None
    assert (after.owned, writes(after, orphan, None)) == (False, ())
    assert all(len(each.owners) == 1 for each in writes(after, WHO, None) if isinstance(each, SetOwners))


def test_the_name_follows_from_the_text() -> None:
    (made,) = writes(grow(None, 1), WHO, None)
    assert isinstance(made, Create)
    text = made.manifest["data"][ENTRY]
    assert made.manifest["metadata"]["name"] == f"fraud-ledger-000001-{sha256(text)[:12]}"
    assert made.manifest["immutable"] is True
    assert made.manifest["metadata"]["labels"]["slipway.dev/ledger"] == WHO.uid
