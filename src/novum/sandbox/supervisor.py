"""The family of a process: who descends from it, and how all of it is ended.

Where there is no bubblewrap this file is also run as a script, between Novum and a trial, so that
orphans of the trial come to it and nothing survives it or Novum. Hence only the quickest parts of
the standard library:

    python -I -S supervisor.py NOVUM_PID CONTROL_FD STATUS_FD COMMAND...

When the control pipe is closed, or Novum is gone, everything ends at once. The exit status is the
command's (128 and the signal's number if it was killed), and is also written to the status pipe, if
the command could be started at all.
"""

import os
import select
import sys
from collections.abc import Sequence

# The module `signal` takes longer to import than a small trial takes to run.
_SIGKILL, _SIGSTOP = 9, 19 if sys.platform == "linux" else 17
_ROUNDS = 1000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def read_bytes(path: str, size: int = 65536) -> bytes:
    """The beginning of a small file, or nothing if it is gone. Cheaper than `open`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, size)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def children(pid: int) -> list[int]:
    """The direct children of a process, as of now."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208  pathlib is slow to import
    except OSError:
        return []
    return [
        int(child)
        for task in tasks
        for child in read_bytes(f"/proc/{pid}/task/{task}/children").split()
    ]


def descendants(root: int, most: int = 100_000) -> list[int]:
    """All that descend from a process; once more than `most` are found, the rest is left out."""
    if not os.path.exists("/proc/self/task"):  # noqa: PTH110  pathlib is slow to import
        return _descendants_by_ps(root)
    found: list[int] = []
    waiting = [root]
    while waiting and len(found) <= most:
        fresh = children(waiting.pop())
        found += fresh
        waiting += fresh
    return found


def _descendants_by_ps(root: int) -> list[int]:
    with os.popen("ps -A -o pid=,ppid=") as table:  # noqa: S605  a constant command
        rows = [tuple(map(int, line.split())) for line in table]
    offspring: dict[int, list[int]] = {}
    for pid, parent in rows:
        offspring.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = [root]
    while waiting:
        fresh = offspring.get(waiting.pop(), [])
        found += fresh
        waiting += fresh
    return found


def send(pid: int, signal: int) -> None:
    """Send a signal to a process that may be gone, or not be ours any more."""
    try:
        os.kill(pid, signal)
    except (ProcessLookupError, PermissionError):
        return


def extinguish(root: int) -> None:
    """End all descendants of a process. They are stopped first, so that none starts another."""
    stopped: set[int] = set()
    for _ in range(_ROUNDS):
        fresh = set(descendants(root)) - stopped
        if not fresh:
            break
        for pid in fresh:
            send(pid, _SIGSTOP)
        stopped |= fresh
    for pid in stopped:
        send(pid, _SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  needed only when this file is run as a script

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _launch(command: Sequence[str]) -> tuple[int, int]:
    """Start the command in a session of its own: its pid, and a pipe that tells of a failure."""
    failure, told = os.pipe()
    pid = os.fork()
    if pid:
        os.close(told)
        return pid, failure
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
        os.execvp(command[0], list(command))  # noqa: S606  there is no shell wanted
    except OSError as error:
        os.write(told, f"{command[0]}: {error.strerror}".encode())
    finally:
        os._exit(127)


def _reap(main: int, options: int) -> int | None:
    """Collect those that ended; the wait status of `main` if it is among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, options)
        except ChildProcessError:
            return None
        if pid == main:
            return status
        if pid == 0:
            return None


def _watch(main: int, control: int, novum: int) -> int | None:
    """Wait until the command ends (its wait status), or the control pipe or Novum does (None).

    The pipe alone does not tell of Novum's death: what it had forked, and that was stopped before
    it became a program, has the other end too.
    """
    poll = select.poll()
    poll.register(control, select.POLLIN | select.POLLHUP)
    pause = 10
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        poll.register(os.pidfd_open(main), select.POLLIN)
        pause = 200
    while True:
        events = poll.poll(pause)
        status = _reap(main, os.WNOHANG)
        if status is not None:
            return status
        if os.getppid() != novum or any(descriptor == control for descriptor, _ in events):
            return None


def main(arguments: Sequence[str]) -> int:
    """Run the command, and leave nothing behind."""
    novum, control, status_pipe = map(int, arguments[:3])
    for descriptor in (control, status_pipe):
        os.set_inheritable(descriptor, False)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    pid, failure = _launch(arguments[3:])
    problem = os.read(failure, 4096)
    if problem:
        os.write(2, problem + b"\n")
        return 127
    os.write(status_pipe, b'{"child-pid": %d}\n' % pid)
    status = _watch(pid, control, novum)
    while True:  # orphans come to us, so no children means that nobody is left
        extinguish(os.getpid())
        try:
            ended, late = os.waitpid(-1, 0)
        except ChildProcessError:
            break
        if ended == pid:
            status = late
    code = os.waitstatus_to_exitcode(status) if status is not None else -_SIGKILL
    code = code if code >= 0 else 128 - code
    os.write(status_pipe, b'{"exit-code": %d}\n' % code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
