"""The bench: one directory in which a campaign runs its trials, one after another."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from novum.campaign.events import Beat, Observer, Step, TrialEnded, TrialStarted
from novum.campaign.lookout import Lookout
from novum.campaign.slot import Slot, Task
from novum.campaign.stopping import Stop, StopRequests
from novum.dataset import Dataset
from novum.ledger import Cell, Experiment, Heartbeat, Ledger, Trial
from novum.ledger.confirmations import Split
from novum.ledger.home import CACHE
from novum.records import TrialState
from novum.repo import Repo
from novum.runners import Pulse, Runner
from novum.sandbox import discard, erase
from novum.standing import Standing

BEAT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """One trial to run: of `target`'s commit with some files replaced, for `asked_by`'s sake.

    The rest is for confirmations: the place in the plan, another commit, a seed shared by a
    block, the split, another dial, and the commit that is shown beside this one, where the score
    is a rate; else that is the incumbent.
    """

    target: Experiment
    asked_by: Experiment
    files: Mapping[str, str] = field(default_factory=dict)
    cell: Cell | None = None
    commit: str | None = None
    seed: int | None = None
    split: Split = "validation"
    dial: Mapping[str, float] | None = None
    control: str | None = None


class Bench:
    """Runs single trials, and records them."""

    def __init__(
        self,
        ledger: Ledger,
        repo: Repo,
        standing: Standing,
        runner: Runner,
        dataset: Dataset,
        tell: Observer,
        meanwhile: Callable[[], None],
    ) -> None:
        self.stop = Stop()
        self.requests = StopRequests(ledger, self.stop)
        self.session = ledger.open_session(standing.campaign.id)
        self._ledger, self._standing, self._tell = ledger, standing, tell
        self._meanwhile = meanwhile  # what is to be done now and then while a trial runs
        directory, start = ledger.home / "slots" / "0", standing.campaign.start_commit
        cache = ledger.home / CACHE
        self._slot = Slot(repo, directory, standing.lab, start, dataset, runner, cache)
        self._beaten = 0.0

    def run(self, job: Job) -> Trial:
        """Run one trial, and record how it ended."""
        target, asked_by = job.target, job.asked_by
        seed = job.seed or self._standing.next_seed
        seconds = float(self._standing.campaign.settings["seconds"])
        number = self._ledger.start_trial(
            target.id, asked_by.id, seed, seconds, job.split, job.cell
        )
        self._tell(Step("running"))
        self._tell(TrialStarted(target, number, seed))
        standing = self._standing
        beside = standing.incumbent.commit if standing.has_baseline else None
        task = Task(
            commit=job.commit or target.commit or target.parent,
            files=job.files,
            seed=seed,
            seconds=seconds,
            overtime=self._usual_overtime(job),
            split=job.split,
            dial=job.dial,
            control=job.control or beside,
            run=standing.measured(target.id),
        )
        own = target.id == asked_by.id and job.cell is None
        lookout = Lookout(self._standing, target if own else None, seed, self.stop.now)

        def watch(pulse: Pulse) -> None:
            lookout.see(pulse)
            self._watch(number, pulse)

        try:
            result = lookout.result(self._slot.run(task, watch, lookout.ending))
            if own and result.state is TrialState.MEASURED:
                self._keep_artifacts(target)
        except OSError as error:
            result = self._slot.mishap(error)
        trial = self._ledger.end_trial(number, result, self.session)
        self._standing.add_trial(trial)
        self._tell(Step("measured"))
        self._tell(TrialEnded(target, result))
        return trial

    def _usual_overtime(self, job: Job) -> float | None:
        """How long the baseline works past the budget; not known with another dial."""
        known = self._standing.has_baseline and job.dial is None
        return self._standing.overtime if known else None

    def _watch(self, trial: int, pulse: Pulse) -> None:
        self._tell(Beat(pulse))
        if self.requests.glance():
            self._meanwhile()
        now = time.monotonic()
        if now - self._beaten >= BEAT_SECONDS:
            self._beaten = now
            self._ledger.beat(
                Heartbeat(
                    trial=trial,
                    at=time.time(),
                    phase=pulse.phase,
                    elapsed=pulse.elapsed,
                    clock=pulse.clock,
                    memory_mb=pulse.memory_mb,
                    point=pulse.point or {},
                )
            )

    def _keep_artifacts(self, experiment: Experiment) -> None:
        """Set aside what the trial left, in case its experiment is kept."""
        source, target = self._slot.scratch / "artifacts", self._artifacts(experiment)
        if source.is_dir() and any(source.iterdir()):
            erase(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)

    def drop_artifacts(self, experiment: Experiment) -> None:
        """Remove what the trials of an experiment left that was not kept."""
        discard(self._artifacts(experiment))

    def _artifacts(self, experiment: Experiment) -> Path:
        tag = self._standing.campaign.tag
        return self._ledger.home / tag / "artifacts" / str(experiment.number)

    def close(self) -> None:
        """Leave nothing of the last trial behind."""
        self._slot.close()
