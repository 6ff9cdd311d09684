"""Java's own client offers HTTP/2 with its first requests: their bodies arrive all the same."""

from __future__ import annotations

import pytest
from slipway_serving.service.connection import _without_offer

HEAD = b"POST /v1/models/fraud:predict HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEA\r\n"
BODY = b'{"instances": [{"note": "\r\nupgrade: h2c\r\n"}]}'


@pytest.mark.parametrize("offer", [b"Upgrade: h2c", b"upgrade:h2c ", b"UPGRADE: h2c"])
def test_the_offer_is_taken_out_of_the_head_and_nothing_else(offer: bytes) -> None:
    asked = HEAD + offer + b"\r\n\r\n" + BODY
    without = _without_offer(asked)
    assert without == HEAD + b"x-upgrade" + offer[len(b"upgrade") :] + b"\r\n\r\n" + BODY


@pytest.mark.parametrize("line", [b"upgrade: websocket", b"x: upgrade: h2c", b"x: h2c"])
def test_other_heads_stay_as_they_are(line: bytes) -> None:
    asked = HEAD + line + b"\r\n\r\n" + BODY
    assert _without_offer(asked) == asked
