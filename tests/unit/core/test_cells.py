"""Which entities a revision is assigned: cells, and the expression that matches them."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.core.desired.cells import CELLS, cells_of, offset, pattern


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 500), st.integers(1, CELLS - 1))
def test_the_expression_matches_exactly_the_assigned_cells(number: int, cells: int) -> None:
    compiled, at, rest = re.compile(pattern(number, cells)), offset(number), "a7" * 32
    matched = [
        bool(compiled.fullmatch(rest[:at] + f"{cell:03x}" + rest[at + 3 :]))
        for cell in {0, 1, cells - 1, cells, min(cells + 1, CELLS - 1), CELLS - 1, *range(0, CELLS, 61)}
        if cell != -1
    ]
    wanted = [
        cell < cells for cell in {0, 1, cells - 1, cells, min(cells + 1, CELLS - 1), CELLS - 1, *range(0, CELLS, 61)}
    ]
    assert matched == wanted


@given(st.integers(0, 500), st.integers(1, CELLS - 1), st.text("0123456789abcdefABCDEF", max_size=80))
def test_what_is_no_entity_never_matches(number: int, cells: int, text: str) -> None:
    compiled = re.compile(pattern(number, cells))
    if len(text) != 64:
        assert not compiled.fullmatch(text)
    else:
        cell = int(text[offset(number) : offset(number) + 3], 16)
        assert bool(compiled.fullmatch(text)) is (cell < cells)


@given(st.integers(0, 500), st.integers(1, CELLS - 1))
def test_the_expression_is_short(number: int, cells: int) -> None:
    assert len(pattern(number, cells)) <= 130


@pytest.mark.parametrize("cells", [0, -1, 4096])
def test_no_or_all_cells_are_no_expression(cells: int) -> None:
    with pytest.raises(ValueError, match="cells"):
        pattern(1, cells)


@pytest.mark.parametrize(
    ("share", "cells"), [("0.0001", 1), ("0.01", 41), ("0.05", 205), ("0.5", 2048), ("0.9999", 4095)]
)
def test_shares_become_whole_cells(share: str, cells: int) -> None:
    assert cells_of(Decimal(share)) == cells


def test_no_entity_is_in_every_canary() -> None:
    entities = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(2000)]
    chosen = [{e for e in entities if re.fullmatch(pattern(r, 410), e)} for r in range(1, 13)]
    assert not set.intersection(*chosen)
    assert all(150 < len(some) < 250 for some in chosen)
