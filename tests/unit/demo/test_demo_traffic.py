"""The client counts every request once, paces itself, and calls a failure a failure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.demo import data, traffic
from tests.loopback import answering


class Gateway(BaseHTTPRequestHandler):
    """Answers as a served model would; every tenth visitor's request fails when told to."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, dict[str, str]]]
    broken = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        type(self).seen.append((self.path, dict(self.headers)))
        status = 503 if self.broken and len(type(self).seen) % 10 == 0 else 200
        positive = body["instances"][0]["https"] == 0.0
        answer = json.dumps({"predictions": [1.0 if positive else 0.0]}).encode()
        self.send_response(status)
        self.send_header("x-slipway-revision", "abcdef0123")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def target() -> Iterator[traffic.Target]:
    Gateway.seen, Gateway.broken = [], False
    with answering(Gateway) as address:
        host, _, port = address.partition(":")
        yield traffic.Target(host, int(port), "phishing.example", "phishing")


def run_out(target: traffic.Target, rate: float, limit: int) -> traffic.Tally:
    """Until so many have ended, however busy the machine, and a moment longer: one is counted as sent when it is drawn,
    which may be before its time."""

    def ended(tally: traffic.Tally) -> int:
        return tally.failed + sum(tally.answered.values())

    with traffic.Traffic(target, data.live_rows(data.rows()), rate, limit) as client:
        deadline = time.monotonic() + 60
        while ended(client.read()) < limit and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
    return client.read()


def test_each_request_is_counted_once_and_names_visitor_and_request(target: traffic.Target) -> None:
    tally = run_out(target, rate=60, limit=60)
    assert tally.sent == len(Gateway.seen) == tally.answered["abcdef0123"] == 60
    assert tally.failed == 0
    path, headers = Gateway.seen[0]
    assert path == "/v1/models/phishing:predict"
    assert headers["Host"] == "phishing.example"
    assert len(headers["x-slipway-bucket"]) == 64
    assert len({seen["x-request-id"] for _, seen in Gateway.seen}) == tally.sent
    assert 0 < (tally.positive_rate("abcdef0123") or 0) < 1
    assert tally.positive_rate("unknown") is None


def test_the_rate_holds_however_late_the_client_is_woken(target: traffic.Target) -> None:
    began = time.monotonic()
    with traffic.Traffic(target, data.live_rows(data.rows()), 60, 10_000) as client:
        while (sent := client.read().sent) < 60 and time.monotonic() < began + 60:
            time.sleep(0.02)
        took = time.monotonic() - began
    assert sent >= 60
    assert sent <= 60 * took + traffic.WORKERS + 1, "each of the workers has drawn one before its time"


def test_the_limit_holds(target: traffic.Target) -> None:
    assert run_out(target, rate=500, limit=40).sent == 40


def test_a_refused_request_is_a_failure_and_is_not_retried(target: traffic.Target) -> None:
    Gateway.broken = True
    tally = run_out(target, rate=100, limit=50)
    assert tally.sent == 50
    assert tally.failed == 5
    assert "HTTP 503" in tally.failures[0].what


def test_nobody_at_home_is_told() -> None:
    nobody = traffic.Target("127.0.0.1", 9, "x", "x")
    with pytest.raises(TimeoutError, match="no prediction within"):
        traffic.until_served(nobody, data.rows()[0], 0.01, pause=lambda _: None)


def test_the_bucket_is_the_whole_digest_of_the_entity() -> None:
    assert traffic.bucket("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
