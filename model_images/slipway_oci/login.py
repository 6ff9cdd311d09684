"""What `docker login` has left on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from slipway_oci.authorization import Credentials, credentials_from_docker_config
from slipway_oci.errors import InvalidCredentials
from slipway_oci.hub import HUB, HUB_LOGIN


def docker_login(host: str) -> Credentials | None:
    """The credentials of `host` in ~/.docker/config.json, or of the helper that it names; None where there are none.

    Raises InvalidCredentials for a file that cannot be read, or a helper that is not there.
    """
    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    path = Path(folder) / "config.json"
    if not path.is_file():
        return None
    content = path.read_text()
    name = HUB_LOGIN if host == HUB else host
    helper = _helper(content, name)
    return _ask(helper, name) if helper else credentials_from_docker_config(content, host)


def _helper(content: str, host: str) -> str:
    """The program that keeps the credentials of a host; empty where the file itself does."""
    try:
        known = json.loads(content)
        return str((known.get("credHelpers") or {}).get(host) or known.get("credsStore") or "")
    except (ValueError, AttributeError):
        return ""  # the reader of the file says what is wrong with it


def _ask(helper: str, host: str) -> Credentials | None:
    """Source: the protocol of docker-credential-helpers, `get`: the host on standard input, JSON on standard output."""
    program = f"docker-credential-{helper}"
    if not shutil.which(program):
        remedy = f"Install {program}, or log in without it"
        raise InvalidCredentials(f"The credentials of {host} are kept by {program}, which is not there", remedy)
    done = subprocess.run([program, "get"], input=host, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        return None  # it knows none: the registry may answer everybody
    answer = json.loads(done.stdout)
    return Credentials(str(answer.get("Username", "")), str(answer.get("Secret", "")))
