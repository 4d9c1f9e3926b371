"""The deep check: a lab is run before money is spent on a campaign, and its luck is measured.

It only sequences. Trials run as in a campaign, in the same slot, under the lab's lock; each result
is in the journal before the next trial begins, so that an interrupted check goes on.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from novum import opening, plugins
from novum.audit.advice import advise
from novum.audit.journal import Journal, Run
from novum.audit.measured import Measured
from novum.audit.plan import Plan, Planned, described
from novum.audit.probe import attempts
from novum.audit.soundness import Finding, Level, check
from novum.campaign import MISHAPS, Stop, Stopped, StopRequests
from novum.campaign.slot import Slot, Task
from novum.dataset import Dataset
from novum.errors import CampaignError
from novum.lab import LAB_FILE
from novum.ledger import Ledger
from novum.ledger.home import CACHE
from novum.records import TrialResult, TrialState
from novum.repo import Repo
from novum.runners import Pulse
from novum.terminal import duration, tail

TAIL_LINES = 8


@dataclass(frozen=True, slots=True)
class Report:
    """What a deep check found: findings, the numbers behind them, and advice in plain words."""

    findings: tuple[Finding, ...]
    advice: tuple[str, ...]
    numbers: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Whether there is a problem, so that a campaign should not be started."""
        return any(found.level is Level.PROBLEM for found in self.findings)


