"""How a server starts: whether it becomes ready, and whether it then means it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass

from slipway_serving.probe.contract.subject import Skip, Subject
from slipway_serving.probe.smoke import Unproven

_EVERY_SECONDS = 0.05
_SAID_EVERY_SECONDS = 5.0
_LATE_SECONDS = 15.0
_REFUSED = (400, 413, 415, 422)  # the model does not take the request: waiting would not help
_NO_ANSWER = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Start:
    """`fault` says why the server is not ready, `seen` whether it was seen unready; `late` is the number of seconds
    after which it answered, having said that it was ready, None where it never did."""

    fault: str
    seen: bool
    late: float | None = None
    first: str = ""


def watch(subject: Subject, say: Callable[[str], None]) -> Start:
    """Waits until /readyz is 200, and asks for a prediction at once."""
    begin = time.monotonic()
    spoken, seen, said = begin, False, "nothing answers"
    while (now := time.monotonic()) - begin < subject.asked.ready_seconds:
        try:
            answer = subject.ask("/readyz")
            if answer.status == 200:
                late, first = _first(subject)
                return Start("", seen, late, first)
            said = f"/readyz answers {answer.status}"
        except _NO_ANSWER as error:
            said = f"nothing answers ({error})"
        seen = True
        if now - spoken > _SAID_EVERY_SECONDS:
            spoken = now
            say(f"waiting for the server to become ready ({now - begin:.0f} s): {said}")
        time.sleep(_EVERY_SECONDS)
    return Start(f"not ready within {subject.asked.ready_seconds:.0f} s: {said}", seen)


def _first(subject: Subject) -> tuple[float | None, str]:
    """Seconds until the first prediction, 0 for one at once; and what the first attempt came to."""
    begin, first = time.monotonic(), ""
    while time.monotonic() - begin < _LATE_SECONDS:
        try:
            answer = subject.predict()
            if answer.status == 200:
                return (time.monotonic() - begin if first else 0.0), first
            said = f"POST {subject.requests.path_v1} answered {answer.shown()}"
            if answer.status in _REFUSED:
                return None, said
        except Unproven as error:
            said = error.message
        except _NO_ANSWER as error:
            said = f"no answer: {error}"
        first = first or said
        time.sleep(_EVERY_SECONDS)
    return None, first


def waits(start: Start) -> str:
    """What is wrong with a server's readiness. Raises Skip where its start was not seen."""
    if start.late is None:
        raise Skip("the model never answered: see metadata, predict-v1")
    if start.late > 0:
        return f"the model answered {start.late:.1f} s after /readyz said 200; at first {start.first}"
    if not start.seen:
        raise Skip("it was ready when it was first asked: begin before the server starts")
    return ""
