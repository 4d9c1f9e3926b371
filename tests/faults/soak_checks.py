"""What must hold of a lab after a machine ended, however it ended, and after its last one."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from soak_machine import TAG, Plan

from novum.ledger import Experiment, Ledger, Trial
from novum.repo import Repo
from novum.sandbox import group, supervisor

ENDED = {"Z", "X", "gone"}
PATIENCE = 30.0  # seconds for the last of a killed machine to be gone


class Broken(AssertionError):
    """An invariant does not hold."""


def require(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


def git(lab: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=lab, capture_output=True, text=True)
    require(done.returncode == 0, f"git {' '.join(words)}: {done.stderr.strip()[-1500:]}")
    return done.stdout.strip()


@dataclass
class Memory:
    """What was seen to be in the ledger, which must never change."""

    judged: dict[int, Experiment] = field(default_factory=dict)
    trials: dict[int, Trial] = field(default_factory=dict)
    checks: int = 0
    damaged: bool = False  # the refs of what was lost may not all be set aside yet

    def forget(self) -> None:
        """The ledger was damaged: what was lost with it may be done again."""
        self.damaged = True
        self.judged.clear()
        self.trials.clear()


def check(lab: Path, plan: Plan, memory: Memory, *, ended: bool) -> None:
    """The invariants; one step may be open, unless the campaign has `ended`."""
    memory.checks += 1
    if not (lab / ".novum/ledger.db").exists():
        return
    _check_database(lab)
    with closing(Ledger(lab)) as ledger:
        campaign = ledger.campaign(TAG)
        if campaign is None:
            return
        experiments = ledger.experiments(campaign.id)
        trials = ledger.all_trials(campaign.id)
    _check_record(experiments, trials, plan, ended=ended)
    _check_kept(experiments, trials, memory)
    unknown = _check_repository(lab, experiments, ended=ended)
    require(not unknown or (memory.damaged and not ended), f"the ledger does not know {unknown}")
    memory.damaged = bool(unknown)


def _check_database(lab: Path) -> None:
    with closing(sqlite3.connect(lab / ".novum/ledger.db")) as db:
        require(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "integrity_check")
        require(db.execute("PRAGMA foreign_key_check").fetchall() == [], "foreign_key_check")


def _check_record(
    experiments: list[Experiment], trials: list[Trial], plan: Plan, *, ended: bool
) -> None:
    """Nothing is lost, and nothing is there twice."""
    numbers = [experiment.number for experiment in experiments]
    require(numbers == list(range(len(numbers))), f"experiments are numbered {numbers}")
    keys = [experiment.proposal.key for experiment in experiments[1:]]
    require(keys == [f"k{n}" for n in range(len(keys))], f"ideas are not in order: {keys[-5:]}")
    unjudged = [experiment.number for experiment in experiments if experiment.verdict is None]
    require(set(unjudged) <= set(numbers[-1:]), f"without a verdict: {unjudged}")
    running = [trial.id for trial in trials if trial.state == "running"]
    require(len(running) <= 1, f"trials {running} are running at once")
    if ended:
        require(len(keys) == plan.ideas, f"{len(keys)} of {plan.ideas} ideas were tried")
        require(not unjudged and not running, f"open: {unjudged}, {running}")
    for experiment in experiments:
        if experiment.verdict is None:
            continue
        own = [t for t in trials if t.experiment == experiment.id and t.searched]
        scores = [t.measurement.metric for t in own if t.state == "measured"]
        evidence = list(experiment.verdict.evidence.values)
        require(scores[: len(evidence)] == evidence, f"evidence of {experiment.number}: {evidence}")


def _check_kept(experiments: list[Experiment], trials: list[Trial], memory: Memory) -> None:
    """What was once in the ledger is there still, unchanged."""
    judged = {e.number: e for e in experiments if e.verdict is not None}
    ended = {trial.id: trial for trial in trials if trial.state != "running"}
    for number, before in memory.judged.items():
        require(judged.get(number) == before, f"experiment {number} changed or was lost")
    for number, trial in memory.trials.items():
        require(ended.get(number) == trial, f"trial {number} changed or was lost")
    memory.judged, memory.trials = judged, ended


def _check_repository(lab: Path, experiments: list[Experiment], *, ended: bool) -> list[str]:
    """The refs and the branch are where the ledger says, and git finds no fault.

    Returns the refs of experiments that the ledger does not know.
    """
    repo = Repo(lab)
    refs = dict(
        line.split()[::-1]
        for line in git(lab, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    )
    prefix = f"refs/novum/{TAG}/"
    known = {f"{prefix}{e.number:05d}": e.commit for e in experiments if e.commit}
    for ref, commit in known.items():
        last = int(ref[-5:]) == experiments[-1].number
        require(refs.get(ref) == commit or (last and not ended), f"{ref}: {refs.get(ref)}")
    ours = [ref for ref in refs if ref.startswith(prefix) and not ref.startswith(f"{prefix}lost/")]
    unknown = [ref for ref in ours if ref not in known]
    keeps = [e for e in experiments if e.verdict is not None and e.verdict.outcome == "keep"]
    tips = [keep.commit for keep in keeps[-1:]] if ended else [k.commit for k in keeps[-2:]]
    tip = refs.get(f"refs/heads/autoresearch/{TAG}")
    lost = {commit for ref, commit in refs.items() if ref.startswith(f"{prefix}lost/")}
    # Set aside are first the lost experiments' refs, then the branch leaves them.
    behind = unknown or (not ended and (len(keeps) < 2 or tip in lost))
    require(tip in tips or behind, f"the branch is at {tip}, not {tips}")
    if tip in tips:
        line = git(lab, "rev-list", "--first-parent", f"{keeps[0].commit}..{tip}").split()
        places = [k.commit for k in keeps if k.commit in {*line}]
        require(line == places[::-1], "the branch is not the keeps")
    said = git(lab, "fsck", "--strict", "--no-dangling", "--no-progress")
    require("error" not in said and "missing" not in said, f"git fsck: {said}")
    status = git(lab, "status", "--short")
    require(status == "", f"the person sees changes: {status}")
    require(git(lab, "rev-parse", "--abbrev-ref", "HEAD") == "main", "HEAD was moved")
    require(repo.head() == refs["refs/heads/main"], "the person's branch was moved")
    return unknown


def left_over(lab: Path, temporary: Path, pids: set[int]) -> list[str]:
    """What machines that have ended left in the system: to be empty after a last, whole session."""
    found = [f"a directory: {path}" for path in temporary.iterdir()]
    for parent in group.parents():
        for path in parent.glob("novum-*-*-*-*"):
            if int(path.name.split("-")[2]) in pids:
                found.append(f"a control group: {path}")
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found += [f"a mount: {line}" for line in mounts if f"{lab}/" in line]
    slots = lab / ".novum/slots"
    found += [f"a directory: {path}" for path in slots.glob("*/scratch")]
    found += [f"a lock: {path}" for path in (lab / ".git").rglob("*.lock")]
    return found


def end_orphans() -> None:
    """End what is left of a machine, as the end of the whole computer does."""
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def wait_for_orphans(*, started: bool) -> list[str]:
    """Processes of a dead machine come to us; those that are not gone after a while.

    A sandbox that was stopped, or whose machine was killed, before its life was tied to the
    machine's cannot end until a later machine ends it; those may be there if `started`.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if started and all(_is_unborn(pid) for pid in _children()):
            break
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return []
        if pid == 0:
            time.sleep(0.005)
    left = {pid for pid in _children() if not (started and _is_unborn(pid))}
    return [_process(pid) for pid in left if _state(pid) not in ENDED]  # one may end just now


