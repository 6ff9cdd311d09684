"""Which files a path with * means."""

from __future__ import annotations

import fnmatch
import re

_PATTERN = re.compile(r"[*?\[]")


def is_pattern(path: str) -> bool:
    """Whether a path means several files."""
    return _PATTERN.search(path) is not None


def directory_of(pattern: str) -> str:
    """The longest directory that every match lies in."""
    found = _PATTERN.search(pattern)
    return (pattern[: found.start()] if found else pattern).rpartition("/")[0] or "/"


def matches(path: str, pattern: str) -> bool:
    """Part by part: `*` is some of a name, a part `**` any number of directories. Hidden names never match."""
    parts, wanted = path.split("/"), pattern.split("/")
    if hidden(path.removeprefix(directory_of(pattern))):
        return False
    reached = {0}  # how many parts may be matched so far
    for one in [*wanted, "*"] if wanted[-1] == "**" else wanted:
        if one == "**":
            reached = set(range(min(reached, default=len(parts)), len(parts)))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatch.fnmatchcase(parts[at], one)}
    return len(parts) in reached


def ends(path: str, root: str, endings: tuple[str, ...]) -> bool:
    """Whether the name of a file below a directory ends so, in whatever case, and is not hidden."""
    return path.lower().endswith(endings) and not hidden(path.removeprefix(root))


def hidden(path: str) -> bool:
    """Whether a part of the path begins with _ or .: what writers leave, temporary files and markers of success."""
    return any(part[:1] in ("_", ".") for part in path.split("/"))
