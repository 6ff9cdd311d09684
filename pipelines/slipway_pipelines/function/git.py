"""One commit of a repository by Git's smart HTTP protocol. Nothing of the repository is executed.

Dulwich, not the `git` program, which the image lacks: a Python package with few dependencies, without hooks, filters,
credential helpers or configuration files that somebody else may have written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dulwich.client import HTTPProxyUnauthorized, HTTPUnauthorized, Urllib3HttpGitClient, default_urllib3_manager
from dulwich.config import ConfigDict
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
from dulwich.objects import Commit, ObjectID, ShaFile, Tag
from dulwich.refs import Ref
from dulwich.repo import Repo

from slipway_pipelines.faults import DataFault, Fault, TransientFault

MOST_BYTES = 64 << 20
"""Of a pack as it arrives."""

_FIELD = "spec.trainer.function.git"
_TIMEOUT_SECONDS = 60.0
_FULL = (40, 64)
_BRANCHES = (b"refs/heads/", b"refs/tags/")
_TRY_LATER = re.compile(r"http resp (408|429|5\d\d)|timed out|refused|resolve|unreachable|reset by peer|aborted")
_UNTRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError")


@dataclass(frozen=True)
class Wanted:
    """A commit by its id, or the first digits of it; or a branch or tag instead."""

    url: str
    commit: str = ""
    ref: str = ""


@dataclass(frozen=True)
class Login:
    """What the Secret of a repository holds; empty for an open one. `ca` is a file of certificates."""

    username: str = ""
    password: str = ""
    ca: Path | None = None

    @classmethod
    def of(cls, keys: Mapping[str, str], scratch: Path) -> Login:
        """From the keys of the Secret. A token is a password, which most servers take with any name."""
        authority = scratch / "ca.crt" if keys.get("ca.crt") else None
        if authority is not None:
            authority.write_text(keys["ca.crt"])
        token = keys.get("token", "")
        name = keys.get("username", "") or ("git" if token else "")
        return cls(name, keys.get("password", "") or token, authority)


class TooLarge(Exception):
    """More bytes than are taken."""


def fetch(wanted: Wanted, login: Login, place: Path, most: int = MOST_BYTES) -> tuple[Repo, Commit]:
    """The repository in `place`, with one commit in it.

    Raises:
        DataFault: there is no such repository or commit, the login is refused, or it is too large.
        TransientFault: the server does not answer.
    """
    remote = _Remote(wanted, login, place, most)
    try:
        if len(wanted.commit) in _FULL:
            found = remote.tip(ObjectID(wanted.commit.encode())) or remote.among_all()
        else:
            found = remote.among_all() if wanted.commit else remote.branch()
    except TooLarge as large:
        message = f"{wanted.url}: more than {most >> 20} MiB; "
        remedy = (
            "give commit by its full id" if 0 < len(wanted.commit) < _FULL[0] else "keep data out of the repository"
        )
        raise DataFault("CodeTooLarge", message + remedy) from large
    return remote.repository, found


class _Remote:
    """A repository on a server, and what has been fetched of it."""

    def __init__(self, wanted: Wanted, login: Login, place: Path, most: int) -> None:
        self._wanted, self._most = wanted, most
        place.mkdir(parents=True, exist_ok=True)
        self.repository = Repo.init_bare(str(place))
        parts, settings = urlsplit(wanted.url), ConfigDict()
        if login.ca is not None:
            settings.set((b"http",), b"sslCAInfo", str(login.ca).encode())
        base = f"{parts.scheme}://{parts.netloc}/"
        manager = default_urllib3_manager(settings, base_url=base, timeout=_TIMEOUT_SECONDS)
        self._path = parts.path or "/"
        self._client = Urllib3HttpGitClient(
            base, username=login.username or None, password=login.password or None, pool_manager=manager,
            timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip

    def tip(self, commit: ObjectID) -> Commit | None:
        """A commit alone, without its history; None where the server gives tips of branches only."""
        try:
            self._pack(lambda refs: [commit], depth=1)
        except Fault as refused:  # some servers end such a request without a word
            if refused.reason not in (_REFUSED, _UNAVAILABLE):
                raise
            return None
        return self._read(commit) if commit in self.repository.object_store else None

    def branch(self) -> Commit:
        """What the branch or tag points to."""
        names = [prefix + self._wanted.ref.encode() for prefix in _BRANCHES]
        held: list[ObjectID] = []

        def wants(refs: Mapping[bytes, ObjectID]) -> list[ObjectID]:
            held.extend(dict.fromkeys(refs[name] for name in names if name in refs))
            return held[:1] if len(held) == 1 else []

        self._pack(wants, depth=1)
        if len(held) > 1:
            message = f"{_FIELD}.ref {self._wanted.ref!r} is a branch and a tag of {self._wanted.url}: give commit"
            raise DataFault("CommitAmbiguous", message)
        if not held:
            message = f"{_FIELD}.ref: {self._wanted.url} has no branch and no tag {self._wanted.ref!r}"
            raise DataFault("CommitNotFound", message)
        return self._read(held[0])

    def among_all(self) -> Commit:
        """The one commit of all branches and tags whose id begins so."""
        wanted = self._wanted.commit.encode()
        self._pack(lambda refs: [one for name, one in refs.items() if name.startswith(_BRANCHES)], depth=None)
        store = self.repository.object_store
        begun = {one for one in store if bytes(one).startswith(wanted) and isinstance(store[one], Commit)}
        if not begun:
            message = (
                f"{_FIELD}.commit: {self._wanted.commit} is in no branch and no tag of {self._wanted.url}; push it"
            )
            raise DataFault("CommitNotFound", message)
        if len(begun) > 1:
            message = f"{_FIELD}.commit: {len(begun)} commits begin with {self._wanted.commit}: give more digits"
            raise DataFault("CommitAmbiguous", message)
        return self._read(begun.pop())

    def _read(self, found: ObjectID) -> Commit:
        """The commit itself, also of a tag."""
        one: ShaFile = self.repository.object_store[found]
        while isinstance(one, Tag):
            one = self.repository.object_store[one.object[1]]
        if not isinstance(one, Commit):
            raise DataFault("CommitNotFound", f"{_FIELD}: {found.decode()} is no commit")
        return one

    def _pack(self, wants: Any, depth: int | None) -> None:
        """Fetches into the repository, as far as the bound allows."""
        store, left = self.repository.object_store, self._most
        file, commit, abort = store.add_pack()

        def write(block: bytes) -> int:
            nonlocal left
            left -= len(block)
            if left < 0:
                raise TooLarge
            return int(file.write(block))

        def determine(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
            return list(dict.fromkeys(wants(refs)))

        try:
            self._client.fetch_pack(self._path, determine, self.repository.get_graph_walker(), write, depth=depth)
        except TooLarge:
            abort()
            raise
        except Exception as error:
            abort()
            raise _fault(error, self._wanted.url) from error
        if left < self._most:
            commit()
        else:
            abort()


_REFUSED, _UNAVAILABLE = "CodeRefused", "CodeUnavailable"


def _fault(error: Exception, url: str) -> DataFault | TransientFault:
    """What a server or the way to it said."""
    said = " ".join([str(error), *(str(one) for one in _causes(error))])[:300]
    if isinstance(error, NotGitRepository):
        return DataFault("CodeNotFound", f"there is no repository at {url}, or {_FIELD}.secretRef is needed to see it")
    if isinstance(error, HTTPUnauthorized | HTTPProxyUnauthorized) or "http resp 403" in said:
        return DataFault("CodeDenied", f"{url} refuses the login: see username, password, token of {_FIELD}.secretRef")
    if _UNTRUSTED.search(said):
        return DataFault("CodeUntrusted", f"{url}: {said}; put ca.crt into the Secret of {_FIELD}.secretRef")
    if _TRY_LATER.search(said) or isinstance(error, OSError):
        return TransientFault(_UNAVAILABLE, f"{url} does not answer: {said}")
    if isinstance(error, GitProtocolError | HangupException):
        return DataFault(_REFUSED, f"{url}: {said}")
    return DataFault("CodeUnreadable", f"{url} is no Git repository that can be read: {type(error).__name__}: {said}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__
