"""Credentials for a registry, and the token dance of the Distribution Specification."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass

import requests

from slipway_oci.answers import document_of, unreachable
from slipway_oci.errors import InvalidCredentials, RegistryDenied, RegistryUnavailable
from slipway_oci.hub import registry_of

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Credentials:
    """A user name and password (or token) as a `kubernetes.io/dockerconfigjson` Secret holds them."""

    username: str
    password: str

    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def credentials_from_docker_config(content: str, host: str) -> Credentials | None:
    """Reads the entry of `host` (docker.io for Docker Hub) in a Docker `config.json`; None where there is none.

    Raises InvalidCredentials.
    """
    try:
        entries = json.loads(content).get("auths", {})
        entry = entries.get(host) or next((entries[key] for key in entries if registry_of(key) == host), None)
        if not entry:
            return None
        if "auth" in entry:
            username, _, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
            return Credentials(username, password)
        return Credentials(entry.get("username", ""), entry.get("password", ""))
    except (ValueError, AttributeError, TypeError) as error:  # its content is a secret, and stays out of the message
        remedy = "Write what `docker login` writes: a Secret of type kubernetes.io/dockerconfigjson holds it"
        raise InvalidCredentials(f"The credentials of {host} are no Docker config.json", remedy) from error


class Authorizer:
    """Answers a registry's `WWW-Authenticate` challenge; keeps one header per repository scope."""

    def __init__(
        self,
        session: requests.Session,
        credentials: Credentials | None,
        timeout: tuple[float, float],
        verify: str | bool = True,
    ) -> None:
        self._session = session
        self._verify = verify
        self._credentials = credentials
        self._timeout = timeout
        self._headers: dict[str, str] = {}

    @property
    def has_credentials(self) -> bool:
        """Whether there is anything to prove ourselves with."""
        return self._credentials is not None

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
            answer = self._session.get(
                parameters["realm"], params=query, headers=headers, timeout=self._timeout, verify=self._verify
            )
        except requests.RequestException as error:
            raise unreachable(f"The token service of {host}", error) from error
        if answer.status_code >= 500:
            raise RegistryUnavailable(f"The token service of {host} answered {answer.status_code}")
        if answer.status_code != 200:
            remedy = f"Check the credentials of {host}: user name and password"
            raise RegistryDenied(f"The token service of {host} answered {answer.status_code}", remedy)
        body = document_of(answer, f"The token service of {host}")
        return str(body.get("token") or body.get("access_token"))
