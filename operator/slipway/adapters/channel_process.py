"""The process that sends one notification: JSON in, `{"problem": …}` out.

The address was written by a tenant, and Apprise knows addresses that write files, run programs, or send a file as a
template. So only channels of people are taken, and from before the address is read on this process opens no file but
Python's own, runs nothing, and connects to nothing that is not allowed: an audit hook refuses it (PEP 578). Its memory
is bounded.
"""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import ssl
import sys
from collections.abc import Mapping
from typing import Any

from slipway.adapters.reach import Reach, networks

CHANNELS = frozenset(
    {
        "discord", "gchat", "mailto", "mailtos", "matrix", "matrixs", "mmost", "mmosts", "ntfy", "ntfys",
        "opsgenie", "pagerduty", "pover", "rocket", "rockets", "slack", "tgram", "webex", "wxteams",
        "workflow", "workflows", "zulip",
    }
)  # fmt: skip
_SLACK = re.compile(r"https://hooks\.slack\.com/services/(\w+)/(\w+)/(\w+)/?")
_TYPES = {"Info": "info", "Warning": "warning", "Critical": "failure"}
_REFUSED_EVENTS = frozenset(
    {
        "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn", "os.spawn",
        "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
        "os.chown", "os.putenv", "ctypes.dlopen", "shutil.copyfile", "shutil.rmtree", "socket.bind", "webbrowser.open",
    }
)  # fmt: skip
MOST_BYTES = 128 << 20
"""Of this process's data: the pod's 256 MiB are the operator's as well."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Refuses what a notification needs not; `refused` keeps what was refused first."""

    def __init__(self, reach: Reach) -> None:
        certificates = ssl.get_default_verify_paths()
        named = [*(each for each in sys.path if each), sys.prefix, sys.base_prefix, certificates.openssl_capath]
        roots = {os.path.realpath(each) for each in named}
        self._roots = tuple(f"{each}/" for each in roots if each != "/")
        self._files = {"/dev/null", "/dev/urandom", "/etc/mime.types", os.path.realpath(certificates.openssl_cafile)}
        self._reach = reach
        self.refused = ""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        problem = ""
        if event == "open":
            problem = self._open(*arguments)
        elif event in ("socket.connect", "socket.sendto"):
            problem = self._connect(arguments[1])
        elif event in _REFUSED_EVENTS:
            problem = f"{event} is not allowed"
        if problem:
            self.refused = self.refused or problem
            raise PermissionError(problem)

    def _open(self, path: Any, mode: Any, flags: Any) -> str:
        if isinstance(path, int):
            return ""
        place = os.path.realpath(os.fsdecode(path))
        writes = isinstance(flags, int) and flags & _WRITES and place != "/dev/null"
        known = place in self._files or place.startswith(self._roots)
        return "" if known and not writes else "a file is not allowed in a notification"

    def _connect(self, address: Any) -> str:
        if not isinstance(address, tuple) or len(address) < 2:
            return "only addresses of the network are allowed"
        return self._reach.refusal(str(address[0]), int(address[1]))


def problem_of(asked: Mapping[str, Any], guard: Guard) -> str:
    """Sends; says why it was not taken, without a word of the address but its scheme."""
    import apprise
    import urllib3.util.connection  # noqa: F401  # binds a socket when it is first imported, to see whether there is IPv6
    from apprise.logger import logger

    logger.setLevel(logging.CRITICAL + 1)
    url = str(asked["url"])
    slack = _SLACK.fullmatch(url)
    url = f"slack://{'/'.join(slack.groups())}" if slack else url
    scheme = url.partition("://")[0].lower()
    if scheme not in CHANNELS:
        known = scheme if re.fullmatch(r"[a-z]{1,20}", scheme) else "this"
        return f"{known} is no channel of people; known: {', '.join(sorted(CHANNELS))}; other URLs are for hooks"
    sys.addaudithook(guard)
    asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY, secure_logging=True)
    channel = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if channel is None:
        return guard.refused or f"the url is none of {scheme}: see the documentation of Apprise"
    sent = channel.notify(title=asked["title"], body=asked["body"], notify_type=_TYPES[asked["severity"]])
    return "" if sent else guard.refused or f"{scheme} did not take it"


def main() -> int:
    """Never ends with a traceback: it could hold the address."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    asked = json.load(sys.stdin)
    servers = frozenset((str(host), int(port)) for host, port in asked["apiServers"])
    guard = Guard(Reach(networks(asked["allow"]), networks(asked["deny"]), servers))
    try:
        problem = problem_of(asked, guard)
    except Exception as error:
        problem = guard.refused or f"it failed with {type(error).__name__}"
    print(json.dumps({"problem": problem}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
