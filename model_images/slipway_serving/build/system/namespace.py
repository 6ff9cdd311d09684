"""Root without being root: a user namespace that maps one user, for tools that unpack and change a root file system.

No capability, no setuid program and no range of subordinate users is needed; the kernel must allow user namespaces to
processes without privileges. Sources: user_namespaces(7), seccomp(2), the kernel's linux/filter.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from pathlib import Path

from slipway_serving.build.faults import BuildFault

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_ALLOW, _SUCCEED = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with error 0
_X86_64 = 0xC000003E  # AUDIT_ARCH_X86_64
# On x86-64: chown, fchown, lchown, fchownat; setuid, setgid, setreuid, setregid, setgroups, setresuid, setresgid.
_IDENTITIES = (92, 93, 94, 260, 105, 106, 113, 114, 116, 117, 119)
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_NUMBER, _ARCHITECTURE = 0, 4  # offsets within struct seccomp_data
_REMEDY = (
    "Nodes must allow user namespaces to processes without privileges (user.max_user_namespaces above 0,"
    " kernel.apparmor_restrict_unprivileged_userns=0 or a profile), and the container's seccomp profile must allow"
    " unshare and mount (images.buildahSeccompProfile of the chart)"
)


def enter() -> None:
    """Moves this process, which must have one thread, into a user and mount namespace where it is root.

    Raises BuildFault UserNamespacesDenied with what a node must allow.
    """
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS):
        number = ctypes.get_errno()
        said = f"unshare: {errno.errorcode.get(number, number)} ({os.strerror(number)})"
        raise BuildFault("system", "UserNamespacesDenied", f"{said}. {_REMEDY}")
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1\n")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1\n")
    except OSError as error:
        raise BuildFault("system", "UserNamespacesDenied", f"{error}. {_REMEDY}") from error


def ignore_identities() -> None:
    """From here on, in this process and all that it starts, changing a file's owner or one's own user and groups
    succeeds and does nothing.

    One user is mapped, so that all files are root's, and all that runs is root; packages whose scripts give a file to
    another user, or do something as one, would fail. On another architecture than x86-64 nothing is changed.
    """
    instructions = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, len(_IDENTITIES) + 1, _X86_64),
        (_LOAD, 0, 0, _NUMBER),
        *((_EQUAL, len(_IDENTITIES) - position, 0, number) for position, number in enumerate(_IDENTITIES)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _SUCCEED),
    ]
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    program = ctypes.create_string_buffer(packed)
    described = struct.pack("HxxxxxxQ", len(instructions), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    filtered = ctypes.create_string_buffer(described)
    pointer = ctypes.c_void_p(ctypes.addressof(filtered))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer, 0, 0):
        number = ctypes.get_errno()
        raise BuildFault("system", "UserNamespacesDenied", f"seccomp: {os.strerror(number)}. {_REMEDY}")
