"""Becomes a host process, after noting down who it is. Run by path, so it imports the standard library only.

    python launch.py RECORD FINGERPRINT DIE_WITH_PARENT PROGRAM ARGUMENT...

The record is written by the process itself, before it turns into the program: whoever kills the parent at any moment
leaves no process that nobody knows of. Process id and start time survive exec, and together with the boot they name
a process for good, also when its id is used again.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(record: str, fingerprint: str, die_with_parent: str, *argv: str) -> None:
    """Writes the record in one step (rename), then replaces this process."""
    if die_with_parent == "yes":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with open("/proc/self/stat", encoding="ascii") as stat:
        started = int(stat.read().rpartition(")")[2].split()[19])
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
        known = {"pid": os.getpid(), "started": started, "boot": boot.read().strip(), "fingerprint": fingerprint}
    temporary = f"{record}.{os.getpid()}"
    with open(temporary, "w", encoding="ascii") as file:
        json.dump(known, file)
    os.rename(temporary, record)
    os.execv(argv[0], list(argv))


if __name__ == "__main__":
    main(*sys.argv[1:])
