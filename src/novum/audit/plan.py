"""What a deep check will run: decided before anything runs, and told to the person."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from novum import opening
from novum.audit.journal import Key, Run
from novum.errors import LabError, PatchError, UsageError
from novum.lab import Lab, read_lab
from novum.patch import apply_edits
from novum.repo import Repo
from novum.researchers.backlog import read_backlog
from novum.terminal import duration

SHARES = (0.2, 0.5)  # of the budget: the shorter budgets that are tried
SHORT_RUNS = 3  # of the baseline at a shorter budget, at most


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for; None means: as the lab says."""

    runs: int = 5
    ideas: int = 8
    budgets: tuple[float, ...] | None = None
    seconds: float | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """A version of the code: the baseline (its name is empty), or an idea applied to it."""

    name: str
    title: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Planned:
    """One run to make."""

    subject: Subject
    seconds: float
    seed: int
    again: int = 0

    @property
    def key(self) -> Key:
        """As the journal knows it."""
        return self.subject.name, self.seconds, self.seed, self.again


@dataclass(frozen=True, slots=True)
class Plan:
    """All runs in their order, and what was left out."""

    lab: Lab
    commit: str
    seconds: float
    budgets: tuple[float, ...]  # the shorter ones, ascending
    baseline_runs: int
    ideas: tuple[Subject, ...]
    left_out: str  # why there are no ideas, or which do not apply; empty if none is left out
    exhausted: bool  # whether the backlog has no more ideas than these that apply
    runs: tuple[Planned, ...]

    def remaining(self, done: Sequence[Run]) -> list[Planned]:
        """The runs that are still to be made."""
        known = {run.key for run in done}
        return [run for run in self.runs if run.key not in known]

    def expected(self, runs: Sequence[Planned], done: Sequence[Run]) -> float:
        """Wall seconds that some runs will take: at least, while nothing was run yet."""
        beyond = [run.wall - run.seconds for run in done if run.measured]
        more = max(0.0, sum(beyond) / len(beyond)) if beyond else 0.0
        known: dict[float, list[float]] = {}
        for run in done:
            if run.measured:
                known.setdefault(run.seconds, []).append(run.wall)
        usual = {seconds: sum(walls) / len(walls) for seconds, walls in known.items()}
        return sum(usual.get(run.seconds, run.seconds + more) for run in runs)


def plan_for(directory: Path, wish: Wish) -> Plan:
    """Decide what to run, from the person's checked-out commit; nothing is written.

    Raises:
        UsageError: with what has to be mended first.
    """
    lab, repo = read_lab(directory), Repo(directory)
    if found := opening.problems(lab, repo):
        raise LabError("\n".join(found))
    commit, seconds = repo.head(), wish.seconds or lab.budget.seconds
    budgets = _budgets(lab, seconds, wish.budgets)
    baseline = Subject("", "baseline", {})
    exact = lab.metric.noise == "none"
    count = min(2, wish.runs) if exact else wish.runs
    ideas, left_out = _ideas(directory, lab, repo.files(commit, lab.files.editable), wish.ideas)
    runs = [Planned(baseline, seconds, seed) for seed in range(1, count + 1)]
    runs += [Planned(baseline, seconds, 1, again) for again in range(1, max(1, count // 2) + 1)]
    if ideas:
        short = 1 if exact else min(SHORT_RUNS, count)
        runs += [Planned(baseline, part, seed) for part in budgets for seed in range(1, short + 1)]
    # All budgets of an idea follow on each other, so that an interruption leaves whole ideas.
    runs += [
        Planned(idea, part, _seed(idea, part)) for idea in ideas for part in (*budgets, seconds)
    ]
    exhausted = len(ideas) < wish.ideas
    return Plan(lab, commit, seconds, budgets, count, ideas, left_out, exhausted, tuple(runs))


def _budgets(lab: Lab, seconds: float, asked: tuple[float, ...] | None) -> tuple[float, ...]:
    timeout = lab.budget.timeout
    if timeout is not None and seconds > timeout:
        raise UsageError(f"--seconds {seconds:g} is more than the lab's timeout, {timeout:g}")
    budgets = tuple(share * seconds for share in SHARES) if asked is None else asked
    for budget in budgets:
        if not 0 < budget < seconds:
            raise UsageError(
                f"--budgets {budget:g}: give shorter budgets than the trial's {seconds:g} seconds"
            )
    return tuple(sorted(set(budgets)))


def _ideas(
    directory: Path, lab: Lab, files: Mapping[str, str], most: int
) -> tuple[tuple[Subject, ...], str]:
    """The first ideas of the backlog that apply to the baseline, and what to say of the others."""
    if most == 0:
        return (), "no ideas were asked for"
    path = directory / lab.researcher.backlog
    if not path.is_file():
        return (), f"there is no backlog ({lab.researcher.backlog})"
    found: list[Subject] = []
    misfits = []
    for idea in read_backlog(path):
        if len(found) == most:
            break
        try:
            after = apply_edits(files, idea.edits, lab.files.editable)
        except PatchError:
            misfits.append(idea.key)
            continue
        changed = {name: text for name, text in after.items() if files.get(name) != text}
        mark = zlib.crc32(repr(sorted(changed.items())).encode())  # an edited idea is another one
        found.append(Subject(f"{idea.key} {mark:08x}", idea.title, changed))
    if not found:
        return (), f"no idea of {lab.researcher.backlog} applies to the baseline"
    words = f"ideas that do not apply to the baseline: {', '.join(misfits)}" if misfits else ""
    return tuple(found), words


def _seed(idea: Subject, seconds: float) -> int:
    """A seed of its own for each run of an idea, the same whenever it is planned."""
    return zlib.crc32(f"{idea.name} {seconds:g}".encode()) % 10**9 + 1000


def described(plan: Plan, done: Sequence[Run]) -> list[str]:
    """The plan in words, with what is already done."""
    lab, remaining = plan.lab, plan.remaining(done)
    same = sum(run.again > 0 for run in plan.runs)
    lines = [
        f"deep check of {lab.lab.name}: {len(plan.runs)} runs",
        f"  {plan.baseline_runs} of the baseline at {plan.seconds:g} s, each with another seed",
        f"  {same} of the baseline with the first seed again",
    ]
    if plan.ideas:
        all_budgets = ", ".join(f"{part:g} s" for part in (plan.seconds, *plan.budgets))
        some = "1 idea" if len(plan.ideas) == 1 else f"{len(plan.ideas)} ideas"
        lines.append(f"  {some} of the backlog at {all_budgets}")
        shorter = sum(not run.subject.name and run.seconds < plan.seconds for run in plan.runs)
        if shorter:
            lines.append(f"  {shorter} of the baseline at the shorter budgets")
    if plan.left_out:
        lines.append(f"  left out: {plan.left_out}")
    if len(remaining) < len(plan.runs):
        lines.append(
            f"  going on: {len(plan.runs) - len(remaining)} of them were made before; "
            "--fresh starts over"
        )
    seconds = plan.expected(remaining, done)
    known = "about" if any(run.measured for run in done) else "at least"
    lines.append(
        f"expected: {known} {duration(seconds)}"
        + ("" if known == "about" else f", and {len(remaining)} times start-up and evaluation")
    )
    lines.append("Ctrl-C stops after the running trial, twice now; the same command goes on")
    return lines
