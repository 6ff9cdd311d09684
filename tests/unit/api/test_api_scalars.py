"""Durations, shares, bounds and numbers: what they accept, what they mean, and that their texts survive."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from slipway.api.v1alpha1.scalars import Bound, Duration, Number, Share

MILLISECONDS = st.integers(min_value=0, max_value=9_999 * 86_400_000)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("5s", 5),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1w1d1h1m1s1ms", 694_861.001),
        ("0s", 0),
    ],
)
def test_duration_means(text: str, seconds: float) -> None:
    assert Duration(text).seconds == seconds


@pytest.mark.parametrize(
    "text", ["", "7", "d", "1 d", "1.5h", "-1h", "5m1h", "1h1h", "7days", "١h", "10000000000s", "5m\n"]
)
def test_duration_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as"):
        Duration(text)


@given(MILLISECONDS)
def test_duration_from_a_length_is_exact(milliseconds: int) -> None:
    assert Duration.of(milliseconds / 1000).milliseconds == milliseconds


@given(MILLISECONDS, MILLISECONDS)
def test_durations_order_by_length_whatever_their_spelling(one: int, other: int) -> None:
    first, second = Duration(f"{one // 1000}s") if one < 10**10 else Duration.of(one / 1000), Duration.of(other / 1000)
    assert (first < second) == (first.milliseconds < second.milliseconds)


def test_two_spellings_are_equal_and_keep_their_text() -> None:
    assert Duration("60m") == Duration("1h")
    assert len({Duration("60m"), Duration("1h")}) == 1
    assert str(Duration("60m")) == "60m"


@given(st.integers(min_value=0, max_value=1_000_000))
def test_share_as_percentage_and_as_number_agree(parts: int) -> None:
    fraction = Decimal(parts).scaleb(-6)
    assert Share(f"{fraction * 100:.4f}%").fraction == Share(f"{fraction:.6f}").fraction == fraction


@pytest.mark.parametrize(
    "text", ["", "%", "101%", "100.1%", "1.1", "-1%", "5 %", "1e-2", ".5", "0.5.5", "5%%", "50", "1\n"]
)
def test_share_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="must be a share"):
        Share(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1%", "0.01"),
        ("0.2", "0.2"),
        ("100ms", "0.1"),
        ("1.5s", "1.5"),
        ("2m", "120"),
        ("-4", "-4"),
        ("150%", "1.5"),
        ("100", "100"),
    ],
)
def test_bound_means(text: str, value: str) -> None:
    assert Bound(text).value == Decimal(value)


@pytest.mark.parametrize("text", ["", "ms", "1h", "1 %", "--1", "NaN", "inf", "1e3"])
def test_bound_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number such as"):
        Bound(text)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_number_means_itself(value: Decimal) -> None:
    assert Number(f"{value:f}").value == value


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1,5", "0x1", "1e999"])
def test_number_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number such as"):
        Number(text)


@pytest.mark.parametrize("scalar", [Duration, Share, Bound, Number])
def test_a_bare_number_of_yaml_is_refused_with_the_way_to_write_it(scalar: type) -> None:
    with pytest.raises(ValidationError, match="must be a string"):
        TypeAdapter(scalar).validate_python(0.05)


@pytest.mark.parametrize(("scalar", "text"), [(Duration, "90m"), (Share, "5%"), (Bound, "100ms"), (Number, "1e-5")])
def test_text_survives_json(scalar: type, text: str) -> None:
    adapter = TypeAdapter(scalar)
    assert adapter.dump_python(adapter.validate_python(text), mode="json") == text
    assert adapter.dump_json(scalar(text)) == f'"{text}"'.encode()
