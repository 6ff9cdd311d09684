"""The code of a run, fetched from real Git servers: Git's own and Dulwich's."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from slipway_pipelines.faults import DataFault, Fault, TransientFault
from slipway_pipelines.function import checkout, fetch
from slipway_pipelines.function.git import MOST_BYTES, Login, Wanted
from slipway_pipelines.function.git import fetch as fetch_commit
from slipway_pipelines.function.origin import Origin

from tests.git_server import Application, Repository, dulwich_server, guarded, http_backend, serving
from tests.loopback import free_port

FIRST, SECOND = {"fraud/__init__.py": "", "fraud/training.py": "one = 1\n"}, {"fraud/training.py": "two = 2\n"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two commits, with a link and a tag."""
    found = tmp_path_factory.mktemp("git")
    made = Repository(found / "fraud.git")
    (made.place / "outside").symlink_to("/etc/passwd")
    made.commit(FIRST)
    made.commit(SECOND)
    made.git("tag", "-a", "v1", "-m", "first")
    made.git("branch", "twice")
    made.git("tag", "twice", "HEAD~1")
    return found


@pytest.fixture(scope="module", params=[http_backend, dulwich_server])
def address(request: pytest.FixtureRequest, root: Path) -> Iterator[str]:
    with serving(request.param(root)) as found:
        yield found


def commits(root: Path) -> list[str]:
    """Oldest first."""
    import subprocess

    words = ["git", "-C", str(root / "fraud.git"), "log", "--reverse", "--format=%H"]
    return subprocess.check_output(words, text=True).split()


def given(address: str, place: Path, keys: Mapping[str, str] | None = None, **wanted: Any) -> dict[str, str]:
    asked = {"url": f"{address}/fraud.git", **wanted}
    secret = {f"SLIPWAY_GIT_{name}": value for name, value in (keys or {}).items()}
    log = {"SLIPWAY_TERMINATION_LOG": str(place / "log")}
    return {"SLIPWAY_CODE_WANTED": json.dumps(asked), "SLIPWAY_CODE": str(place), **secret, **log}


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (lambda first, second: {"commit": second}, "two = 2\n"),
        (lambda first, second: {"commit": first}, "one = 1\n"),
        (lambda first, second: {"commit": first[:9]}, "one = 1\n"),
        (lambda first, second: {"ref": "main"}, "two = 2\n"),
        (lambda first, second: {"ref": "v1"}, "two = 2\n"),
    ],
    ids=["tip", "earlier", "short", "branch", "tag"],
)
def test_a_commit_comes_by_its_id_by_its_first_digits_or_by_a_name(
    address: str, root: Path, tmp_path: Path, wanted: Callable[[str, str], dict[str, str]], text: str
) -> None:
    first, second = commits(root)
    assert fetch.main(given(address, tmp_path, **wanted(first, second))) == 0
    assert (tmp_path / "tree/fraud/training.py").read_text() == text
    assert Origin.read(tmp_path) == Origin(f"{address}/fraud.git", second if text.startswith("two") else first)
    assert not (tmp_path / "tree/outside").is_symlink()
    assert not (tmp_path / "tree/.git").exists()


@pytest.mark.parametrize(
    ("wanted", "reason", "named"),
    [
        ({"commit": "f" * 40}, "CommitNotFound", "spec.trainer.function.git.commit"),
        ({"commit": "abcdef1"}, "CommitNotFound", "push it"),
        ({"ref": "no-such"}, "CommitNotFound", "no branch and no tag 'no-such'"),
        ({"ref": "twice"}, "CommitAmbiguous", "give commit"),
    ],
)
def test_what_there_is_not_is_named_with_its_remedy(
    address: str, tmp_path: Path, wanted: dict[str, str], reason: str, named: str
) -> None:
    assert fetch.main(given(address, tmp_path, **wanted)) == 1
    error = json.loads((tmp_path / "log").read_text())["error"]
    assert (error["reason"], error["step"], error["retryable"]) == (reason, "code", False)
    assert named in error["message"]


