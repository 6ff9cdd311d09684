"""What Prometheus answers to the fast alarm's questions, and whose it is; the texts by Prometheus' own tester (skipped
where promtool is not installed)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from slipway.core.live_classes import BEGINNING, WINDOWS, Live, Observed, Watched, observed, texts
from slipway.core.plan import Unavailable
from slipway.runtime.world import Sample

STABLE = Watched("ns/fraud", "s")
BOTH = Watched("ns/fraud", "s", "c", "live", assigned=True)


def sample(value: float, **labels: str) -> Sample:
    given = {"rollout": "ns/fraud", "revision": "s", "traffic": "live", "assigned": "true", **labels}
    return Sample({key.rstrip("_"): text for key, text in given.items()}, value)


def answers(found: Mapping[str, Sequence[Sample]]) -> Mapping[str, Sequence[Sample] | Unavailable]:
    return {name: found.get(name, []) for name in texts(["ns/fraud"])}


def look(live: Live, seconds: int) -> tuple[Mapping[str, float], Mapping[str, float], float]:
    one = next(each for each in live.looks if each.seconds == seconds)
    return one.now.classes, one.before.classes, one.now.requests


FOUND = {
    "predictions 10": [
        sample(6, class_="1"), sample(14, class_="0"), sample(5, class_="0", assigned="false"),
        sample(9, class_="1", revision="c"), sample(99, class_="1", revision="c", traffic="shadow"),
        sample(99, class_="1", rollout="ns/other"),
    ],
    f"predictions {BEGINNING}": [sample(16, class_="1"), sample(114, class_="0"), sample(9, class_="1", revision="c")],
    "requests 10": [sample(20, code="2xx"), sample(5, code="2xx", assigned="false")],
    "reference": [Sample({"rollout": "ns/fraud", "revision": "s", "class": "1"}, 10.0)],
}  # fmt: skip


def test_what_serves_counts_all_of_its_live_requests() -> None:
    seen = observed(answers(FOUND), STABLE)
    assert isinstance(seen, Observed)
    assert look(seen.stable, 10) == ({"1": 6, "0": 19}, {"1": 10, "0": 95}, 25)
    assert seen.stable.reference == {"1": 10.0}
    assert seen.candidate is None


def test_beside_a_candidate_only_assigned_requests_compare() -> None:
    seen = observed(answers(FOUND), BOTH)
    assert isinstance(seen, Observed)
    assert seen.candidate is not None
    assert look(seen.candidate, 10)[0] == {"1": 9}
    assert look(seen.beside, 10)[0] == {"1": 6, "0": 14}
    assert look(seen.stable, 10)[0] == {"1": 6, "0": 19}


def test_a_window_that_holds_more_than_the_time_around_it_says_nothing() -> None:
    """Prometheus was away: after it, the window has all that was ever counted."""
    seen = observed(answers(FOUND | {"predictions 10": [sample(5000, class_="0"), sample(40, class_="1")]}), STABLE)
    assert isinstance(seen, Observed)
    assert look(seen.stable, 10) == ({}, {}, 0.0)


def test_what_cannot_be_read_is_unavailable() -> None:
    missing = Unavailable("PrometheusUnavailable", "no answer")
    assert observed({**answers(FOUND), "requests 30": missing}, STABLE) == missing


def test_one_shard_has_one_set_of_texts_and_none_is_longer_than_an_address() -> None:
    rollouts = [f"{'n' * 63}/{number:0>63}" for number in range(50)]
    asked = texts(rollouts)
    assert len(asked) == 2 * len(WINDOWS) + 2
    assert max(map(len, asked.values())) < 24_576
    assert asked == texts(list(rollouts))


LABELS = 'rollout="ns/fraud",revision="s",traffic="live",assigned="true"'


def series(values: str, label: str = "1", life: str = "a", epoch: int = 1) -> dict[str, str]:
    name = f'slipway_evidence_predictions{{{LABELS},epoch="{epoch}",life="{life}",class="{label}"}}'
    return {"series": name, "values": values}


@pytest.mark.programs
@pytest.mark.parametrize(
    ("case", "made", "back", "counts"),
    [
        ("steady", [series("0+2x120"), series("0+5x120", "0")], 30, {"1": 12, "0": 30}),
        ("another life", [series("0+2x60"), series(f"{'_ ' * 61}0+3x59", life="b")], 10, {"1": 6}),
        ("a new epoch", [series("0+2x118"), series(f"{'_ ' * 119}1 4", epoch=2)], 10, {"1": 4}),
        ("one that is gone takes nothing away", [series("0+9x100"), series("0+2x120", life="b")], 90, {"1": 36}),
        ("a missed scrape", [series("0+2x115 _ _ _ 238 240")], 10, {"1": 10}),
    ],
)
def test_prometheus_counts_what_came_in_a_window(
    tmp_path: Path, case: str, made: list[dict[str, str]], back: int, counts: dict[str, float]
) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    expected = [{"labels": f'{{{LABELS},class="{label}"}}', "value": value} for label, value in counts.items()]
    question = {"expr": texts(["ns/fraud"])[f"predictions {back}"], "eval_time": "10m", "exp_samples": expected}
    group = {"interval": "5s", "input_series": made, "promql_expr_test": [question]}
    file = tmp_path / "classes.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "5s", "tests": [group]}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, case + done.stdout + done.stderr
