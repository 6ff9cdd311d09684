"""Leadership, step by step, over a Lease in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from slipway.runtime.errors import AlreadyExists, Conflict, Gone, NotLeader, Unreachable
from slipway.runtime.lease import Durations, Lease


class Died(BaseException):
    """In place of os._exit."""


class Memory:
    """One Lease, shared by the contenders."""

    def __init__(self) -> None:
        self.record: dict[str, Any] | None = None
        self.away = False
        self.version = 0

    def read(self) -> Mapping[str, Any]:
        if self.away:
            raise Unreachable("away")
        if self.record is None:
            raise Gone("none")
        return self.record

    def create(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.record is not None:
            raise AlreadyExists("there")
        return self._save(spec)

    def replace(self, resource_version: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.record is None or self.record["metadata"]["resourceVersion"] != resource_version:
            raise Conflict("changed")
        return self._save(spec)

    def _save(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        self.version += 1
        self.record = {"metadata": {"resourceVersion": str(self.version)}, "spec": dict(spec)}
        return self.record


class Contest:
    """Two processes, one clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.memory = Memory()
        self.acquired: list[str] = []
        self.a, self.b = self.contender("a"), self.contender("b")

    def contender(self, name: str) -> Lease:
        def die(reason: str) -> None:
            raise Died(reason)

        return Lease(
            self.memory, name, lambda: self.acquired.append(name), Durations(15, 10, 2), lambda: self.seconds, die
        )

    def steps(self, *leases: Lease, seconds: float) -> None:
        end = self.seconds + seconds
        while self.seconds < end:
            for lease in leases:
                lease.step()
            self.seconds += 2


def test_one_leads_and_keeps_leading() -> None:
    contest = Contest()
    contest.steps(contest.a, contest.b, seconds=60)
    assert contest.acquired == ["a"]
    assert contest.a.leading
    assert not contest.b.leading
    with pytest.raises(NotLeader):
        contest.b.fence()


def test_another_takes_over_after_the_duration_and_never_before_the_first_gave_up() -> None:
    contest = Contest()
    contest.steps(contest.a, contest.b, seconds=4)
    while not contest.b.leading:
        contest.steps(contest.b, seconds=2)
        assert not (contest.a.leading and contest.b.leading)
    assert contest.seconds <= 4 + 15 + 2 + 2
    assert contest.memory.record is not None
    assert contest.memory.record["spec"]["leaseTransitions"] == 1


def test_a_leader_that_wakes_up_late_may_not_write_and_dies() -> None:
    contest = Contest()
    contest.steps(contest.a, contest.b, seconds=4)
    contest.steps(contest.b, seconds=30)  # a sleeps
    with pytest.raises(NotLeader):
        contest.a.fence()
    with pytest.raises(Died):
        contest.a.step()


def test_an_api_server_that_is_away_ends_leadership_before_the_lease_runs_out() -> None:
    contest = Contest()
    contest.a.step()
    contest.memory.away = True
    contest.seconds += 9.9
    with pytest.raises(Unreachable):
        contest.a.step()
    assert contest.a.leading
    contest.seconds += 0.2
    assert not contest.a.leading


def test_a_renewal_counts_from_when_it_began() -> None:
    contest = Contest()
    contest.a.step()
    read = contest.memory.read

    def slow() -> Mapping[str, Any]:
        contest.seconds += 5
        return read()

    contest.memory.read = slow  # type: ignore[method-assign]
    contest.a.step()
    contest.seconds += 5.1
    assert not contest.a.leading, "10 s after the request began, not after it ended"


def test_a_released_lease_is_taken_at_once() -> None:
    contest = Contest()
    contest.a._thread.start = lambda: None  # type: ignore[method-assign]
    contest.a._thread.join = lambda timeout=None: None  # type: ignore[method-assign]
    contest.a.step()
    contest.b.step()
    contest.a.release()
    assert not contest.a.leading
    contest.b.step()
    assert contest.b.leading


def test_of_two_at_once_one_wins() -> None:
    contest = Contest()
    contest.a.step()
    record = contest.memory.record
    assert record is not None
    record["spec"]["holderIdentity"] = ""
    stale = dict(record)
    contest.b.step()
    contest.memory.read = lambda: stale  # type: ignore[method-assign]
    third = contest.contender("c")
    third.step()
    assert contest.b.leading
    assert not third.leading


def test_durations_must_leave_a_gap() -> None:
    with pytest.raises(ValueError, match="renew deadline"):
        Durations(10, 10, 2)
