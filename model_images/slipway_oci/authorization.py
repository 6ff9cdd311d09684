"""Credentials for a registry, and the token dance of the Distribution Specification."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path

import requests

from slipway_oci.errors import RegistryDenied, RegistryUnavailable

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Credentials:
    """A user name and password (or token) as a `kubernetes.io/dockerconfigjson` Secret holds them."""

    username: str
    password: str

    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def credentials_from_docker_config(path: Path, host: str) -> Credentials | None:
    """Reads the entry of `host` in a Docker `config.json`; None where there is none."""
    entries = json.loads(path.read_text()).get("auths", {})
    entry = entries.get(host) or entries.get(f"https://{host}") or entries.get(f"http://{host}")
    if not entry:
        return None
    if "auth" in entry:
        username, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        return Credentials(username, password)
    return Credentials(entry.get("username", ""), entry.get("password", ""))


class Authorizer:
    """Answers a registry's `WWW-Authenticate` challenge; keeps one header per repository scope."""

    def __init__(
        self, session: requests.Session, credentials: Credentials | None, timeout: tuple[float, float]
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._timeout = timeout
        self._headers: dict[str, str] = {}

    def header(self, scope: str) -> dict[str, str]:
        """The header known so far for `scope`, or nothing: the first answer tells whether one is wanted."""
        value = self._headers.get(scope)
        return {"Authorization": value} if value else {}

    def answer(self, challenge: str, scope: str, host: str) -> bool:
        """Obtains a header for `scope`; False where the challenge cannot be answered."""
        kind = challenge.split(" ", 1)[0].lower()
        if kind == "basic" and self._credentials:
            self._headers[scope] = self._credentials.basic()
        elif kind == "bearer":
            self._headers[scope] = "Bearer " + self._token(dict(_PARAMETER.findall(challenge)), scope, host)
        else:
            return False
        return True

    def _token(self, parameters: dict[str, str], scope: str, host: str) -> str:
        headers = {"Authorization": self._credentials.basic()} if self._credentials else {}
        query = {"scope": scope.split(" ")}
        if "service" in parameters:
            query["service"] = [parameters["service"]]
        try:
            answer = self._session.get(parameters["realm"], params=query, headers=headers, timeout=self._timeout)
        except requests.RequestException as error:
            raise RegistryUnavailable(f"The token service of {host} does not answer: {error}") from error
        if answer.status_code >= 500:
            raise RegistryUnavailable(f"The token service of {host} answered {answer.status_code}")
        if answer.status_code != 200:
            remedy = "Check the user name and password of this registry"
            raise RegistryDenied(f"The token service of {host} answered {answer.status_code}", remedy)
        body = answer.json()
        return str(body.get("token") or body.get("access_token"))
