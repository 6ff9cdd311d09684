"""The Job of a Shadow stage: which rows are pairs, and what is counted of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from slipway_pipelines import counting
from slipway_pipelines.pairs.figures import Compared, Slice
from slipway_pipelines.pairs.words import words

from tests.unit.pipelines.predictions import EPOCH, SINCE, UNTIL, Asked, compare, requests, write


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def told(root: Path, **changed: Any) -> dict[str, Any]:
    code, said = compare(root, **changed)
    assert code == 0, said
    return dict(said["pairs"])


def test_answers_are_counted_pair_by_pair(log: Path) -> None:
    both, ours, theirs, none = (
        requests(20, stable=1, candidate=1),
        [Asked(n, 0, 1, 0.5, f"{n:064x}") for n in range(100, 105)],
        [Asked(n, 1, 0, 0.2, f"{n:064x}") for n in range(200, 203)],
        [Asked(n, 0, 0, 0.0, f"{n:064x}") for n in range(300, 400)],
    )
    write(log, [*both, *ours, *theirs, *none], parts=3)
    said = told(log)
    assert (said["rows"], said["shadow"], said["pairs"], said["unit"]) == (128, 128, 128, "entities")
    assert said["figures"]["agreement"][:3] == [128, 120, 128]
    assert said["figures"]["positive_rate_ratio"][:3] == [28, 25, 23]
    assert said["figures"]["flagged_overlap"][:3] == [28, 20, 28]
    assert said["figures"]["score_distance"][1:3] == [pytest.approx(5 * 0.5 + 3 * 0.2), 128]
    assert said["figures"]["pair_coverage"][:3] == [128, 128, 128]


def test_clusters_are_entities_and_their_sums_are_squared_together(log: Path) -> None:
    write(log, [Asked(n, entity=f"{n % 4:064x}", candidate=int(n == 0)) for n in range(12)])
    clusters, y, n, yy, nn, yn, effect = told(log)["figures"]["agreement"]
    assert (clusters, y, n, effect) == (4, 11, 12, 1)
    assert (yy, nn, yn) == (3 * 9 + 4, 4 * 9, 3 * 9 + 6)


def test_without_an_entity_requests_are_clusters_with_a_design_effect(log: Path) -> None:
    bad_spell = [Asked(n, candidate=int(0.25 < n / 960 < 0.5), at=n / 960) for n in range(960)]
    write(log, bad_spell)
    said = told(log, assigned=False)
    assert said["unit"] == "requests"
    assert said["figures"]["agreement"][0] == 960
    assert said["figures"]["agreement"][6] > 10
    assert said["figures"]["pair_coverage"][6] == 1


def test_the_tasks_entity_is_taken_from_the_request_where_nobody_assigns(log: Path) -> None:
    write(log, [Asked(n, card=str(n % 5)) for n in range(20)])
    said = told(log, assigned=False, entity="card")
    assert (said["unit"], said["figures"]["agreement"][0]) == ("entities", 5)


def test_only_the_epochs_requests_within_the_span_are_paired(log: Path) -> None:
    inside = requests(10)
    other = [Asked(100, entity="a" * 64, epoch=EPOCH - 1), Asked(101, entity="b" * 64, at=1.5), Asked(102)]
    write(log, [*inside, *other])
    assert told(log)["rows"] == 10
    assert told(log, until=(UNTIL + timedelta(hours=1)).isoformat())["rows"] == 11
    assert told(log, since=(SINCE + timedelta(minutes=30)).isoformat())["rows"] == 5


def test_what_was_not_mirrored_and_ids_that_come_twice_are_no_pairs(log: Path) -> None:
    lost = [Asked(n, entity=f"{n:064x}", mirrored=False) for n in range(100, 110)]
    constant = [Asked(n, entity=f"{n:064x}", id="mine") for n in range(200, 205)]
    nameless = [Asked(n, entity=f"{n:064x}", id=None) for n in range(300, 302)]
    write(log, [*requests(90), *lost, *constant, *nameless])
    said = told(log)
    assert said["pairs"] == 90
    assert said["figures"]["pair_coverage"][1] == 90
    assert said["figures"]["pair_coverage"][2] == said["rows"] == 107
    assert said["repeated"] == 7


def test_a_failure_of_one_model_disagrees_and_of_both_says_nothing(log: Path) -> None:
    one, both = Asked(100, candidate=None, entity="a" * 64), Asked(101, stable=None, candidate=None, entity="b" * 64)
    write(log, [*requests(10), one, both])
    said = told(log)
    assert said["figures"]["agreement"][1:3] == [10, 11]
    assert said["figures"]["score_distance"][2] == 10
    assert said["figures"]["pair_coverage"][1] == 12


def test_numbers_are_compared_by_their_distance_alone(log: Path) -> None:
    write(log, requests(40, apart=2.0))
    said = told(log, numeric=True, positive="")
    assert set(said["figures"]) == {"score_distance", "pair_coverage"}
    assert said["figures"]["score_distance"][1:3] == [80, 40]


def test_slices_that_differ_most_are_told_and_small_ones_are_not(log: Path) -> None:
    good = requests(60)
    bad = [Asked(n, entity=f"{n:064x}", country="fr", candidate=n % 2) for n in range(100, 140)]
    few = [Asked(n, entity=f"{n:064x}", country="o'k", candidate=1) for n in range(200, 205)]
    write(log, [*good, *bad, *few])
    said = told(log, slices=["country", "weekday", "unknown"], minimumRows=10)
    found = [(one["column"], one["value"], one["pairs"]) for one in said["slices"]]
    assert found == [("country", "fr", 40), ("weekday", "Friday", 105), ("country", "it", 60)]
    assert said["slices"][0]["figures"]["agreement"][1:3] == [20, 40]
    assert ("country", "o'k", 5) in [
        (one["column"], one["value"], one["pairs"]) for one in told(log, slices=["country"], minimumRows=1)["slices"]
    ]


def test_of_too_many_rows_the_same_share_is_read_on_both_sides(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_ROWS", 400)
    write(log, requests(2000), parts=2)
    said = told(log)
    assert said["share"] == 0.2
    assert 300 < said["rows"] < 500
    assert said["pairs"] == said["rows"]


def test_an_empty_log_is_no_fault_and_no_evidence(log: Path) -> None:
    log.mkdir()
    said = told(log)
    assert (said["rows"], said["pairs"], said["figures"]["agreement"][:3]) == (0, 0, [0, 0, 0])


def test_a_broken_file_and_a_bad_request_are_told(log: Path) -> None:
    write(log, requests(5))
    broken = log / f"date={SINCE:%Y-%m-%d}" / "revision=r1" / "130000-pod-9-5.parquet"
    broken.write_bytes(b"PAR1 no more")
    code, said = compare(log)
    assert code in (1, 75)
    assert "130000-pod-9-5.parquet" in said["error"]["message"]
    code, said = compare(log, epoch="x")
    assert (code, said["error"]["reason"]) == (1, "RequestInvalid")


def test_words_fit_however_many_slices_there_are() -> None:
    sums = (1234567.0, 0.123456789, 1e300, 98765.4321, 12345678.0, 0.3333333333, 1.2345678)
    figures = dict.fromkeys(("agreement", "positive_rate_ratio", "flagged_overlap", "score_distance"), sums)
    slices = tuple(Slice("merchant", "ü" * 200, 100, figures) for _ in range(8))
    text = words(Compared(10**9, 10**9, 10**9, 10**6, "entities", 1.0, 0.123456789, figures, slices))
    assert len(text.encode()) <= 4096
    assert '"slices":[{' in text
