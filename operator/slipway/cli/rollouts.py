"""ModelRollouts and RolloutRequests at the API server, with the credentials of a kubeconfig."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from slipway.api.v1alpha1.base import GROUP, VERSION
from slipway.cli.asking import Caller
from slipway.cli.kubeconfig import NoCluster, access, message

_HINT = "ask for the role slipway-edit (abort, promote and the like) or slipway-approve in this namespace"


TIMEOUT = 10.0
"""Seconds for an answer of the API server: who wants to abort must hear that it is away."""


class Unreachable(Exception):
    """No API server was reached, or it said something unexpected."""


class NotFound(Exception):
    """There is no such object."""


class Forbidden(Exception):
    """The caller may not; the message says what, and who may grant it."""


class Api:
    """One namespace of one API server."""

    def __init__(self, client: Any, namespace: str, timeout: float = TIMEOUT) -> None:
        """`client` is a kubernetes ApiClient; `timeout` in seconds bounds each request."""
        import kubernetes.client

        self._bound = {"_request_timeout": timeout}
        self.namespace = namespace
        self._client = client
        self._objects = kubernetes.client.CustomObjectsApi(client)
        self._who = kubernetes.client.AuthenticationV1Api(client)
        self._error = kubernetes.client.ApiException

    @classmethod
    def connect(cls, kubeconfig: str | None, context: str | None, namespace: str | None) -> Self:
        """As kubectl does. Raises Unreachable where there is no kubeconfig, or none of that context."""
        try:
            found = access(kubeconfig, context, retries=1)
        except NoCluster as wrong:
            raise Unreachable(f"no cluster: {wrong}") from wrong
        return cls(found.client, namespace or found.namespace)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def rollout(self, name: str) -> dict[str, Any]:
        """Raises NotFound, Forbidden, Unreachable, as all that follow."""
        return self._read(f"get ModelRollout {name!r}", "modelrollouts", name)

    def request(self, name: str) -> dict[str, Any]:
        """A RolloutRequest as it stands."""
        return self._read(f"get RolloutRequest {name!r}", "rolloutrequests", name)

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Creates a RolloutRequest."""
        what = f"{manifest['spec']['action'].lower()} ModelRollout {manifest['spec']['target']['name']!r}"
        create, place = self._objects.create_namespaced_custom_object, self._of("rolloutrequests")
        return self._call(what, lambda: create(*place, manifest, **self._bound))

    def caller(self) -> Caller:
        """Who the API server takes us for."""
        review = self._call(
            "ask who you are", lambda: self._who.create_self_subject_review(_review(), **self._bound).to_dict()
        )
        user = review["status"]["user_info"]
        return Caller(user["username"], tuple(user.get("groups") or ()))

    def _read(self, what: str, plural: str, name: str) -> dict[str, Any]:
        read = self._objects.get_namespaced_custom_object
        return self._call(what, lambda: read(*self._of(plural), name, **self._bound))

    def _of(self, plural: str) -> tuple[str, str, str, str]:
        return GROUP, VERSION, self.namespace, plural

    def _call(self, what: str, call: Callable[[], Any]) -> dict[str, Any]:
        import urllib3

        try:
            found: dict[str, Any] = call()
        except self._error as error:
            raise self._translated(what, error) from error
        except (urllib3.exceptions.HTTPError, OSError) as away:
            raise Unreachable(f"the API server does not answer: {away}") from away
        return found

    def _translated(self, what: str, error: Any) -> Exception:
        said = message(error) or f"HTTP {error.status} {error.reason}"
        if error.status == 404 and "could not find the requested resource" in said:
            return NotFound("this cluster has no kinds of Slipway: is it installed there?")
        if error.status == 404:
            return NotFound(f"cannot {what} in namespace {self.namespace!r}: there is none")
        if error.status in (401, 403):
            return Forbidden(f"cannot {what} in namespace {self.namespace!r}: {said}; {_HINT}")
        return Unreachable(f"cannot {what}: {said}")


def _review() -> Any:
    import kubernetes.client

    return kubernetes.client.V1SelfSubjectReview()
