"""What a server's processes take of the machine, from the kernel: a process and its descendants."""

from __future__ import annotations

import time
from pathlib import Path

_SCHEDULED = 2  # CPUCLOCK_SCHED: nanoseconds that ran, not ticks in which it happened to run


def family_of(first: int) -> list[int]:
    """A process and all that descend from it; some servers put their workers into sessions of their own."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [first]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(processes: list[int]) -> float:
    """Their user and system time so far, of all threads, also of those that have ended.

    Source: clock_getcpuclockid(3); the number of another process's clock is built as glibc builds it.
    """
    return sum(time.clock_gettime((~process << 3) | _SCHEDULED) for process in processes)


def resident_bytes(processes: list[int]) -> int:
    """Their resident memory; what several of them share counts for each."""
    total = 0
    for process in processes:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:"))
    return total
