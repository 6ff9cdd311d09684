"""Who is held out: exactly the entities of the cells, whatever the stage; nobody else, whatever a client says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.core.desired.cells import CELLS, Cells, cells_of
from slipway.core.desired.http_route import Backend, HoldOut, Intent, http_route
from slipway_serving.service.assignment import read_origin

from tests.unit.core.test_desired import GATEWAY, ME
from tests.unit.core.test_qa_header import sent_to

HEADER = "x-slipway-bucket"
STABLE, CANDIDATE = Backend("fraud-aaaa", "aaaa"), Backend("fraud-bbbb", "bbbb")
CELLS_OF_SOME = st.builds(Cells, st.integers(0, CELLS - 1), st.integers(1, CELLS // 2))
HOLD_OUTS = st.builds(HoldOut, st.integers(1, 99), CELLS_OF_SOME)
SHARES = st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("0.3"), Decimal("0.5"), Decimal("0.97")])
INTENTS = st.builds(
    Intent,
    main=st.just(STABLE),
    number=st.integers(1, 40),
    epoch=st.integers(1, 9),
    candidate=st.sampled_from([None, CANDIDATE]),
    share=SHARES,
    mirror=st.sampled_from([Decimal(0), Decimal(0), Decimal(1)]),
    header=st.just(HEADER),
    qa=st.sampled_from([None, ("x-qa", "yes")]),
    hold_out=HOLD_OUTS,
)
ENTITIES = st.one_of(
    st.integers(0, 10**6).map(lambda number: hashlib.sha256(str(number).encode()).hexdigest()),
    st.text("0123456789abcdefABCDEF", min_size=64, max_size=64),
)


def spec_of(intent: Intent) -> dict[str, Any]:
    return dict(http_route(ME, GATEWAY, intent)["spec"])


def is_held(entity: str, cells: Cells) -> bool:
    return (int(entity[60:63], 16) - cells.first) % CELLS < cells.count


def changes(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for rule in spec["rules"]:
        for ref in rule["backendRefs"]:
            yield ref["filters"][0]["requestHeaderModifier"]


@given(INTENTS, ENTITIES, st.booleans(), st.sampled_from([{}, {"x-slipway-holdout": "1"}]))
def test_an_entity_of_the_cells_gets_stable_and_is_told_and_nobody_else_is(
    intent: Intent, entity: str, turned: bool, forged: dict[str, str]
) -> None:
    assert intent.hold_out is not None
    assert intent.hold_out.cells is not None
    spec = spec_of(intent)
    spec["rules"] = spec["rules"][::-1] if turned else spec["rules"]  # whichever of two equal matches is taken
    name, headers = sent_to(spec, **{HEADER: entity}, **forged)
    held = is_held(entity, intent.hold_out.cells)
    assert headers.get("x-slipway-holdout") == (str(intent.hold_out.rotation) if held else None)
    assert not held or name == STABLE.inference_service
    assigned = int(entity[5 * intent.number % 60 :][:3], 16) < cells_of(intent.share)
    live = intent.candidate is not None and intent.mirror == 0 and intent.share > 0
    assert (name == CANDIDATE.inference_service) == (not held and live and assigned)


@given(INTENTS)
def test_no_rule_passes_on_what_a_client_says_of_being_held_out(intent: Intent) -> None:
    told = [any(one["name"] == "x-slipway-holdout" for one in each.get("set", ())) for each in changes(spec_of(intent))]
    taken = ["x-slipway-holdout" in each.get("remove", ()) for each in changes(spec_of(intent))]
    assert [says != takes for says, takes in zip(told, taken, strict=True)] == [True] * len(told)
    assert told.count(True) == 1
    assert "x-slipway-holdout" in next(changes(spec_of(replace(intent, header="", hold_out=None))))["remove"]


@given(INTENTS)
def test_a_copy_is_made_of_no_request_that_is_held_out(intent: Intent) -> None:
    rules = spec_of(intent)["rules"]
    held = next(r for r in rules if "x-slipway-holdout" in str(r["backendRefs"][0]["filters"][0]) and "set" in str(r))
    assert [rule for rule in rules if "filters" in rule] == [rules[1]] * ("filters" in rules[1])
    assert "filters" not in (held if held is not rules[1] else {})


@given(INTENTS)
def test_places_stay_where_nobody_is_held_out_any_more(intent: Intent) -> None:
    assert intent.hold_out is not None
    with_cells, without = spec_of(intent), spec_of(replace(intent, hold_out=HoldOut(intent.hold_out.rotation)))
    never = spec_of(replace(intent, hold_out=None))
    assert [len(r["backendRefs"]) for r in with_cells["rules"]] == [len(r["backendRefs"]) for r in without["rules"]]
    assert never["rules"] == [without["rules"][0], without["rules"][1], *without["rules"][3:]]
    assert "x-slipway-holdout" not in sent_to(without, **{HEADER: "0" * 64})[1]


@given(INTENTS)
def test_a_route_stays_within_what_the_api_allows(intent: Intent) -> None:
    rules = spec_of(intent)["rules"]
    values = [h["value"] for r in rules for match in r["matches"] for h in match.get("headers", ())]
    assert len(rules) <= 4
    assert max(map(len, values)) <= 512  # of 4,096


def test_pods_take_a_held_out_request_for_no_evidence_of_live_traffic() -> None:
    intent = Intent(STABLE, 7, 3, header=HEADER, hold_out=HoldOut(4, Cells(0, 2048)))
    headers = sent_to(spec_of(intent), **{HEADER: "0" * 64})[1]
    origin = read_origin(headers, "aaaa", HEADER, holds_out=True)
    assert (origin.traffic, origin.epoch, origin.rotation, origin.assigned) == ("holdout", 3, 4, True)


@given(CELLS_OF_SOME, st.integers(1, 100))
def test_rotations_hold_out_everybody_equally_often(cells: Cells, laps: int) -> None:
    """As many rotations as there are cells hold out each cell as often as every other one."""
    counts = [0] * CELLS
    for lap in range(CELLS):
        counts[(cells.first + lap * cells.count) % CELLS] += 1
    turns = {sum(counts[(cell - back) % CELLS] for back in range(cells.count)) for cell in range(0, CELLS, 97 + laps)}
    assert turns == {cells.count}


@pytest.mark.parametrize(("first", "count"), [(-1, 5), (CELLS, 5), (0, 0), (0, CELLS)])
def test_cells_that_are_none_are_refused(first: int, count: int) -> None:
    with pytest.raises(ValueError, match="no cells of a hold-out"):
        Cells(first, count)


def test_arms_and_hold_out_have_nothing_to_do_with_each_other() -> None:
    """Of real entities: the candidate's share among those who are not held out is that among all."""
    cells, entities = Cells(4000, 410), [hashlib.sha256(str(n).encode()).hexdigest() for n in range(20_000)]
    spec = spec_of(Intent(STABLE, 3, 1, CANDIDATE, Decimal("0.2"), header=HEADER, hold_out=HoldOut(1, cells)))
    names = [sent_to(spec, **{HEADER: one})[0] for one in entities[:4000] if not is_held(one, cells)]
    share = names.count(CANDIDATE.inference_service) / len(names)
    assert abs(share - 0.2) < 0.03
    assert abs(sum(is_held(one, cells) for one in entities) / len(entities) - 0.1) < 0.01
