"""Campaigns of real, cheap trials under random faults, and what has to hold after each of them.

    python tests/faults/soak.py [--minutes 30] [--experiments 2000] [--seed 1] [--only FAULT]

Campaign after campaign is run twice: undisturbed, and under faults. After each end of the machine
the invariants of `soak_checks.py` are checked; at the end both ledgers must be equal, and nothing
may be left over. A failure prints the seed and the faults; `--seed N --campaigns 1` runs it again.
Ends after so many minutes, or so many experiments under faults, whichever is later, unless
`--experiments 0`; prints the figures.
"""

import argparse
import ctypes
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import soak_checks as checks
import soak_faults as faults
from soak_disk import READ_ONLY, Disk, in_own_namespace
from soak_machine import EXIT_SOUND, Plan, Weather, start

from novum import upkeep

SUBREAPER = 36
OWN_GIT = {
    **{f"GIT_CONFIG_{level}": "/dev/null" for level in ("GLOBAL", "SYSTEM")},
    **{f"GIT_{role}_NAME": "Person" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "person@example.org" for role in ("AUTHOR", "COMMITTER")},
}
LONGEST = 120.0  # seconds that a session may last
IDEAS = 100
LONG_SESSION = 4.0  # mean seconds of a session of the long campaign


@dataclass
class Figures:
    """What a soak did."""

    experiments: int = 0
    undisturbed: int = 0
    campaigns: int = 0
    sessions: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    trials: int = 0
    disk: list[upkeep.Use] = field(default_factory=list)  # of the last campaign, before and after


class Soak:
    """Runs campaigns in a directory of its own."""

    def __init__(self, home: Path, private: bool, only: list[str]) -> None:
        self.home, self.private, self.only = home, private, only
        self.figures = Figures()
        self.mean = 0.8  # seconds that a session lasts
        self.temporary = home / "tmp"
        self.temporary.mkdir()
        os.environ["TMPDIR"] = str(self.temporary)
        tempfile.tempdir = None

    def campaign(self, seed: int, ideas: int) -> None:
        """One campaign, undisturbed and under faults; both must come to the same."""
        plan = Plan.drawn(seed, ideas)
        said = self.home / f"said-{seed}"
        history: list[str] = []
        disk = Disk(self.home / f"disk-{seed}", self.private)
        calm = self.home / f"calm-{seed}"
        try:
            calm.mkdir()
            plan.make_lab(calm)
            self._undisturbed(calm, plan, said)
            lab = disk.place / "lab"
            lab.mkdir()
            plan.make_lab(lab)
            disk.synchronise()
            self._disturbed(lab, plan, disk, said, history)
            unlike = checks.differences(checks.record(calm), checks.record(lab))
            checks.require(not unlike, "not what it comes to undisturbed: " + "; ".join(unlike))
            self.figures.disk = upkeep.keep_up(lab, lambda line: None)
            checks.require(not checks.differences(checks.record(calm), checks.record(lab)), "gc")
        except Exception:
            print(f"\nFAILED in the campaign of seed {seed}: {plan}\nfaults so far:")
            print("\n".join(f"  {n}. {line}" for n, line in enumerate(history, 1)))
            print("what the machine said last:", said.read_text()[-4000:] if said.exists() else "")
            with suppress(OSError, shutil.Error):
                checks.keep_copy(disk.place / "lab", self.home / f"broken-{seed}")
            print(f"its lab: {self.home}/broken-{seed}; again: --seed {seed} --campaigns 1")
            raise
        shutil.rmtree(calm)
        disk.close()
        said.unlink(missing_ok=True)

    def _undisturbed(self, lab: Path, plan: Plan, said: Path) -> None:
        status = self._ended(start(lab, plan, Weather(), said), LONGEST + plan.ideas)
        checks.require(status == EXIT_SOUND, f"undisturbed it ended with {status}")
        checks.check(lab, plan, checks.Memory(), ended=True)
        self.figures.undisturbed += plan.ideas

    def _disturbed(self, lab: Path, plan: Plan, disk: Disk, said: Path, history: list[str]) -> None:
        draw, memory, pids = random.Random(plan.seed), checks.Memory(), set[int]()
        status = None
        while status != EXIT_SOUND:
            session = faults.Session(lab, disk, draw)
            status = self._session(session, plan, said, history, memory)
            pids.add(session.pid)
            checks.require(len(history) < 60 * plan.ideas, "it makes no progress")
        last = self._ended(start(lab, plan, Weather(), said))
        checks.require(last == EXIT_SOUND, f"in the end it ended with {last}")
        checks.check(lab, plan, memory, ended=True)
        left = checks.wait_for_orphans(started=False)
        left += checks.left_over(lab, self.temporary, pids)
        checks.require(not left, f"left over: {left}")
        figures = self.figures
        figures.campaigns += 1
        figures.experiments += plan.ideas
        figures.checks += memory.checks
        for trial in memory.trials.values():
            figures.trials += 1
            if not trial.state.counts:
                figures.lost[str(trial.detail)[:60]] += 1

    def _session(
        self,
        session: faults.Session,
        plan: Plan,
        said: Path,
        history: list[str],
        memory: checks.Memory,
    ) -> int:
        befalls = self._drawn(session, plan)
        history.append(", ".join(f"{kind} at {at:.3f} s" if at else kind for at, kind in befalls))
        for at, kind in befalls:
            if at == 0:
                if kind == READ_ONLY:
                    checks.end_orphans()  # a disk is made read-only while nobody writes
                faults.BEFORE[kind](session)
        session.pid = start(session.lab, plan, session.weather, said)
        began, status = time.monotonic(), None
        for at, kind in befalls:
            if at > 0:
                status = self._ended(session.pid, max(0.0, began + at - time.monotonic()))
                if status is not None:
                    break
                faults.KINDS[kind](session)
            self.figures.faults[kind] += 1
        if status is None:
            status = self._ended(session.pid)
        self.figures.sessions += 1
        self.figures.ends[str(status)] += 1
        left = checks.wait_for_orphans(started=True)
        if session.rebooted:
            checks.end_orphans()
        for undo in reversed(session.undo):
            undo()
        history[-1] += f": ended with {status}"
        if status == -signal.SIGSEGV:
            print(said.read_text(errors="replace")[-4000:], flush=True)
        checks.require(not left, f"left over: {left}")
        checks.require(status in session.ends, f"it ended with {status}, not {session.ends}")
        if session.damaged:
            memory.forget()
        checks.check(session.lab, plan, memory, ended=False)
        return status

    def _drawn(self, session: faults.Session, plan: Plan) -> list[tuple[float, str]]:
        """What befalls a session, and when: at 0 before it starts."""
        draw = session.draw

        def some(kinds: Iterable[str], count: int) -> list[str]:
            able = faults.possible(kinds, session.disk, ahead=plan.ahead)
            wanted = [kind for kind in able if not self.only or kind in self.only]
            return draw.choices(wanted, k=count) if wanted else []

        before = [(0.0, kind) for kind in some(faults.BEFORE, draw.choice([0, 0, 1]))]
        if any(kind == READ_ONLY for _, kind in before):
            return before
        length = 0.02 + draw.expovariate(1 / self.mean)
        # Never three: a trial that is disturbed three times in a row is taken to do it itself.
        strikes = [
            (draw.uniform(0.01, length), kind)
            for kind in some(faults.STRIKES, draw.choice([0, 1, 2, 2]))
        ]
        end = some(faults.ENDS, 1) or ["SIGKILL of the machine"]
        return [*before, *sorted(strikes), (length, end[0])]

    def _ended(self, pid: int, seconds: float = LONGEST) -> int | None:
        """The exit status of a machine, or minus its signal; None if it runs on."""
        end = time.monotonic() + seconds
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= end:
                break
            time.sleep(0.001)
        if seconds < LONGEST:
            return None
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise checks.Broken(f"it hung for {seconds:g} s")


