"""Leadership by a Lease, renewed by a thread of its own: a busy event loop must not cost the leadership.

The rules of client-go's leaderelection: a holder is judged by when this process last saw its record change, never by
comparing clocks of two machines. The holder gives up `renew deadline` after it began its last successful renewal,
which is before `duration`, when another may take over: in between nobody leads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from slipway.runtime.errors import AlreadyExists, ApiError, Conflict, Gone, NotLeader

log = logging.getLogger(__name__)
Record = Mapping[str, Any]


class LeaseApi(Protocol):
    """The Lease object over a blocking client of its own."""

    def read(self) -> Record: ...
    def create(self, spec: Record) -> Record: ...
    def replace(self, resource_version: str, spec: Record) -> Record: ...


@dataclass(frozen=True)
class Durations:
    """Seconds. `duration` > `renew_deadline` > `retry`, with room for a request's time-out between them."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.duration > self.renew_deadline > self.retry > 0:
            raise ValueError("lease: duration > renew deadline > retry period > 0 must hold")


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _die(reason: str) -> None:
    # Not sys.exit: no handler, no finally, no pending request may still write after leadership is gone.
    log.critical("leadership lost: %s; the process ends", reason)
    os._exit(70)


class Lease:
    """Acquires, renews, and ends the process when neither is certain any more."""

    def __init__(
        self,
        api: LeaseApi,
        identity: str,
        on_acquired: Callable[[], None],
        durations: Durations | None = None,
        now: Callable[[], float] = _boottime,
        die: Callable[[str], None] = _die,
    ) -> None:
        """`identity` is unique to this process; `on_acquired` is called in the lease's thread."""
        self._api, self.identity, self._on_acquired = api, identity, on_acquired
        self._durations = durations or Durations()
        self._now, self._die = now, die
        self._deadline = float("-inf")
        self._leading = False
        self._seen: tuple[str, float] = ("", 0.0)  # version of another's record, and when it was first seen
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._watchdog = threading.Thread(target=self._watch, name="lease watchdog", daemon=True)

    @property
    def leading(self) -> bool:
        """Whether this process may write now."""
        return self._leading and self._now() < self._deadline

    @property
    def alive(self) -> bool:
        """Whether the threads run; a process without them is not ready."""
        return self._thread.is_alive() and self._watchdog.is_alive()

    def fence(self) -> None:
        """Raises `NotLeader` unless this process leads for certain."""
        if not self.leading:
            raise NotLeader("this process does not hold the lease")

    def start(self) -> None:
        """Starts trying to lead."""
        self._thread.start()
        self._watchdog.start()

    def release(self) -> None:
        """Stops renewing and gives the lease away, so that another need not wait for it to run out."""
        self._stop.set()
        self._thread.join(timeout=self._durations.renew_deadline)
        was_leading, self._leading = self._leading, False
        if was_leading:
            with contextlib.suppress(ApiError):
                record = self._api.read()
                if record["spec"].get("holderIdentity") == self.identity:
                    version = record["metadata"]["resourceVersion"]
                    self._api.replace(version, {**record["spec"], "holderIdentity": "", "leaseDurationSeconds": 1})

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
            except ApiError as error:
                log.warning("lease: %s", error)
            except Exception:
                log.exception("lease")
            self._stop.wait(self._durations.retry)

    def _watch(self) -> None:
        while not self._stop.wait(min(0.2, self._durations.retry)):
            if self._leading and self._now() >= self._deadline:
                self._die("the lease could not be renewed in time")
                return

    def step(self) -> None:
        """One attempt to renew or to acquire. Raises `ApiError` when the API server could not be asked."""
        began = self._now()
        try:
            record = self._api.read()
        except Gone:
            with contextlib.suppress(AlreadyExists):
                self._api.create(self._spec({}, is_new=True))
                self._take(began)
            return
        holder = record["spec"].get("holderIdentity") or ""
        if self._leading and holder != self.identity:
            self._die(f"the lease is now held by {holder or 'nobody'}")
            return
        if not self._leading and holder not in ("", self.identity) and not self._has_run_out(record, began):
            return
        try:
            self._api.replace(
                record["metadata"]["resourceVersion"], self._spec(record["spec"], is_new=not self._leading)
            )
        except Conflict:
            return  # somebody was quicker; the next step reads who
        self._take(began)

    def _take(self, began: float) -> None:
        self._deadline = began + self._durations.renew_deadline
        if not self._leading:
            self._leading = True
            log.info("leading as %s", self.identity)
            self._on_acquired()

    def _has_run_out(self, record: Record, now: float) -> bool:
        version = record["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, now)
        return now - self._seen[1] >= float(record["spec"].get("leaseDurationSeconds") or self._durations.duration)

    def _spec(self, old: Record, *, is_new: bool) -> dict[str, Any]:
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        transitions = int(old.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._durations.duration)),
            "acquireTime": stamp if is_new else old.get("acquireTime", stamp),
            "renewTime": stamp,
            "leaseTransitions": transitions + 1 if is_new and old else transitions,
        }
