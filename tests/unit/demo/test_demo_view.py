"""The demo shows what status says, and an empty status shows as empty."""

from __future__ import annotations

import io
import time
from collections import Counter
from datetime import UTC, datetime

from rich.console import Console

from tests.demo import table, view
from tests.demo.traffic import Tally

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
ROLLOUT = {
    "spec": {
        "stages": [
            {"name": "shadow", "type": "Shadow", "minSamples": 100},
            {"name": "canary-10", "type": "Canary", "minExposures": 50},
        ]
    },
    "status": {
        "phase": "Progressing",
        "stage": {"name": "canary-10", "exposures": 12, "samples": 14, "expectedEnd": "2026-01-01T12:00:09Z"},
        "split": {"requested": "10.01%", "observed": "9.8%", "low": "7.1%", "high": "12.9%", "agrees": True},
        "gates": [
            {"name": "errors", "value": "0", "low": "0", "high": "0.02", "bound": "0.05", "samples": 14,
             "verdict": "Pass"},
            {"name": "says-phishing", "value": "0", "low": "0", "high": "0.1", "bound": "0.21", "stableValue": "0.43",
             "samples": 14, "verdict": "Breach", "message": "below its bound"},
        ],
        "variants": [
            {"name": "stable", "role": "Serving", "version": "2", "revision": "aa", "weight": "90%", "replicas": 1,
             "readyReplicas": 1},
            {"name": "candidate", "role": "Canary", "version": "3", "revision": "bb", "weight": "10%"},
        ],
        "history": [{"version": "2", "outcome": "Promoted"}, {"version": "1", "outcome": "Promoted"}],
        "conditions": [{"type": "Stalled", "status": "False", "reason": "Fine", "message": ""}],
    },
}  # fmt: skip


def test_a_look_at_a_canary() -> None:
    look = view.read(ROLLOUT, NOW)
    assert (look.stage, look.asked, look.seconds_left) == ("canary-10", "10.01%", 9.0)
    assert look.measured == "9.8% (7.1% … 12.9%, agrees)"
    assert look.evidence == "exposures 12 of 50"
    assert look.gates[1].interval == "0 … 0.1"
    assert look.variants[0].ready == "1/1"
    assert look.trouble == ""
    assert "says-phishing=0 Breach" in look.line()


def test_history_and_variants_by_version_and_name() -> None:
    assert [entry["outcome"] for entry in view.history(ROLLOUT, "2")] == ["Promoted"]
    assert view.variant(ROLLOUT, "candidate")["revision"] == "bb"
    assert view.variant(ROLLOUT, "previous") == {}


def test_nothing_yet_is_shown_as_nothing() -> None:
    for absent in (None, {}, {"spec": {"stages": []}, "status": {}}):
        look = view.read(absent, NOW)
        assert look.line() == "-"
        assert look.seconds_left is None


def test_a_stalled_rollout_says_why() -> None:
    stalled = {"status": {"conditions": [{"type": "Stalled", "status": "True", "reason": "X", "message": "do y"}]}}
    assert view.read(stalled, NOW).trouble == "X: do y"


def test_the_terminal_shows_all_of_it() -> None:
    out = io.StringIO()
    screen = table.Screen(plain=False, console=Console(file=out, force_terminal=True, width=160, height=60))
    screen.say("version 3 is being rolled out")
    tally = Tally(sent=9, answered=Counter(aa=9))
    screen.watch(lambda: (view.read(ROLLOUT, NOW), tally))
    time.sleep(1.3)
    screen.close()
    text = out.getvalue()
    for shown in ("canary-10", "10.01%", "9.8%", "exposures 12 of 50", "says-phishing", "Breach", "0 failed", "9 s"):
        assert shown in text


def test_without_a_terminal_there_are_plain_lines_and_no_escapes() -> None:
    out = io.StringIO()
    screen = table.Screen(plain=False, console=Console(file=out, width=160))
    screen.watch(lambda: (view.read(ROLLOUT, NOW), Tally()))
    time.sleep(2.3)
    screen.close()
    assert out.getvalue().count("stage canary-10") == 1
    assert "\x1b" not in out.getvalue()
