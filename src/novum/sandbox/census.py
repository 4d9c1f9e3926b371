"""What a family of processes uses: how many they are, their processor time, their memory."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import psutil

from novum.sandbox.supervisor import descendants, read_bytes

_MB = 1024 * 1024
_EXACT_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a family uses now; `peak_mb` and `cpu_seconds` are of its whole life so far."""

    processes: int = 0
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    peak_mb: float = 0.0


class _Member(NamedTuple):
    pid: int
    ended: bool
    started: float
    own: float  # its own processor seconds
    waited: float  # those of children that it waited for
    private_mb: float
    shared_mb: float
    highest_mb: float


class Census:
    """Counts the descendants of a process again and again, without keeping it from its work."""

    def __init__(
        self, root: int, memory_limit_mb: float, most: int, counted: Callable[[], float]
    ) -> None:
        self._root = root
        self._counted = counted  # processor seconds as the kernel counts them, if it does
        self._limit = memory_limit_mb
        self._most = most  # more processes than these are not looked at, only counted
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._linux = os.path.exists("/proc/self/task")  # noqa: PTH110
        self._times: dict[tuple[int, float], float] = {}
        self._gone = 0.0
        self._next_exact = 0.0
        self.usage = Usage()

    def take(self) -> Usage:
        """Count now."""
        family = [self._root, *descendants(self._root, self._most)]
        if len(family) > self._most:  # every look is slow beside a fork bomb
            self.usage = replace(self.usage, processes=len(family))
            return self.usage
        members = [m for pid in family if (m := self._look(pid))]
        cpu = self._cpu(members)
        memory = self._memory(members)
        highest = max((m.highest_mb for m in members), default=0.0)
        peak = max(self.usage.peak_mb, memory, highest)
        self.usage = Usage(len(members), max(cpu, self.usage.cpu_seconds), memory, peak)
        return self.usage

    def survivors(self) -> list[int]:
        """Those seen at the last count that are still there, wherever they hang now."""
        return [
            pid
            for pid, started in self._times
            if (m := self._look(pid)) and m.started == started and not m.ended
        ]

    def _look(self, pid: int) -> _Member | None:
        return self._look_at_proc(pid) if self._linux else _look_by_psutil(pid)

    def _look_at_proc(self, pid: int) -> _Member | None:
        stat = read_bytes(f"/proc/{pid}/stat")
        fields = stat[stat.rfind(b")") + 2 :].split()
        if len(fields) < 20:
            return None
        status = read_bytes(f"/proc/{pid}/status")
        return _Member(
            pid,
            fields[0] in {b"Z", b"X"},
            float(fields[19]),
            (int(fields[11]) + int(fields[12])) / self._ticks,
            (int(fields[13]) + int(fields[14])) / self._ticks,
            _field_mb(status, b"RssAnon:") + _field_mb(status, b"VmSwap:"),
            _field_mb(status, b"RssFile:") + _field_mb(status, b"RssShmem:"),
            _field_mb(status, b"VmHWM:"),
        )

    def _cpu(self, members: list[_Member]) -> float:
        """Processor seconds of the living, the waited for, and those that nobody waited for.

        Of the last, where only we count, what they used when they were last seen.
        """
        times = {(m.pid, m.started): m.own for m in members}
        self._gone += sum(own for key, own in self._times.items() if key not in times)
        self._times = times
        waited_for = sum(m.own + m.waited for m in members)
        return max(waited_for, self._gone + sum(times.values()), self._counted())

    def _memory(self, members: list[_Member]) -> float:
        """Private memory of all, and the largest shared part, which is likely shared by all.

        Forked workers share much of what counts as private, and what is shared may be each one's
        own. So before this is believed to be a new peak, or where it could be over the limit, the
        exact number is read, which is dear for large programs.
        """
        shared = [m.shared_mb for m in members]
        estimate = sum(m.private_mb for m in members) + max(shared, default=0.0)
        if len(members) < 2 or not self._linux:
            return estimate
        most = estimate + sum(shared) - max(shared)
        if estimate <= self.usage.peak_mb and most <= self._limit:
            return estimate
        if estimate <= self._limit and time.monotonic() < self._next_exact:
            return self.usage.memory_mb
        self._next_exact = time.monotonic() + _EXACT_EVERY
        return sum(_proportional_mb(m) for m in members)


def _field_mb(status: bytes, name: bytes) -> float:
    start = status.find(name)
    return int(status[start + len(name) :].split(None, 1)[0]) / 1024 if start >= 0 else 0.0


def _proportional_mb(member: _Member) -> float:
    rollup = read_bytes(f"/proc/{member.pid}/smaps_rollup")
    if b"Pss:" not in rollup:
        return member.private_mb + member.shared_mb
    return _field_mb(rollup, b"\nPss:") + _field_mb(rollup, b"SwapPss:")


def _look_by_psutil(pid: int) -> _Member | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            resident = process.memory_info().rss / _MB
            return _Member(
                pid,
                process.status() == psutil.STATUS_ZOMBIE,
                process.create_time(),
                times.user + times.system,
                getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0),
                resident,
                0.0,
                resident,
            )
    except psutil.Error:
        return None
