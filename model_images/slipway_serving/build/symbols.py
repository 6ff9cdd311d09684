"""Shared libraries without what only a debugger reads: symbol tables and debug sections, a tenth of their bytes.

A program loader maps segments; sections that no segment holds come last in the file, and with them the table that lists
them. Both are cut off. Written here: `strip` belongs to binutils, which an unprivileged builder cannot install.

Source: System V ABI, "ELF-64 Object File Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_IDENTITY = b"\x7fELF\x02\x01\x01"  # 64 bits, little endian, version 1
_SHARED = 3  # ET_DYN
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_NOTHING = 8  # SHT_NOBITS: takes no bytes of the file
_DEBUGGERS = (b".symtab", b".strtab", b".shstrtab", b".comment", b".debug", b".zdebug", b".gnu.build", b".gnu_debug")


class _Section(NamedTuple):
    name: bytes
    start: int
    size: int


def cut_symbols(path: Path) -> int:
    """Cuts one library; returns by how many bytes. What is no library, or ends in anything unknown, stays as it is.

    The file is replaced, not written to: an installer may have linked it to the one in its cache.
    """
    with path.open("rb") as file:
        if not file.read(_HEADER.size).startswith(_IDENTITY):
            return 0
    whole = path.read_bytes()
    end = _end_of_segments(whole)
    if end is None or not _only_for_debuggers(whole, end):
        return 0
    fields = list(_HEADER.unpack_from(whole))
    fields[6] = fields[12] = fields[13] = 0  # no table of sections: e_shoff, e_shnum, e_shstrndx
    shorter = path.with_name(path.name + ".cut")
    shorter.write_bytes(_HEADER.pack(*fields) + whole[_HEADER.size : end])
    shorter.chmod(path.stat().st_mode)
    shorter.replace(path)
    return len(whole) - end


def _end_of_segments(content: bytes) -> int | None:
    """Where the last byte ends that a loader may read; None for what is no shared library."""
    if len(content) < _HEADER.size:
        return None
    fields = _HEADER.unpack_from(content)
    kind, table, size, count = fields[1], fields[5], fields[9], fields[10]
    if kind != _SHARED or size != _SEGMENT.size or not count:
        return None
    segments = [_SEGMENT.unpack_from(content, table + index * size) for index in range(count)]
    return int(max(table + count * size, *(offset + stored for _, _, offset, _, _, stored, _, _ in segments)))


def _only_for_debuggers(content: bytes, end: int) -> bool:
    """Whether all that comes after `end` is known: sections for debuggers, and their table at the very end."""
    table, size, count = (_HEADER.unpack_from(content)[index] for index in (6, 11, 12))
    if table < end or size != _SECTION.size or not count or table + count * size != len(content):
        return False
    return all(one.name.startswith(_DEBUGGERS) for one in _sections(content) if one.size and one.start >= end)


def _sections(content: bytes) -> Iterator[_Section]:
    fields = _HEADER.unpack_from(content)
    table, count, names = fields[6], fields[12], fields[13]
    found = [_SECTION.unpack_from(content, table + index * _SECTION.size) for index in range(count)]
    texts = found[names][4]
    for name, kind, _, _, start, size, *_ in found:
        if kind != _NOTHING:
            first = texts + name
            yield _Section(content[first : content.index(b"\0", first)], start, size)
