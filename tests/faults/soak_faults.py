"""What can go wrong: each fault is prepared before a machine starts, or strikes while it works."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from soak_disk import FULL, POWER, READ_ONLY, Disk
from soak_machine import EXIT_MEMORY, EXIT_SOUND, EXIT_TOLD, TAG, Weather

from novum.sandbox import supervisor

SETTLED = {EXIT_SOUND}
TOLD = {EXIT_SOUND, EXIT_TOLD}
PERSONS_LOCKS = [
    "index.lock",
    "HEAD.lock",
    "packed-refs.lock",
    "config.lock",
    "refs/heads/main.lock",
]


@dataclass
class Session:
    """One start of the machine, and what is to befall it."""

    lab: Path
    disk: Disk
    draw: random.Random
    weather: Weather = field(default_factory=Weather)
    pid: int = 0
    faults: list[str] = field(default_factory=list)
    ends: set[int] = field(default_factory=lambda: set(SETTLED))  # exit statuses that may be
    undo: list[Callable[[], None]] = field(default_factory=list)
    damaged: bool = False  # the ledger was: it may go back to its last copy
    rebooted: bool = False  # the whole computer starts again

    @property
    def git_dir(self) -> Path:
        return self.lab / ".git"

    def trial(self) -> int | None:
        """A process of the running trial."""
        family = supervisor.descendants(self.pid)
        return self.draw.choice(family) if family else None


# Before the machine starts


def lock_files(session: Session) -> None:
    """Git was killed: the person's, or that of an earlier machine."""
    ours = [f"refs/heads/autoresearch/{TAG}.lock"]
    refs = sorted((session.git_dir / "refs/novum" / TAG).glob("[0-9]*"))
    if refs:
        ours.append(f"refs/novum/{TAG}/{int(refs[-1].name[:5]) + 1:05d}.lock")
    for name in session.draw.sample(PERSONS_LOCKS, 2) + session.draw.sample(ours, 1):
        lock = session.git_dir / name
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
        if name in PERSONS_LOCKS:
            session.undo.append(lambda lock=lock: lock.unlink(missing_ok=True))


def damaged_ledger(session: Session) -> None:
    """The last page of the ledger, or the end of its log, is not what was written."""
    home = session.lab / ".novum"
    log, pages = home / "ledger.db-wal", home / "ledger.db"
    if log.exists() and log.stat().st_size > 8192 and session.draw.random() < 0.5:
        path, size = log, session.draw.choice([1, 24, 4096, 4096 + 24])
    elif pages.exists() and pages.stat().st_size > 8192:
        path, size = pages, 4096
    else:
        return
    with path.open("r+b") as file:
        file.seek(-size, os.SEEK_END)
        file.write(session.draw.choice([bytes(size), session.draw.randbytes(size)]))
    session.damaged = True


def slots_gone(session: Session) -> None:
    """Somebody tidied up."""
    shutil.rmtree(session.lab / ".novum/slots", ignore_errors=True)


def clock_jumps(session: Session) -> None:
    session.weather = replace(session.weather, clock=session.draw.randrange(1 << 30))


def provider_down(session: Session) -> None:
    session.weather = replace(session.weather, provider_down=True)
    session.ends |= TOLD


def read_only_disk(session: Session) -> None:
    session.disk.read_only()
    session.undo.append(lambda: session.disk.mend(READ_ONLY))
    session.ends |= TOLD


# While it works


def kill(session: Session) -> None:
    os.kill(session.pid, signal.SIGKILL)
    session.ends.add(-signal.SIGKILL)


def terminate_hard_while_stopped(session: Session) -> None:
    """It is stopped, and killed as it is."""
    os.kill(session.pid, signal.SIGSTOP)
    time.sleep(session.draw.uniform(0, 0.1))
    kill(session)