def refused(application: Application, place: Path, keys: Mapping[str, str]) -> Fault | None:
    with serving(application) as address:
        try:
            fetch.fetched(given(address, place, keys, ref="main"))
        except Fault as fault:
            return fault
    return None


@pytest.mark.parametrize("keys", [{"username": "ada", "password": "open"}, {"username": "ada", "token": "open"}])
def test_a_login_comes_from_the_secret(root: Path, tmp_path: Path, keys: Mapping[str, str]) -> None:
    application = guarded(http_backend(root), "ada", "open")
    assert refused(application, tmp_path / "in", keys) is None
    for wrong in ({}, {"username": "ada", "password": "shut"}):
        fault = refused(application, tmp_path / "out", wrong)
        assert isinstance(fault, DataFault)
        assert "spec.trainer.function.git.secretRef" in fault.message


def test_a_server_that_is_away_is_asked_again_later(tmp_path: Path) -> None:
    with pytest.raises(TransientFault, match="does not answer"):
        fetch.fetched(given(f"http://127.0.0.1:{free_port()}", tmp_path, ref="main"))


def test_no_such_repository_is_no_outage(root: Path, tmp_path: Path) -> None:
    with serving(http_backend(root)) as address, pytest.raises(DataFault, match="no repository"):
        fetch_commit(Wanted(f"{address}/other.git", ref="main"), Login(), tmp_path / "r")


def test_the_bounds_hold(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(http_backend(root)) as address:
        with pytest.raises(DataFault, match="full id"):
            fetch_commit(Wanted(f"{address}/fraud.git", commit="abcdef1"), Login(), tmp_path / "r", 10)
        repository, commit = fetch_commit(
            Wanted(f"{address}/fraud.git", ref="main"), Login(), tmp_path / "s", MOST_BYTES
        )
    monkeypatch.setattr(checkout._Left, "__init__", lambda self: self.__dict__.update(files=1, size=1000))
    with pytest.raises(DataFault, match="keep data out"):
        checkout.checkout(repository, commit, tmp_path / "tree")


@pytest.mark.parametrize("name", ["..", ".", "", ".git", ".GIT", "a/b", "a\\b", "a\0b"])
def test_a_path_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(DataFault):
        checkout._name(name.encode())


def difference(files: Mapping[str, str | None]) -> tuple[str, str]:
    coded = {path: None if text is None else base64.b64encode(text.encode()).decode() for path, text in files.items()}
    text = json.dumps({"files": coded})
    return text, f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_a_difference_is_applied_and_recorded(root: Path, tmp_path: Path) -> None:
    text, digest = difference({"fraud/training.py": "three = 3\n", "fraud/new.py": "", "fraud/__init__.py": None})
    (tmp_path / "difference.json").write_text(text)
    with serving(http_backend(root)) as address:
        asked = given(address, tmp_path, commit=commits(root)[0], difference={"digest": digest})
        found = fetch.fetched({**asked, "SLIPWAY_CODE_DIFFERENCE": str(tmp_path / "difference.json")})
    assert found.difference == digest
    assert sorted(one.name for one in (tmp_path / "tree/fraud").iterdir()) == ["new.py", "training.py"]
    assert (tmp_path / "tree/fraud/training.py").read_text() == "three = 3\n"


@pytest.mark.parametrize("path", ["../out.py", "/etc/out.py", ".git/hooks/x"])
def test_a_difference_stays_within_the_tree(tmp_path: Path, path: str) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(DataFault):
        checkout.apply_difference(*difference({path: "x"}), tmp_path / "tree")


def test_a_difference_that_has_changed_is_refused(tmp_path: Path) -> None:
    text, digest = difference({"a.py": "x"})
    with pytest.raises(DataFault, match="digest"):
        checkout.apply_difference(text + " ", digest, tmp_path)
