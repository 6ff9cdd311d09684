"""The digests of Secrets and ConfigMaps: keyed, read when they moved, at a bounded rate, and never kept as data."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from slipway.adapters.contents import Contents, DigestKey
from slipway.core.plan import ObjectKey, Unavailable
from slipway.runtime.errors import Conflict, Forbidden, Gone, Unreachable

from tests.unit.runtime.fakes import Clock

KEY_PLACE = ObjectKey("v1", "Secret", "slipway-system", "key")
SECRET = ObjectKey("v1", "Secret", "team", "db")


class Api:
    """Objects by key; counts the reads of whole objects and of metadata."""

    def __init__(self) -> None:
        self.objects: dict[ObjectKey, dict[str, Any]] = {}
        self.reads: list[tuple[str, str]] = []
        self.error: Exception | None = None
        self.put(KEY_PLACE, {})
        self.put(SECRET, {"password": "aHVudGVyMg=="})

    def put(self, key: ObjectKey, data: Mapping[str, str]) -> None:
        version = int(self.objects.get(key, {}).get("metadata", {}).get("resourceVersion", "0")) + 1
        self.objects[key] = {"metadata": {"uid": key.name, "resourceVersion": str(version)}, "data": dict(data)}

    async def get(self, key: ObjectKey) -> Any:
        return self._read("all", key)

    async def get_metadata(self, key: ObjectKey) -> Any:
        return {"metadata": self._read("metadata", key)["metadata"]}

    async def set_data(self, key: ObjectKey, resource_version: str, data: Mapping[str, str]) -> Any:
        if self.objects[key]["metadata"]["resourceVersion"] != resource_version:
            raise Conflict("it changed", key)
        self.put(key, data)
        return self.objects[key]

    def _read(self, what: str, key: ObjectKey) -> dict[str, Any]:
        if key != KEY_PLACE:
            self.reads.append((what, key.name))
            if self.error is not None:
                raise self.error
        if key not in self.objects:
            raise Gone("not found", key)
        return self.objects[key]


class Reader:
    """The code under test, asked from outside of a loop."""

    def __init__(self, api: Api, rate: int = 20) -> None:
        self.clock = Clock()
        key = DigestKey(api, KEY_PLACE.namespace, KEY_PLACE.name)
        self.contents = Contents(api, key, self.clock.monotonic, fresh=25.0, rate=rate)

    def ask(self, key: ObjectKey = SECRET) -> Any:
        return asyncio.run(self.contents.digests(key))

    def later(self, seconds: float = 30.0) -> Reader:
        self.clock.seconds += seconds
        return self


def test_a_digest_follows_the_value_and_the_key_outlives_the_process() -> None:
    api = Api()
    reader = Reader(api)
    first = reader.ask()
    api.put(SECRET, {"password": "b3RoZXI="})
    assert reader.later().ask() != first
    api.put(SECRET, {"password": "aHVudGVyMg=="})
    assert reader.later().ask() == first == Reader(api).ask(), "the key stands in its Secret"


def test_without_the_key_a_password_cannot_be_tried_and_equal_ones_do_not_show() -> None:
    api = Api()
    other = ObjectKey("v1", "Secret", "team", "another")
    api.put(other, {"password": "aHVudGVyMg=="})
    reader = Reader(api)
    digest = reader.ask()["password"]
    assert digest != reader.ask(other)["password"]
    for guess in (b"hunter2", b"aHVudGVyMg==", b'["Secret","team","db","password","aHVudGVyMg=="]'):
        assert digest != hashlib.sha256(guess).hexdigest()
    second = Api()
    assert digest != Reader(second).ask()["password"], "every installation has a key of its own"


def test_data_travels_only_when_the_object_moved() -> None:
    api = Api()
    reader = Reader(api)
    for _ in range(3):
        reader.ask()
        reader.later().ask()
    assert api.reads == [("all", "db"), *[("metadata", "db")] * 3]
    api.put(SECRET, {"password": "bmV3"})
    reader.later().ask()
    assert api.reads[-2:] == [("metadata", "db"), ("all", "db")]


def test_looks_at_known_objects_are_bounded_by_the_second_and_first_ones_are_not() -> None:
    api = Api()
    keys = [ObjectKey("v1", "Secret", "team", f"s{number}") for number in range(50)]
    for key in keys:
        api.put(key, {"a": "Yg=="})
    reader = Reader(api, rate=5)
    for key in keys:
        assert reader.ask(key)
    api.reads.clear()
    reader.later()
    for key in keys:
        assert reader.ask(key), "what is not looked at again keeps its digest"
    assert len(api.reads) == 5


def test_one_that_is_not_there_is_nothing_and_is_found_when_it_comes() -> None:
    api = Api()
    del api.objects[SECRET]
    reader = Reader(api)
    assert reader.ask() is None
    api.put(SECRET, {"password": "bmV3"})
    assert reader.later().ask()


@pytest.mark.parametrize(
    ("error", "known", "reason"),
    [
        (Forbidden("no"), True, "ReferenceForbidden"),
        (Unreachable("HTTP 500"), False, "ReferenceUnavailable"),
        (Unreachable("HTTP 500"), True, ""),
    ],
)
def test_what_fails_is_unknown_but_an_outage_forgets_nothing(error: Exception, known: bool, reason: str) -> None:
    api = Api()
    reader = Reader(api)
    before = reader.ask() if known else None
    api.error = error
    answer = reader.later().ask()
    if reason:
        assert isinstance(answer, Unavailable)
        assert answer.reason == reason
    else:
        assert answer == before


def test_two_processes_end_with_one_key() -> None:
    api = Api()
    one, two = Reader(api), Reader(api)
    written = api.set_data

    async def overtaken(key: ObjectKey, resource_version: str, data: Mapping[str, str]) -> Any:
        api.set_data = written  # type: ignore[method-assign]
        await written(key, resource_version, {"key": "A" * 44})
        return await written(key, resource_version, data)

    api.set_data = overtaken  # type: ignore[method-assign]
    assert one.ask() == two.ask()


def test_an_installation_without_the_secret_of_the_key_says_so() -> None:
    api = Api()
    del api.objects[KEY_PLACE]
    answer = Reader(api).ask()
    assert isinstance(answer, Unavailable)
    assert answer.reason == "DigestKeyMissing"
    assert "slipway-system/key" in answer.message