def _children() -> set[int]:
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def _is_unborn(pid: int) -> bool:
    """Whether it is stopped, or a sandbox whose program has not begun."""
    return _state(pid) == "T" or b"\0novum-" in supervisor.read_bytes(f"/proc/{pid}/cmdline")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "gone"


def _process(pid: int) -> str:
    words = supervisor.read_bytes(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode()
    kernel = supervisor.read_bytes(f"/proc/{pid}/stack").decode()
    below = supervisor.descendants(pid)
    return f"process {pid} ({_state(pid)}): {words[:300]}, below it {below}, in the kernel {kernel}"


def record(lab: Path) -> dict[str, object]:
    """All of a campaign that must not depend on interruptions: not times, pids and commit names."""
    repo = Repo(lab)
    with closing(Ledger(lab)) as ledger:
        campaign = ledger.campaign(TAG)
        experiments = ledger.experiments(campaign.id)
        trials = ledger.all_trials(campaign.id)
    tip = repo.target(f"refs/heads/autoresearch/{TAG}")
    counted = [trial for trial in trials if trial.state.counts]
    return {
        "experiments": [_experiment(one) for one in experiments],
        "trials": [
            (t.experiment, t.asked_by, t.seed, t.split, t.cell, t.state, _score(t)) for t in counted
        ],
        "branch": git(lab, "rev-parse", f"{tip}^{{tree}}"),
        "keeps": git(lab, "log", "--format=%T", f"{tip}").split(),
    }


def _score(trial: Trial) -> float | None:
    return trial.measurement.metric if trial.measurement else None


def _experiment(one: Experiment) -> dict[str, object]:
    verdict = one.verdict
    scored = bool(verdict.evidence.values)
    return {
        "number": one.number,
        "proposal": asdict(one.proposal),
        "diff": one.diff,
        "outcome": verdict.outcome,
        "reason": verdict.reason if scored else "",  # a failed trial's words may say how much
        "evidence": asdict(verdict.evidence),
        "belief": one.belief and asdict(one.belief),
    }


def differences(one: dict, other: dict) -> list[str]:
    """Where two records differ; the first few places."""
    found = []
    for part, mine in one.items():
        theirs = other[part]
        if mine == theirs:
            continue
        if isinstance(mine, list):
            pairs = list(zip(mine, theirs, strict=False))
            unlike = [(n, *_parts(a, b)) for n, (a, b) in enumerate(pairs) if a != b][:1]
            found.append(f"{part}: {len(mine)} and {len(theirs)}; first at {unlike}")
        else:
            found.append(f"{part}: {mine!r} is not {theirs!r}")
    return found


def _parts(one: object, other: object) -> tuple[object, object]:
    """What differs of two facts."""
    if not isinstance(one, dict):
        return one, other
    keys = [key for key in one if one[key] != other[key]]
    return {key: one[key] for key in keys}, {key: other[key] for key in keys}


def keep_copy(lab: Path, to: Path) -> None:
    """Keep a broken lab, to look at it."""
    shutil.copytree(lab, to, symlinks=True, dirs_exist_ok=True, ignore_dangling_symlinks=True)
