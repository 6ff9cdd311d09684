"""The courier: one attempt at a time for each receiver, back-off, outcomes, and no wait for whoever hands over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from slipway.core.plan import Deliver, ObjectKey, Outcome
from slipway.runtime.courier import Courier

from tests.unit.runtime.fakes import ROLLOUT, Clock


class Receiver:
    """Answers what it is told to, and counts; `gate` holds an attempt open."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.calls: list[int] = []
        self.gate: asyncio.Event | None = None

    async def send(self, delivery: Deliver) -> str:
        self.calls.append(delivery.sequence)
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else ""
        if answer == "raise":
            raise ValueError("https://secret.example.com")
        return answer


def delivery(sequence: int = 1, receiver: str = "hook/a") -> Deliver:
    return Deliver(ROLLOUT, "uid-1", receiver, sequence, {"id": "x", "event": "Promoted"}, url="https://x.example")


def within(body: Callable[[Courier, Receiver, Clock, list[ObjectKey]], Awaitable[None]], *answers: str) -> None:
    async def run() -> None:
        clock, woken, hook = Clock(), list[ObjectKey](), Receiver(*answers)
        await body(Courier(hook, Receiver(), woken.append, clock.monotonic), hook, clock, woken)

    asyncio.run(run())


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_is_delivered_is_told_and_not_sent_again() -> None:
    async def body(courier: Courier, hook: Receiver, clock: Clock, woken: list[ObjectKey]) -> None:
        courier.take(delivery())
        assert hook.calls == [], "handing over does not wait"
        await settled()
        assert courier.outcomes("uid-1") == {"hook/a": Outcome(1, True)}
        assert woken == [ROLLOUT]
        courier.take(delivery())
        await settled()
        assert hook.calls == [1]
        courier.take(delivery(2))
        await settled()
        assert hook.calls == [1, 2]

    within(body)


def test_what_fails_is_tried_later_and_later() -> None:
    async def body(courier: Courier, hook: Receiver, clock: Clock, woken: list[ObjectKey]) -> None:
        waits = []
        for _ in range(3):
            courier.take(delivery())
            await settled()
            assert courier.outcomes("uid-1") == {"hook/a": Outcome(1, False, "HTTP 500")}
            calls, waited = len(hook.calls), 0.0
            while len(hook.calls) == calls:
                clock.seconds += 0.5
                waited += 0.5
                courier.take(delivery())
                await settled()
            waits.append(waited)
            hook.calls.pop()
            hook.answers.insert(0, "HTTP 500")
            courier._attempts["uid-1", "hook/a"].until = 0.0
        assert waits[0] < waits[-1]

    within(body, *["HTTP 500"] * 9)


def test_an_attempt_under_way_is_not_doubled() -> None:
    async def body(courier: Courier, hook: Receiver, clock: Clock, woken: list[ObjectKey]) -> None:
        hook.gate = asyncio.Event()
        for sequence in (1, 1, 2):
            courier.take(delivery(sequence))
            await settled()
        assert hook.calls == [1]
        hook.gate.set()
        await settled()
        assert courier.outcomes("uid-1")["hook/a"].sequence == 1

    within(body)


def test_an_exception_costs_nobody_else_and_tells_no_address() -> None:
    async def body(courier: Courier, hook: Receiver, clock: Clock, woken: list[ObjectKey]) -> None:
        courier.take(delivery())
        await settled()
        assert courier.outcomes("uid-1")["hook/a"] == Outcome(1, False, "it failed with ValueError")
        courier.take(delivery(1, "hook/b"))
        await settled()
        assert courier.outcomes("uid-1")["hook/b"].delivered

    within(body, "raise")
