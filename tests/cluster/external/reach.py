"""What answers from this machine: a Service's address need not, where the cluster is not this machine's own."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Status and body of an HTTP answer; status 0, and the reason as body, where there was none."""

    status: int
    body: str


class Reach:
    """Asks directly, without a proxy: what is asked lies beside the cluster."""

    def __init__(self, timeout: float = 5.0) -> None:
        self._timeout = timeout
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, url: str) -> Answer:
        """Any HTTP status is an answer."""
        try:
            with self._opener.open(url, timeout=self._timeout) as answer:
                return Answer(answer.status, answer.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            return Answer(error.code, "")
        except (OSError, ValueError) as error:
            return Answer(0, str(getattr(error, "reason", error)))

    def connects(self, address: str) -> bool:
        """Whether something listens at host:port."""
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=self._timeout):
                return True
        except (OSError, ValueError):
            return False
