"""The queries, run by Prometheus' own rule tester on made series (skipped where promtool is not installed)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from slipway.api.v1alpha1.scalars import Duration
from slipway.core.drift_queries import REFERENCE, live_rows

pytestmark = pytest.mark.programs
WINDOW = Duration("2m")
LABELS = 'rollout="team/fraud",revision="r1",feature="amount"'


def series(bucket: int, pod: str, values: str, traffic: str = "live", life: str = "") -> dict[str, str]:
    own = f',life="{life}"' if life else ""
    labels = f'{LABELS},bucket="{bucket}",pod="{pod}",traffic="{traffic}"{own}'
    return {"series": f"slipway_feature_bucket_total{{{labels}}}", "values": values}


def expected(counts: dict[int, float]) -> list[dict[str, object]]:
    return [{"labels": f'{{{LABELS},bucket="{bucket}"}}', "value": value} for bucket, value in counts.items()]


def check(tmp_path: Path, made: list[dict[str, str]], text: str, at: str, counts: dict[int, float]) -> None:
    """Runs one query at one instant; samples come every 10 s."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    test = {"expr": text, "eval_time": at, "exp_samples": expected(counts)}
    file = tmp_path / "drift.yaml"
    group = {"interval": "10s", "input_series": made, "promql_expr_test": [test]}
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "10s", "tests": [group]}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_steady_pod_counts_what_it_answered_in_the_window(tmp_path: Path) -> None:
    check(
        tmp_path, [series(0, "a", "0+10x60"), series(1, "a", "0+30x60")], live_rows(WINDOW, 0), "8m", {0: 120, 1: 360}
    )


def test_a_new_pod_counts_from_its_first_row_not_from_its_first_scrape(tmp_path: Path) -> None:
    made = [
        series(0, "old", "0+10x60"),
        series(0, "new", f"{'_ ' * 42}40 50 60 70 80 90 100"),
        series(1, "new", f"{'_ ' * 46}1 1 1"),
    ]
    check(tmp_path, made, live_rows(WINDOW, 0), "8m", {0: 120 + 100, 1: 1})


def test_a_pod_that_went_away_counts_what_it_answered(tmp_path: Path) -> None:
    made = [series(0, "gone", "0+10x42"), series(0, "stays", "0+10x60")]
    # It answered 60 rows; `increase` adds half an interval after the last sample, as the pod may have gone then.
    check(tmp_path, made, live_rows(WINDOW, 0), "8m", {0: 120 + 65})


def test_both_lives_of_a_container_that_restarts_count_in_full(tmp_path: Path) -> None:
    """A new pod: 40 and 3 rows, then 20 and 5. Without the label the largest of either would be left."""
    gone, come = f"{'_ ' * 40}10 40 40 _ _ _ _ _ _", f"{'_ ' * 44}10 20 20 20 20"
    made = [series(0, "a", gone, life="x"), series(0, "a", come, life="y")]
    gone, come = f"{'_ ' * 40}1 3 3 _ _ _ _ _ _", f"{'_ ' * 44}5 5 5 5 5"
    made += [series(1, "a", gone, life="x"), series(1, "a", come, life="y")]
    check(tmp_path, made, live_rows(WINDOW, 0), "8m", {0: 60, 1: 8})


def test_a_life_that_began_before_the_window_counts_its_part_of_it(tmp_path: Path) -> None:
    """30 rows after the window began, then a restart and 25 rows."""
    made = [series(0, "a", "0+10x39 _x20", life="x"), series(0, "a", f"{'_ ' * 42}5 10 15 20 25 25 25", life="y")]
    check(tmp_path, made, live_rows(WINDOW, 0), "8m", {0: 35 + 25})  # increase adds half an interval, as above
    check(tmp_path, made, live_rows(WINDOW, 1), "8m", {0: 120})


def test_without_a_life_a_restart_is_no_negative_count(tmp_path: Path) -> None:
    check(tmp_path, [series(0, "a", "100+10x41 0+10x18")], live_rows(WINDOW, 0), "8m", {0: 110})


def test_the_window_before_ends_where_this_one_begins(tmp_path: Path) -> None:
    made = [series(0, "a", "0+10x36 380+20x23")]
    check(tmp_path, made, live_rows(WINDOW, 0), "8m", {0: 240})
    check(tmp_path, made, live_rows(WINDOW, 1), "8m", {0: 120})


def test_shadow_and_direct_requests_are_no_rows(tmp_path: Path) -> None:
    made = [series(0, "a", "0+10x60"), series(0, "b", "0+70x60", "shadow"), series(0, "c", "0+70x60", "direct")]
    check(tmp_path, made, live_rows(WINDOW, 0), "8m", {0: 120})


def test_the_reference_of_two_pods_is_one_reference(tmp_path: Path) -> None:
    made = [
        {"series": f'slipway_feature_reference{{{LABELS},bucket="0",pod="{pod}"}}', "values": "0.25x60"} for pod in "ab"
    ]
    check(tmp_path, made, REFERENCE, "8m", {0: 0.25})
