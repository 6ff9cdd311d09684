"""A scoring pod that was killed has said nothing of it: the kubelet's word tells why, beside the Job's."""

from __future__ import annotations

import json
from typing import Any

from slipway.core.rollout.batch.jobs import read

PROGRESS = {"scoring": {"rows": 200_000, "of": 900_000, "rowsPerSecond": 8_000}}
JOB = {
    "metadata": {"name": "fraud-scoring-1", "uid": "1"},
    "status": {
        "conditions": [
            {
                "type": "Failed",
                "status": "True",
                "reason": "BackoffLimitExceeded",
                "message": "the limit is reached",
            }
        ]
    },
}


def pod(number: int, said: dict[str, Any], **ended: Any) -> dict[str, Any]:
    terminated = {"message": json.dumps(said), **ended}
    return {
        "metadata": {"name": f"p{number}", "creationTimestamp": f"2026-05-01T12:0{number}:00Z"},
        "status": {"containerStatuses": [{"state": {"terminated": terminated}}]},
    }


def test_a_pod_that_took_too_much_memory_is_told() -> None:
    killed = [pod(number, PROGRESS, exitCode=137, reason="OOMKilled") for number in (1, 2)]
    reason, message = read(JOB, killed).error
    assert reason == "OOMKilled"
    assert message == "the limit is reached; its last pod ended with exit code 137 (OOMKilled)"


def test_a_pod_that_died_otherwise_keeps_the_jobs_reason() -> None:
    reason, message = read(JOB, [pod(1, PROGRESS, exitCode=139, reason="Error")]).error
    assert (reason, "exit code 139" in message) == ("BackoffLimitExceeded", True)


def test_what_a_pod_says_itself_comes_first_and_without_pods_the_job_speaks() -> None:
    fault = {"error": {"reason": "ColumnMissing", "message": "the input has no column 'a'"}}
    assert read(JOB, [pod(1, fault, exitCode=1, reason="Error")]).error == ("ColumnMissing", fault["error"]["message"])
    assert read(JOB, []).error == ("BackoffLimitExceeded", "the limit is reached")