class DeepCheck:
    """One deep check, by this process, which holds the lab's lock.

    `say` is told each line of its progress, `show` what is running at the moment.
    """

    def __init__(
        self,
        directory: Path,
        plan: Plan,
        ledger: Ledger,
        say: Callable[[str], None],
        show: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.stop = Stop()
        self._requests = StopRequests(ledger, self.stop)
        self._show, self._running = show, ""
        self._directory, self._plan, self._ledger, self._say = directory, plan, ledger, say
        self._repo = Repo(directory)
        self._runner = plugins.load("novum.runners", "local")()
        self._dropped: set[float] = set()  # budgets too short for the baseline

    def run(self, *, fresh: bool = False) -> Report:
        """Make the runs that are missing, and say what all of them mean.

        Raises:
            Stopped: if the person asked to stop.
            CampaignError: if the data or the place fails.
        """
        plan, home = self._plan, self._ledger.home
        self._requests.dismiss_old()
        dataset = opening.dataset_of(plan.lab, self._repo, plan.commit, home, self._say)
        journal = Journal(home / "deep" / self._key(dataset), fresh=fresh)
        for line in described(plan, journal.runs):
            self._say(line)
        place, cache = home / "slots" / "0", home / CACHE
        slot = Slot(self._repo, place, plan.lab, plan.commit, dataset, self._runner, cache)
        with closing(slot):
            findings = [found for found in check(self._directory) if found.level is Level.CAUTION]
            findings += [
                attempt.finding()
                for attempt in attempts(
                    plan.lab, self._repo, plan.commit, self._directory, dataset, slot, self._runner
                )
            ]
            failure = self._make_runs(slot, journal)
        if failure is not None:
            return Report((*findings, failure), ("mend the lab, commit, and check it again",), {})
        planned = {run.key for run in plan.runs}
        runs = [run for run in journal.runs if run.key in planned]
        said = advise(Measured(plan, runs))
        return Report(
            (*findings, *said.findings), (*_to_mend(findings), *said.advice), said.numbers
        )

    def _key(self, dataset: Dataset) -> str:
        """Runs can be compared only if code, rules and data are the same."""
        rules = (self._directory / LAB_FILE).read_text(encoding="utf-8")
        text = "\n".join((self._plan.commit, dataset.digest, rules))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def _make_runs(self, slot: Slot, journal: Journal) -> Finding | None:
        """Make what is missing; a finding if the baseline fails, so that nothing else makes sense.

        What fails of the baseline is not recorded: it is tried again by the next check.
        """
        plan = self._plan
        remaining = plan.remaining(journal.runs)
        for number, planned in enumerate(remaining):
            if planned.seconds in self._dropped:
                continue
            made = len(plan.runs) - len(remaining) + number + 1
            self._running = f"run {made} of {len(plan.runs)}, {_what(planned)}"
            run = self._one(slot, journal, planned)
            is_baseline = not planned.subject.name
            if is_baseline and not run.measured and planned.seconds == plan.seconds:
                return _baseline_failure(run)
            if is_baseline and not run.measured:
                self._dropped.add(planned.seconds)
                self._say(f"at {planned.seconds:g} s the baseline fails: {run.detail}")
                continue
            journal.add(run)
            left = plan.expected(remaining[number + 1 :], journal.runs)
            self._say(f"{made:3}/{len(plan.runs)}  {self._told(planned, run, left)}")
        return None

    def _one(self, slot: Slot, journal: Journal, planned: Planned) -> Run:
        """Make one run, to an end that says something about it."""
        overtimes = [
            run.timing.overtime
            for run in journal.runs
            if not run.idea and run.seconds == planned.seconds
        ]
        task = Task(
            self._plan.commit,
            planned.subject.files,
            planned.seed,
            planned.seconds,
            max(overtimes, default=None),
            run=sum(run.measured and run.idea == planned.subject.name for run in journal.runs),
        )
        for _ in range(MISHAPS):
            self._heed()
            begin = time.monotonic()
            try:
                result = slot.run(task, self._watch, self.stop.now)
            except OSError as error:
                result = slot.mishap(error)
            if result.state is TrialState.CANCELLED:
                raise Stopped
            if result.state.counts:
                return self._recorded(planned, result, time.monotonic() - begin)
            self._say(f"not the code's fault, running it again: {result.detail}")
        raise CampaignError(
            f"{MISHAPS} trials in a row failed for reasons of this machine ({result.detail}); "
            "mend that, and check again"
        )

    def _recorded(self, planned: Planned, result: TrialResult, wall: float) -> Run:
        measured = result.measurement
        whole = planned.seconds == self._plan.seconds  # only there the items are looked at
        return Run(
            *planned.key,
            state=result.state.value,
            metric=measured.metric if measured else None,
            items=measured.items if measured and whole else (),
            detail=result.detail,
            timing=result.timing,
            wall=wall,
            tail="" if measured else tail(result.log, TAIL_LINES),
        )

    def _told(self, planned: Planned, run: Run, left: float) -> str:
        metric = self._plan.lab.metric.name
        came = f"{metric} {run.metric:.6g}" if run.measured else f"{run.state}: {run.detail}"
        rest = f"; about {duration(left)} left" if left else ""
        return f"{run.seconds:g} s  {_what(planned)}: {came}  (took {run.wall:.3g} s{rest})"

    def _heed(self) -> None:
        """Stop if this process or another was asked to."""
        self._requests.take()
        if self.stop.wanted:
            raise Stopped

    def _watch(self, pulse: Pulse) -> None:
        self._show(f"{self._running}: {pulse.phase}, {pulse.elapsed:.0f} s so far")
        self._requests.glance()


def _what(planned: Planned) -> str:
    if planned.subject.name:
        return planned.subject.title
    return f"baseline, seed {planned.seed}" + (" again" if planned.again else "")


def _to_mend(reached: Sequence[Finding]) -> Iterator[str]:
    open_ = [found.subject for found in reached if found.level is Level.PROBLEM]
    if open_:
        subjects = ", ".join(dict.fromkeys(open_))
        yield f"first mend what is in a trial's reach ({subjects}): a score can be forged there"


def _baseline_failure(run: Run) -> Finding:
    lines = [f"    {line}" for line in run.tail.splitlines()]
    said = ["its last lines:", *lines] if lines else ["it printed nothing"]
    words = "\n".join([f"it fails ({run.state}: {run.detail}); {said[0]}", *said[1:]])
    return Finding(Level.PROBLEM, "baseline", words)
