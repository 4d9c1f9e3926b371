"""What the kernel tells of the whole system."""

from novum.sandbox.supervisor import read_bytes

_TASKS_UNKNOWN = 2000


def tasks() -> int:
    """How many tasks there are: the kernel counts all of a user's together."""
    fields = read_bytes("/proc/loadavg").replace(b"/", b" ").split()
    return int(fields[4]) if len(fields) > 4 else _TASKS_UNKNOWN


def kills_for_memory() -> int:
    """How many programs were ended so far because there was no memory left."""
    for line in read_bytes("/proc/vmstat").splitlines():
        if line.startswith(b"oom_kill "):
            return int(line.split()[1])
    return 0
