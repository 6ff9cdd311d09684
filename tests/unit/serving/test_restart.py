"""A server that restarts within its pod: the operator's questions, in Prometheus' engine, over what both lives said."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from slipway.core.evidence_queries import queries
from slipway.core.ratio_metrics import MEAN_SCORE, ratio_texts
from slipway_serving.service.answers import Answer
from slipway_serving.service.assignment import Origin
from slipway_serving.service.countable import Countable
from slipway_serving.service.measure import Measurements
from slipway_serving.service.settings import Settings

ARM = {"rollout": "ns/fraud", "revision": "aaaa"}
EPOCH = {**ARM, "epoch": "17"}
OF_TRAFFIC = {**EPOCH, "traffic": "live"}


def life(requests: int, status: int, seconds: float, rank: int) -> dict[str, float]:
    """The page of one process that has answered: a value by the series' name and labels."""
    settings = Settings(**ARM, latency_edges=(0.1,))
    measurements = Measurements(settings, Countable(("0", "1")))
    answer = Answer(["1"], np.array([1], np.intp), np.array([0.5]))
    for _ in range(requests):
        measurements.add(Origin("live", 17, 0xAB, 5, rank), status, seconds, answer)
    lines = [line for line in measurements.render().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def expected() -> dict[str, list[tuple[dict[str, str], float]]]:
    assigned = {**OF_TRAFFIC, "assigned": "true"}
    return {
        "requests": [({**assigned, "code": "2xx"}, 100), ({**assigned, "code": "5xx"}, 90)],
        "predictions": [({**assigned, "class": "0"}, 0), ({**assigned, "class": "1"}, 190)],
        'latency{le="0.1"}': [({**assigned, "le": "0.1"}, 100)],
        'latency{le="+Inf"}': [({**assigned, "le": "+Inf"}, 190)],
        "error_y": [(OF_TRAFFIC, 90)],
        "error_n": [(OF_TRAFFIC, 190)],
        "error_yn": [(OF_TRAFFIC, 90 * 190)],
        "class_yy": [({**OF_TRAFFIC, "class": "1"}, 190**2)],
        "class_n": [(OF_TRAFFIC, 190)],
        "registers": [(OF_TRAFFIC, 1)],
        "powers": [(OF_TRAFFIC, 2.0**-6)],
        "score_y": [(EPOCH, 95)],
        "score_n": [(EPOCH, 190)],
    }


def question(texts: dict[str, str], name: str) -> str:
    """The text of that name; of the latency one edge, since there are forty."""
    text, _, edge = name.partition("{le=")
    return f'({texts[text]}) and on (le) label_replace(vector(1), "le", {edge[:-1]}, "", "")' if edge else texts[text]


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which comes with Prometheus")
def test_both_lives_count(tmp_path: Path) -> None:
    """A hundred quick requests, then ninety slow ones that failed: by the largest values alone, none of 100 is slow."""
    first, second = life(100, 200, 0.01, rank=6), life(90, 500, 1.0, rank=4)
    series = [
        {"series": name, "values": " ".join("_" if page.get(name) is None else f"{page[name]:g}" for page in pages)}
        for pages in [(first, first, second, second)]
        for name in first | second
    ]
    texts = dict(queries("5m", ["ns/fraud"]))
    texts |= {f"score_{part}": text for part, text in ratio_texts(MEAN_SCORE, "5m", ["ns/fraud"]).items()}
    checks = [
        {
            "expr": question(texts, name),
            "eval_time": "45s",
            "exp_samples": [{"labels": _labels(labels), "value": value} for labels, value in samples],
        }
        for name, samples in expected().items()
    ]
    file = tmp_path / "lives.json"
    test = {"interval": "15s", "input_series": series, "promql_expr_test": checks}
    file.write_text(json.dumps({"evaluation_interval": "15s", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
