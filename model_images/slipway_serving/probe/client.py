"""One HTTP connection to the server under proof."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A status with the body's bytes; headers by lower-case name."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.body)

    def shown(self) -> str:
        """The answer in a sentence."""
        return f"{self.status}: {self.body[:300].decode(errors='replace')}"


class Connection:
    """Kept alive between requests; a broken one is opened anew by the next request."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout)

    def ask(self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """POST of `body`, or GET. Raises OSError or http.client.HTTPException when there is no answer."""
        try:
            typed = {"content-type": "application/json"} if body is not None else {}
            self._connection.request("GET" if body is None else "POST", path, body, {**typed, **(headers or {})})
            response = self._connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, response.read(), named)
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        """Closes the socket."""
        self._connection.close()
