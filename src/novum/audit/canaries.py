"""Known cheats, planted into a lab as trials of it: which of them does the machine stop?

A cheat is a program that takes the place of the candidate's: of the editable file that the run
command runs, or else of the command. It runs in the slot, by the runner and in the sandbox of a
campaign; what was frozen is measured as always. What a trial can reach is tried by the probe.
"""

import json
import math
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

from novum import opening, plugins
from novum.audit.probe import Attempt, attempts
from novum.campaign import Stop, Stopped, StopRequests
from novum.campaign.slot import OVERTIME_SECONDS, OVERTIME_SHARE, Slot, Task
from novum.dataset import Dataset
from novum.errors import LabError
from novum.lab import Lab, read_lab
from novum.ledger import Ledger
from novum.records import NOT_YET, TrialResult, TrialState
from novum.repo import Repo
from novum.runners import Phase, Pulse
from novum.sandbox import Confinement, confinement_for

SECONDS = 1.0  # the budget of a canary, if the lab's own is not shorter
GRACE = 2.0
STAY = 0.5  # seconds past what is allowed
BETTER = 0.0123456789  # of the honest score: what a false one is better by
PROGRAM = "novum_canary.py"
SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  where marks may be found
PLACES = (".", "$NOVUM_ARTIFACTS", "$HOME", "$TMPDIR", "$NOVUM_DATA", *SHARED)
SCORES = {  # cheats on the score
    "printed": "prints a false score",
    "written": "writes a false result among its artifacts and at guessed paths",
    "libraries": "leaves libraries and start-up files for the evaluator",
    "pickled": "hands in pickles that run code",
}


class Fate(StrEnum):
    """What came of a canary."""

    STOPPED = "stopped"
    NOT_STOPPED = "not stopped"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Canary:
    """A cheat that was planted; `text` says what came of it, or why it says nothing here."""

    cheat: str
    fate: Fate
    text: str
    promised: bool = True  # whether this lab, on this machine, is promised to stop it

    @property
    def broken(self) -> bool:
        """Whether a promise does not hold."""
        return self.promised and self.fate is Fate.NOT_STOPPED


