"""The slot: the directories in which trials of a lab run, one after another, and are verified."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from threading import Event
from typing import Literal

from novum.campaign.traffic import CountsError, arms_of
from novum.dataset import Dataset
from novum.lab import Lab
from novum.ledger.home import HOME
from novum.records import DISTURBED, Measurement, TrialResult, TrialState, is_number
from novum.repo import Repo
from novum.runners import Order, Pulse, Runner
from novum.sandbox import discard, sweep
from novum.worktree import Worktree

OVERTIME_SECONDS, OVERTIME_SHARE = 1.0, 0.05  # past the budget, more than the baseline


@dataclass(frozen=True, slots=True)
class Task:
    """What is to run: a commit with some files replaced, a seed, and a budget in seconds.

    `overtime` is how long the baseline works past this budget; None while that is not known.
    `dial` is another value of the lab's dial.
    """

    commit: str
    files: Mapping[str, str]
    seed: int
    seconds: float
    overtime: float | None = None
    split: Literal["validation", "holdout"] = "validation"
    dial: Mapping[str, float] | None = None
    control: str | None = None  # the commit that visitors are shown beside it; None: the start
    run: int = 0  # how many runs of this commit were measured before, in this campaign

    @property
    def allowed_overtime(self) -> float:
        """Saving takes a moment, but nobody may train longer than the baseline did."""
        if self.overtime is None:
            return inf
        return self.overtime + max(OVERTIME_SECONDS, OVERTIME_SHARE * self.seconds)


class Slot:
    """Fills its directories for a task, has the runner run it, and sees what it did to them."""

    def __init__(
        self,
        repo: Repo,
        directory: Path,
        lab: Lab,
        start: str,
        dataset: Dataset,
        runner: Runner,
        cache: Path,
    ) -> None:
        self.scratch = directory / "scratch"
        self._lab, self._dataset, self._runner = lab, dataset, runner
        self._cache = cache if lab.trial.cache else None
        self._candidate = Worktree(repo, directory / "tree")
        self._pristine = Worktree(repo, directory / "pristine")
        self._start = start
        self._hidden = repo.directory / HOME, repo.git_dir
        sweep()
        rate = lab.metric.noise == "rate"
        self._control = Worktree(repo, directory / "control") if rate else None

    def run(self, task: Task, watch: Callable[[Pulse], None], cancel: Event) -> TrialResult:
        """Run one trial to its end, and verify it.

        Raises:
            OSError: if the disk does not take its files; `mishap` makes a result of that.
        """
        return self._verified(task, self._runner.run(self.order(task), watch, cancel))

    def order(self, task: Task) -> Order:
        """What a runner is given: the directories hold the task's files, and nothing is left over.

        Raises:
            OSError: if the disk does not take them.
        """
        self._candidate.fill(task.commit, task.files)
        self._pristine.fill(self._start)  # nothing to do after the first time
        if self._control is not None:
            self._control.fill(task.control or self._start)
        self.close()
        self.scratch.mkdir(parents=True)
        if self._cache is not None:
            self._cache.mkdir(parents=True, exist_ok=True)
        return Order(
            lab=self._lab.with_dial(task.dial) if task.dial else self._lab,
            tree=self._candidate.directory,
            pristine=self._pristine.directory,
            scratch=self.scratch,
            seed=task.seed,
            seconds=task.seconds,
            data=self._dataset.data,
            heldout=self._dataset.heldout,
            split=task.split,
            control=self._control.directory if self._control else None,
            hidden=self._hidden,
            cache=self._cache,
            run=task.run,
        )

    def restore(self) -> set[str]:
        """Undo what a trial did to frozen files; returns those that it had changed."""
        changed = set(self._candidate.restore()) - set(self._lab.files.editable)
        if not self._lab.self_reported:  # without a sandbox, these can be reached too
            changed.update(self._pristine.restore())
        if self._control is not None:
            changed.update(self._control.restore())
        return changed

    def mishap(self, error: OSError) -> TrialResult:
        """The result of a trial that the place did not let run."""
        detail = f"{error.strerror or error} ({error.filename or self.scratch})"
        return TrialResult(TrialState.INFRASTRUCTURE, detail=detail)

    def close(self) -> None:
        """Leave nothing of the last trial behind."""
        discard(self.scratch)

    def _verified(self, task: Task, result: TrialResult) -> TrialResult:
        """The result, unless the trial changed files that are not its own."""
        changed = self.restore()
        if gone := [path.name for path in self._gone()]:
            detail = f"{DISTURBED}somebody removed its directories ({', '.join(gone)}) while it ran"
            return TrialResult(TrialState.INFRASTRUCTURE, detail=detail, log=result.log)
        if changed:
            detail = f"changed frozen files during its run: {', '.join(sorted(changed)[:5])}"
        elif result.state is TrialState.MEASURED and not _is_score(result.measurement):
            detail = f"there is no finite score: {result.measurement}"
        elif (problem := self._miscounted(result.measurement)) is not None:
            detail = problem
        elif result.timing.overtime > task.allowed_overtime:
            spent, usual = result.timing.overtime, task.overtime
            detail = f"it worked {spent:.1f} s past its budget; the baseline {usual:.1f} s"
            return replace(result, state=TrialState.TIMEOUT, measurement=None, detail=detail)
        elif result.timing.overtime + result.timing.unseen > task.allowed_overtime:
            detail = f"{DISTURBED}Novum was held up, and cannot know when it ended"
            return replace(result, state=TrialState.INFRASTRUCTURE, measurement=None, detail=detail)
        else:
            return result
        return replace(result, state=TrialState.INVALID, measurement=None, detail=detail)

    def _gone(self) -> list[Path]:
        """Directories that were not there any more, which a confined trial cannot remove."""
        trees = [self._candidate, self._pristine, *([self._control] if self._control else [])]
        gone = [tree.directory for tree in trees if tree.was_gone or not tree.is_there()]
        return gone if self.scratch.is_dir() else [*gone, self.scratch]

    def _miscounted(self, measurement: Measurement | None) -> str | None:
        """What is wrong with the counts that a rate is judged by, or None."""
        if measurement is None or self._lab.metric.noise != "rate":
            return None
        try:
            arms_of(measurement)
        except CountsError as error:
            return str(error)
        return None


def _is_score(measurement: Measurement | None) -> bool:
    return measurement is not None and is_number(measurement.metric)