def stop_machine(session: Session) -> None:
    os.kill(session.pid, signal.SIGSTOP)
    time.sleep(session.draw.uniform(0.01, 0.3))
    os.kill(session.pid, signal.SIGCONT)


def stop_trial(session: Session) -> None:
    pid = session.trial()
    if pid is not None:
        supervisor.send(pid, signal.SIGSTOP)
        time.sleep(session.draw.uniform(0.01, 0.3))
        supervisor.send(pid, signal.SIGCONT)


def kill_trial(session: Session) -> None:
    """Its sandbox, that is: who killed a program within cannot be known, so that is its own."""
    for pid in supervisor.children(session.pid):
        supervisor.send(pid, signal.SIGKILL)


def stop_trial_and_kill_machine(session: Session) -> None:
    pid = session.trial()
    if pid is not None:
        supervisor.send(pid, signal.SIGSTOP)
    kill(session)


def no_memory(session: Session) -> None:
    """An allocation fails, anywhere."""
    os.kill(session.pid, signal.SIGUSR1)
    # Raised while C code calls Python, it may crash that code: then it is as a kill.
    session.ends |= {EXIT_SOUND, EXIT_TOLD, EXIT_MEMORY, -signal.SIGSEGV}


def full_disk(session: Session) -> None:
    session.disk.fill(session.draw.choice([0, 0, 4, 16, 64, 256]))
    session.undo.append(lambda: session.disk.mend(FULL))
    session.ends |= TOLD


def power_cut(session: Session) -> None:
    session.disk.cut_power()
    session.rebooted = True
    kill(session)
    session.ends |= TOLD  # it may notice before
    session.undo.append(lambda: session.disk.mend(POWER))


def broken_disk(session: Session) -> None:
    """The disk fails under it, and it has to notice by itself."""
    session.disk.cut_power()
    session.rebooted = True
    session.undo.append(lambda: session.disk.mend(POWER))
    session.ends |= TOLD | {-signal.SIGBUS}  # what is mapped is gone


def slot_deleted(session: Session) -> None:
    name = session.draw.choice(["", "0", "0/tree", "0/pristine", "0/scratch"])
    slot, away = session.lab / ".novum/slots" / name, session.lab / ".novum/deleted"
    with suppress(OSError):  # it is not there, or the disk takes nothing
        slot.rename(away)  # at once, as a fast deletion is
    shutil.rmtree(away, ignore_errors=True)


def none(session: Session) -> None:
    """Nothing."""


BEFORE = {
    "git's locks left behind": lock_files,
    "last page of the ledger damaged": damaged_ledger,
    "slots deleted before the start": slots_gone,
    "clock jumps": clock_jumps,
    "provider fails": provider_down,
    READ_ONLY: read_only_disk,
}
STRIKES = {
    "SIGSTOP of the machine": stop_machine,
    "SIGSTOP of a trial": stop_trial,
    "SIGKILL of a trial": kill_trial,
    "slot deleted under a trial": slot_deleted,
}
ENDS = {
    "SIGKILL of the machine": kill,
    "SIGKILL of the stopped machine": terminate_hard_while_stopped,
    "trial stopped, machine killed": stop_trial_and_kill_machine,
    "MemoryError in the machine": no_memory,
    FULL: full_disk,
    POWER: power_cut,
    "disk fails": broken_disk,
}
KILLS = [kind for kind, strikes in ENDS.items() if strikes in {kill, terminate_hard_while_stopped}]
NEEDS = {"disk fails": POWER}
KINDS = {**BEFORE, **STRIKES, **ENDS}


def possible(kinds: list[str], disk: Disk, *, ahead: bool) -> list[str]:
    """Those that this disk and this campaign can suffer."""
    out = []
    for kind in kinds:
        needed = NEEDS.get(kind, kind)
        if needed in {FULL, READ_ONLY, POWER} and needed not in disk.able:
            continue
        if kind == "provider fails" and not ahead:
            continue
        out.append(kind)
    return out
