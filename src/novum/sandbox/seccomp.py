"""Which of the kernel's doors a confined command may not open: a filter of system calls.

It forbids what no trial needs and what attacks on a kernel begin with. What is allowed is all
else, so that libraries go on working. The program is classic BPF as `seccomp(2)` describes it, for
`bwrap --seccomp`; the numbers are those of the kernel's headers (tests compare them).
"""

import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EAFNOSUPPORT, ENOSYS, EPERM

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_X32 = 0x40000000  # on x86-64: the same calls once more, by other numbers
_UNIX = 1  # the address family of sockets that lead to no network
_NEW_NAMESPACES = 0x7E020000
_FAKED_INPUT = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX: typing into the person's terminal


@dataclass(frozen=True, slots=True)
class _Machine:
    """A processor's name to the kernel, and its numbers of the calls that are forbidden."""

    audit: int
    socket: int
    clone: int
    ioctl: int
    forbidden: Mapping[str, int]


# Numbers that all processors share, since these calls are younger than the common table.
_YOUNG = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "clone3": 435, "pidfd_getfd": 438, "mount_setattr": 442, "quotactl_fd": 443,
}  # fmt: skip
_X86_64 = {
    "ptrace": 101, "syslog": 103, "vhangup": 153, "modify_ldt": 154, "pivot_root": 155,
    "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165,
    "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170,
    "setdomainname": 171, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176,
    "quotactl": 179, "clock_settime": 227, "kexec_load": 246, "add_key": 248,
    "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
    "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
    "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
}  # fmt: skip
_AARCH64 = {
    "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "vhangup": 58, "quotactl": 60,
    "acct": 89, "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106,
    "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142, "sethostname": 161,
    "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "add_key": 217,
    "request_key": 218, "keyctl": 219, "swapon": 224, "swapoff": 225, "perf_event_open": 241,
    "fanotify_init": 262, "name_to_handle_at": 264, "open_by_handle_at": 265,
    "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271,
    "kcmp": 272, "finit_module": 273, "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294,
}  # fmt: skip
MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, 56, 16, _X86_64 | _YOUNG),
    "aarch64": _Machine(0xC00000B7, 198, 220, 29, _AARCH64 | _YOUNG),
}


def filter_program(*, internet: bool, machine: str = "") -> bytes:
    """The filter for this processor, or for the named one; empty if we know none for it.

    Without `internet` a command can make sockets of the Unix family only.
    """
    known = MACHINES.get(machine or platform.machine())
    if known is None:
        return b""
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        *_unless(_EQUAL, known.audit, ENOSYS),
        _step(_LOAD, _NUMBER),
        *_when(_AT_LEAST, _X32, ENOSYS),
    ]
    for name, number in sorted(known.forbidden.items()):
        # Libraries fall back from clone3, whose flags a filter cannot read, to clone.
        steps += _when(_EQUAL, number, ENOSYS if name == "clone3" else EPERM)
    steps += _about(known.clone, _FIRST, _when(_ANY_BIT, _NEW_NAMESPACES, EPERM))
    faked = [step for request in _FAKED_INPUT for step in _when(_EQUAL, request, EPERM)]
    steps += _about(known.ioctl, _SECOND, faked)
    if not internet:
        steps += _about(known.socket, _FIRST, _unless(_EQUAL, _UNIX, EAFNOSUPPORT))
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction: `then` and `otherwise` are how many to skip."""
    return struct.pack("=HBBI", code, then, otherwise, value)


def _when(test: int, value: int, error: int) -> list[bytes]:
    return [_step(test, value, 0, 1), _step(_RETURN, _ERROR | error)]


def _unless(test: int, value: int, error: int) -> list[bytes]:
    return [_step(test, value, 1, 0), _step(_RETURN, _ERROR | error)]


def _about(call: int, argument: int, steps: list[bytes]) -> list[bytes]:
    """Steps that look at an argument of one call, after which all its other uses are allowed."""
    inner = [_step(_LOAD, argument), *steps, _step(_RETURN, _ALLOW)]
    return [_step(_EQUAL, call, 0, len(inner)), *inner]
