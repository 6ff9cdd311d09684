"""Notifications by the real process with Apprise, to a small SMTP server of loopback; and what it refuses."""

from __future__ import annotations

import asyncio
import email
from base64 import b64encode
from email import policy
from pathlib import Path
from typing import Any

import pytest
from slipway.adapters.channels import Channels
from slipway.adapters.reach import Reach, networks
from slipway.core.plan import Deliver, ObjectKey

from tests.unit.runtime.fakes import ROLLOUT

pytestmark = pytest.mark.long
LOOPBACK = Reach(allow=networks(["127.0.0.0/8"]))
CONTENT = {
    "id": "uid-7", "event": "RolledBack", "severity": "Critical", "version": "7", "stage": "canary-5",
    "message": "gate errors breached", "rollout": {"namespace": "team", "name": "fraud"},
}  # fmt: skip


class Secret:
    def __init__(self, url: str) -> None:
        self.url = url

    async def get(self, key: ObjectKey) -> Any:
        return {"data": {"url": b64encode(self.url.encode()).decode()}}


class Mail:
    """As much of SMTP (RFC 5321) as takes one message."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 loopback\r\n")
        while line := await reader.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            await writer.drain()
        writer.close()


def send(url: str, reach: Reach = LOOPBACK) -> tuple[str, list[bytes]]:
    """What was said, and the messages that came; `PORT` in the url is the mail server's."""

    async def run() -> tuple[str, list[bytes]]:
        mail = Mail()
        async with await asyncio.start_server(mail.serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            channels = Channels(Secret(url.replace("PORT", str(port))), reach, seconds=300)
            said = await channels.send(Deliver(ROLLOUT, "uid", "notification/a", 7, CONTENT, secret="channel"))
        return said, mail.messages

    return asyncio.run(run())


MAIL = "mailto://127.0.0.1:PORT?mode=insecure&from=slipway@example.com&to=team@example.com"


def test_an_e_mail_comes_with_what_happened() -> None:
    problem, messages = send(MAIL)
    assert problem == ""
    message = email.message_from_bytes(messages[0], policy=policy.default)
    assert message["Subject"] == "team/fraud: RolledBack"
    assert "gate errors breached" in str(message.get_body(("plain", "html")))


def test_this_machine_is_reached_only_where_that_is_allowed() -> None:
    problem, messages = send(MAIL, Reach())
    assert "address 127.0.0.1 is not allowed" in problem
    assert messages == []


@pytest.mark.parametrize("scheme", ["file", "syslog", "dbus", "json", "xml", "macosx", "windows", "gnome", "form"])
def test_what_is_no_channel_of_people_is_refused(scheme: str) -> None:
    problem, _ = send(f"{scheme}://127.0.0.1:PORT/secret-part")
    assert problem.startswith(f"{scheme} is no channel of people")
    assert "secret-part" not in problem


def test_no_file_is_sent_as_a_template(tmp_path: Path) -> None:
    template = tmp_path / "token"
    template.write_text('{"text": "a token"}')
    problem, _ = send(f"workflows://127.0.0.1:PORT/{'a' * 32}/{'b' * 43}?template={template}")
    assert problem
    assert "a token" not in problem
