"""Ports of servers in tests: those of one worker are never another's."""

from __future__ import annotations

import socket

import pytest

from tests.loopback import free_port


def test_a_port_is_given_once_and_not_while_somebody_listens_on_it() -> None:
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        given = [free_port() for _ in range(1000)]
    assert taken not in given
    assert len(set(given)) > 500


def test_workers_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    for worker in ("gw0", "gw1", "gw2", ""):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        given.append({free_port() // 1000 for _ in range(50)})
    assert [len(blocks) for blocks in given] == [1, 1, 1, 1]
    assert len(set.union(*given)) == 4