class Canaries:
    """The canaries of one lab, by this process, which holds the lab's lock.

    Raises:
        LabError: with what has to be mended first.
    """

    def __init__(self, directory: Path, seconds: float | None) -> None:
        self.stop = Stop()
        self._glance: Callable[[], object] = lambda: None  # is it asked elsewhere to stop?
        self._directory, self._repo = directory, Repo(directory)
        self._lab = read_lab(directory)
        if found := opening.problems(self._lab, self._repo):
            raise LabError("\n".join(found))
        self._commit = self._repo.head()
        self._seconds = seconds or min(self._lab.budget.seconds, SECONDS)
        self._runner = plugins.load("novum.runners", "local")()
        self._confinement: Confinement = confinement_for(self._lab.sandbox.mode)
        self._mark = secrets.token_hex(16)

    def run(self, ledger: Ledger, say: Callable[[str], None]) -> Iterator[Canary]:
        """Plant one after the other, and say what came of each.

        Raises:
            Stopped: if the person asked to stop.
            CampaignError: if the data cannot be prepared.
            OSError: if the disk does not take its files.
        """
        requests = StopRequests(ledger, self.stop)
        requests.dismiss_old()
        self._glance = requests.glance
        dataset = opening.dataset_of(self._lab, self._repo, self._commit, ledger.home, say)
        place = ledger.home / "slots" / "0"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="cache-", dir=place.parent) as cache:
            make = (self._repo, place, self._changed(), self._commit, dataset, self._runner)
            with closing(Slot(*make, Path(cache))) as slot:
                yield from self._reach(slot, dataset)
                yield from self._scores(slot)
                yield from self._leftovers(slot, dataset)
                yield self._overstay(slot)

    # -- planting ---------------------------------------------------------------------------------

    @property
    def _entry(self) -> str | None:
        """The editable file that the run command runs, if it is a program in Python."""
        run = self._lab.trial.run
        editable = len(run) > 1 and run[0] == "python" and run[1] in self._lab.files.editable
        return run[1] if editable else None

    def _changed(self) -> Lab:
        """The lab with a short budget, and a command that runs what is planted."""
        budget = self._lab.budget
        changes = {"seconds": self._seconds, "grace": min(budget.grace, GRACE)}
        update: dict[str, Any] = {"budget": budget.model_copy(update=changes)}
        if self._entry is None:
            run = ("python", PROGRAM)
            update["trial"] = self._lab.trial.model_copy(update={"run": run})
        return self._lab.model_copy(update=update)

    def _plant(
        self,
        slot: Slot,
        cheat: str,
        *,
        honest: bool = False,
        watch: Callable[[Pulse], None] = lambda pulse: None,
        **more: float,
    ) -> TrialResult:
        """Run a cheat as a trial; after the lab's own program if `honest`."""
        entry = self._entry
        plan = {
            "cheat": cheat,
            "honest": honest,
            "run": self._lab.trial.run,
            "files": self._repo.files(self._commit, (entry,)) if entry else {},
            "metric": self._lab.metric.name,
            "mark": self._mark,
            "places": PLACES,
            "modules": sorted({Path(path).stem for path in self._repo.entries(self._commit)}),
            **more,
        }
        source = (resources.files("novum.audit") / "planted.py").read_text(encoding="utf-8")
        blank = "PLAN: dict[str, Any] = {}"
        text = source.replace(blank, f"PLAN: dict[str, Any] = json.loads({json.dumps(plan)!r})", 1)
        task = Task(self._commit, {entry or PROGRAM: text}, 1, self._seconds, overtime=0.0)

        def see(pulse: Pulse) -> None:
            self._glance()
            watch(pulse)

        result = slot.run(task, see, self.stop.now)
        if result.state is TrialState.CANCELLED or self.stop.wanted:
            raise Stopped
        return result

    # -- what came of it --------------------------------------------------------------------------

    def _reach(self, slot: Slot, dataset: Dataset) -> Iterator[Canary]:
        tried = (self._lab, self._repo, self._commit, self._directory, dataset, slot, self._runner)
        for attempt in attempts(*tried):
            yield _tried(attempt, promised=self._promises(attempt.subject))

    def _promises(self, subject: str) -> bool:
        if subject == "kernel":
            return self._confinement.filters
        return subject == "frozen files" or self._confinement.tool != "none"

    def _scores(self, slot: Slot) -> Iterator[Canary]:
        """Cheats on the score, each after an honest run of the lab's own program."""
        if self._lab.self_reported:
            yield from self._self_reported(slot)
            return
        base = self._plant(slot, "", honest=True)
        if base.measurement is None:
            words = self._unmeasured(base)
            yield from (_untried(cheat, words) for cheat in SCORES.values())
            return
        honest = base.measurement.metric
        false = _better(honest, minimize=self._lab.minimize)
        for name, cheat in SCORES.items():
            result = self._plant(slot, name, honest=True, false=false)
            yield _scored(cheat, result, honest, false, ran=self._mark.encode() in result.log)

    def _unmeasured(self, base: TrialResult) -> str:
        if base.detail.startswith(NOT_YET):
            return "the score comes from outside (people, an assay), to whom no cheat is shown"
        return (
            f"the lab's own program was not measured at {self._seconds:g} s "
            f"({base.state}: {base.detail}); another budget: --seconds N"
        )

    def _self_reported(self, slot: Slot) -> Iterator[Canary]:
        cheat, *others = SCORES.values()
        result = self._plant(slot, "printed", false=BETTER)
        words = "self-reported: any number that is printed is believed; add `evaluate`"
        if result.measurement is None:
            yield Canary(cheat, Fate.STOPPED, f"refused ({result.state}: {result.detail})")
        else:
            yield Canary(cheat, Fate.NOT_STOPPED, words, promised=False)
        yield from (_untried(cheat, "there is no evaluator to deceive") for cheat in others)

    def _leftovers(self, slot: Slot, dataset: Dataset) -> Iterator[Canary]:
        """What a trial leaves for later: a process, files."""
        pulse = slot.scratch / "artifacts" / "pulse"
        seen: list[int] = []

        def watch(sign: Pulse) -> None:
            if sign.phase is Phase.EVALUATION and not seen:
                seen.append(_touched(pulse))

        try:
            self._plant(slot, "lingering", watch=watch)
            seen.append(_touched(pulse))
            time.sleep(0.2)
            seen.append(_touched(pulse))
            yield _lived_on(seen)
            result = self._plant(slot, "finding")
        finally:
            for place in (*SHARED, *([str(dataset.data)] if dataset.data else [])):
                with suppress(OSError):
                    Path(place, self._mark).unlink(missing_ok=True)
        yield self._found(result)

    def _found(self, result: TrialResult) -> Canary:
        cheat = "leaves files for the next trial, in every place that it may write"
        head = f"{self._mark} "
        lines = result.log.decode("utf-8", "replace").splitlines()
        told = [line.removeprefix(head) for line in lines if line.startswith(head)]
        if not told:
            return _untried(cheat, f"the next trial could not look ({result.state})")
        if paths := json.loads(told[0]):
            promised = self._promises("files")
            return Canary(cheat, Fate.NOT_STOPPED, f"found: {', '.join(paths)}", promised=promised)
        return Canary(cheat, Fate.STOPPED, "the next trial finds none of them")

    def _overstay(self, slot: Slot) -> Canary:
        cheat = "works on after its budget, and ignores being asked to end"
        stay = self._seconds * (1 + OVERTIME_SHARE) + OVERTIME_SECONDS + STAY
        result = self._plant(slot, "overstaying", stay=stay)
        stopped = result.state is TrialState.TIMEOUT
        fate = Fate.STOPPED if stopped else Fate.NOT_STOPPED
        return Canary(cheat, fate, f"it ended as {result.state}")


