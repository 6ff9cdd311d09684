"""What is counted too often is caught like what is not counted: pages of our own server, and spoilt ones."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from slipway_serving.probe.contract import counted
from slipway_serving.probe.contract.counted import Counted
from slipway_serving.probe.contract.exposition import Page
from slipway_serving.probe.contract.subject import Asked, Subject
from slipway_serving.service.assignment import read_origin
from slipway_serving.service.countable import Countable
from slipway_serving.service.measure import Measurements
from slipway_serving.service.settings import Settings

POD = Settings(rollout="shop/fraud", revision="r1", latency_edges=(0.123,))
Spoil = Callable[[str], str]
SUBJECT = Subject(Asked("127.0.0.1", 1, latency_edge="0.123"))


class Canned(Counted):
    """The pages of a server before and after the live requests."""

    def __init__(self, spoil: Spoil) -> None:
        super().__init__(SUBJECT)
        self.info = {"rollout": POD.rollout, "revision": POD.revision}
        measurements = Measurements(POD, Countable())
        texts = [measurements.render()]
        for entity in self.entities:
            origin = read_origin(self._headers(POD.revision, entity), POD.revision, POD.bucket_header)
            measurements.add(origin, 200, 0.004)
        self._pages = [Page(spoil(text)) for text in (*texts, measurements.render())]


def changed(pattern: str, line: Callable[[re.Match[str]], str]) -> Spoil:
    return lambda text: re.sub(f"(?m)^{pattern}$", line, text)


RANK = r"(slipway_exposure_register.*) (\d+)"
BUCKET = r"(slipway_evidence_duration_bucket.*le=\"0.0[1-9]\d*\".*) \d+"


def test_our_own_pages_pass() -> None:
    pages = Canned(lambda text: text)
    assert [check(SUBJECT, pages) for check in (counted.exposures, counted.latency, counted.clusters)] == ["", "", ""]


@pytest.mark.parametrize(
    ("check", "spoil", "said"),
    [
        (counted.exposures, changed(RANK, lambda m: f"{m[1]} {int(m[2]) + 1}"), "make it"),
        (counted.exposures, changed(RANK, lambda m: f"{m[1]} 54"), "make it"),
        (counted.exposures, changed(RANK, lambda m: m[0] + "\n" + re.sub('er="\\d+"', 'er="7"', m[0])), '"7"'),
        (counted.exposures, changed(RANK, lambda m: ""), "is 0"),
        (counted.latency, changed(BUCKET, lambda m: f"{m[1]} 0"), "cumulative"),
        (counted.latency, lambda text: text.replace("0.123", "0.124"), "none of the edges"),
    ],
)
def test_a_count_that_is_too_high_or_not_cumulative_is_caught(
    check: Callable[[Subject, Counted], str], spoil: Spoil, said: str
) -> None:
    assert said in check(SUBJECT, Canned(spoil))


def test_only_a_line_feed_ends_a_sample() -> None:
    page = Page('total{class="a\u2028b\x85c"} 1\r\ntotal{class="d"} 2\n')
    assert [(own["class"], value) for own, value in page.of("total")] == [("a\u2028b\x85c", 1), ("d", 2)]
