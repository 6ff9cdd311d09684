"""Prometheus over its HTTP API."""

from __future__ import annotations

from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Series:
    """One element of an instant vector."""

    labels: dict[str, str]
    value: float


class Prometheus:
    """Instant queries against one address."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=15.0, trust_env=False)

    def query(self, promql: str) -> list[Series]:
        """The instant vector of a query.

        Raises:
            httpx.HTTPError: when Prometheus does not answer or refuses the query.
        """
        answer = self._http.get("/api/v1/query", params={"query": promql})
        answer.raise_for_status()
        result = answer.json()["data"]["result"]
        return [Series(dict(item["metric"]), float(item["value"][1])) for item in result]

    def number(self, promql: str) -> float | None:
        """The single value of a query; None when it has no data, which is not the same as 0."""
        found = self.query(promql)
        return found[0].value if found else None

    def close(self) -> None:
        self._http.close()