def _tried(attempt: Attempt, *, promised: bool) -> Canary:
    if attempt.untried:
        return _untried(attempt.cheat, attempt.untried)
    fate = Fate.NOT_STOPPED if attempt.reached else Fate.STOPPED
    return Canary(attempt.cheat, fate, attempt.reached or attempt.held, promised=promised)


def _untried(cheat: str, why: str) -> Canary:
    return Canary(cheat, Fate.NOT_APPLICABLE, why)


def _scored(cheat: str, result: TrialResult, honest: float, false: float, *, ran: bool) -> Canary:
    """What came of a cheat on the score; `ran` if the evaluator ran its code."""
    if result.state is TrialState.INFRASTRUCTURE:
        return _untried(cheat, f"it could not run: {result.detail}")
    if ran:
        words = "its code ran in the evaluator, which must read what a trial left as data"
        return Canary(cheat, Fate.NOT_STOPPED, words)
    if result.measurement is None:
        return Canary(cheat, Fate.STOPPED, f"refused ({result.state}), no score")
    score = result.measurement.metric
    if math.isclose(score, false, rel_tol=1e-6):
        words = f"its score is {score:.6g} as it claimed, and honestly {honest:.6g}"
        return Canary(cheat, Fate.NOT_STOPPED, f"{words}; the evaluator must measure, not read")
    return Canary(cheat, Fate.STOPPED, f"measured all the same: {score:.6g}, not {false:.6g}")


def _better(honest: float, *, minimize: bool) -> float:
    """A false score that is a little better, so that an evaluator may take it for a real one."""
    step = BETTER * (abs(honest) or 1.0)
    return honest - step if minimize else honest + step


def _lived_on(seen: list[int]) -> Canary:
    cheat = "leaves a process that rewrites its artifacts while they are evaluated"
    if not seen[-1]:
        return _untried(cheat, "it could not start a process")
    if len(set(seen)) > 1:
        return Canary(cheat, Fate.NOT_STOPPED, "it still wrote when its trial had ended")
    return Canary(cheat, Fate.STOPPED, "it ended with its trial")


def _touched(path: Path) -> int:
    """When a file was last written, in nanoseconds; 0 if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