def report(figures: Figures, seconds: float) -> None:
    """Print what was done."""
    print(f"{figures.experiments} experiments in {figures.campaigns} campaigns under faults, and")
    print(f"{figures.undisturbed} undisturbed, to compare with; {seconds / 60:.1f} minutes")
    print(f"{figures.sessions} starts of the machine, {figures.checks} checks of all invariants")
    print("\n| fault | times |\n|---|---|")
    for kind in faults.KINDS:
        print(f"| {kind} | {figures.faults[kind]} |")
    print("\n| the machine ended | times |\n|---|---|")
    for end, count in figures.ends.most_common():
        print(f"| {end} | {count} |")
    lost = sum(figures.lost.values())
    print(f"\n{lost} of {figures.trials} trials had to be run again:")
    for why, count in figures.lost.most_common():
        print(f"  {count} {why}")
    print("\nthe last campaign on the disk, and after `novum gc`:")
    for use in figures.disk:
        print(f"  {use.what}: {use.bytes / 1e6:.2f} MB, {(use.after or 0) / 1e6:.2f} MB")


def main() -> None:
    """Soak until there was enough of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--campaigns", type=int, default=0)
    parser.add_argument("--ideas", type=int, default=IDEAS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--long", type=int, default=0, help="at last, one of so many experiments")
    parser.add_argument("--home", type=Path, help="where; else in memory, if that can be")
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    os.environ.update(OWN_GIT)
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    private = in_own_namespace()
    memory = Path("/dev/shm")
    home = Path(
        tempfile.mkdtemp(prefix="soak-", dir=options.home or (memory if memory.is_dir() else None))
    )
    soak, began, seed = Soak(home, private, options.only), time.monotonic(), options.seed
    while True:
        soak.campaign(seed, options.ideas)
        seed += 1
        enough = time.monotonic() - began > 60 * options.minutes
        if options.campaigns and seed - options.seed >= options.campaigns:
            break
        if not options.campaigns and enough and soak.figures.experiments >= options.experiments:
            break
        print(f"{soak.figures.experiments} experiments, {soak.figures.sessions} starts", flush=True)
    if options.long:
        print(f"one campaign of {options.long} experiments, killed at random", flush=True)
        soak.only, soak.mean = list(faults.KILLS), LONG_SESSION
        soak.campaign(seed, options.long)
    report(soak.figures, time.monotonic() - began)
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
