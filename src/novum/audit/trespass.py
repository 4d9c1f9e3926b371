"""What the probe runs inside a trial's sandbox: it tries what a candidate must not be able to do.

This text is the program (`python -c`); it is imported nowhere. Its targets come as JSON in
`NOVUM_PROBE`, and a line `PROBE {...}` tells what it reached. Outside its own directory it only
opens files; it writes nothing.
"""

import ctypes
import errno
import json
import os
import socket
from pathlib import Path
from typing import Any

SECONDS = 2.0  # for a connection
# Calls with arguments that do no harm; any of these errors tells that the call itself was taken.
CALLS = {
    "ptrace": (0,),
    "keyctl": (0, -3, 0),
    "bpf": (0, 0, 0),
    "io_uring_setup": (1, 0),
    "unshare": (0x10000000,),
    "mount": (0, 0, 0, 0, 0),
}
TAKEN = {errno.EFAULT, errno.EINVAL, errno.ENOENT, getattr(errno, "ENOKEY", errno.ENOENT)}


def opened(path: str, mode: str) -> bool:
    """Whether a file can be opened in a way; nothing is written."""
    try:
        with Path(path).open(mode) as file:
            if mode == "rb":
                file.read(1)
    except OSError:
        return False
    return True


def changed(path: str) -> bool:
    """Whether a file of the trial's own directory could be changed, as a candidate would."""
    try:
        Path(path).chmod(0o644)
        with Path(path).open("ab") as file:
            file.write(b"\n")
    except OSError:
        return False
    return True


def seen(path: str) -> list[str]:
    """The names in a directory; none if it cannot be read."""
    try:
        return sorted(os.listdir(path))[:2000]  # noqa: PTH208  names are what is told
    except OSError:
        return []


def connects(kind: socket.SocketKind, address: tuple[str, int]) -> bool:
    """Whether there is a way to an address. A datagram socket sends nothing by connecting."""
    try:
        with socket.socket(socket.AF_INET, kind) as made:
            made.settimeout(SECONDS)
            made.connect(address)
    except OSError:
        return False
    return True


def kernel(numbers: dict[str, int]) -> list[str]:
    """The calls that the kernel takes, of those whose numbers are given."""
    libc = ctypes.CDLL(None, use_errno=True)
    taken = []
    for name in CALLS.keys() & numbers.keys():
        pid = os.fork()
        if not pid:  # what a call changes is the end of this process
            done = libc.syscall(*map(ctypes.c_long, (numbers[name], *CALLS[name])))
            os._exit(0 if done >= 0 or ctypes.get_errno() in TAKEN else 1)
        if os.waitpid(pid, 0)[1] == 0:
            taken.append(name)
    return sorted(taken)


def environments() -> list[str]:
    """Names of variables: of its own, and of every process that it can look into."""
    names = set(os.environ)
    for process in seen("/proc"):
        try:
            text = Path("/proc", process, "environ").read_bytes()
        except OSError:
            continue
        names |= {part.partition(b"=")[0].decode("latin-1") for part in text.split(b"\0") if part}
    return sorted(names)


def shows(pid: int, since: str) -> bool:
    """Whether that process is in sight: its number, and when it was started."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[19] == since
    except (OSError, IndexError):
        return False


def trespass(targets: dict[str, Any]) -> dict[str, Any]:
    """Try everything; what came of it, by the names of the targets."""
    return {
        "frozen": [path for path in targets["frozen"] if changed(path)],
        "pristine": [path for path in targets["pristine"] if opened(path, "r+b")],
        "heldout": [path for path in targets["heldout"] if opened(path, "rb")],
        "ledger": [path for path in targets["ledger"] if opened(path, "r+b")],
        "lab": [path for path in targets["lab"] if opened(path, "r+b")],
        "home": seen(targets["home"]),
        "port": connects(socket.SOCK_STREAM, ("127.0.0.1", targets["port"])),
        "route": connects(socket.SOCK_DGRAM, ("192.0.2.1", 9)),  # of RFC 5737: nobody's
        "environment": environments(),
        "novum": [path for path in targets["novum"] if opened(path, "rb")],
        "git": [path for path in targets["git"] if opened(path, "rb")],
        "interpreter": [path for path in targets["interpreter"] if os.access(path, os.W_OK)],
        "processes": shows(*targets["process"]),
        "kernel": kernel(targets["calls"]),
    }


if __name__ == "__main__":
    print("PROBE " + json.dumps(trespass(json.loads(os.environ["NOVUM_PROBE"]))))
    print("METRIC " + os.environ["NOVUM_PROBE_METRIC"] + "=0")
