"""What the machine costs: time per experiment beyond the trial itself, and disk.

    python benchmarks/overhead.py [--experiments 10000] [--files 2000]

The trial is a no-op (`sh -c 'echo METRIC score=1'`) in the real sandbox, with the real git
repository, ledger, judge and results.tsv; each experiment is one new idea. Printed are the median
and the 90th percentile of wall milliseconds per experiment over the first, some middle and the
last experiments, the part of it that the sandboxed process itself took, and kilobytes of disk.
"""

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from novum.briefing import Briefing
from novum.campaign import Machine, Parts
from novum.campaign.events import Event, Judged
from novum.dataset import Dataset
from novum.export import ResultsFile
from novum.judge.policies import judge_named
from novum.lab import Lab, parse_lab
from novum.ledger import Ledger
from novum.records import Edit, Proposal
from novum.repo import Repo
from novum.researchers import Desk
from novum.runners.local import LocalRunner
from novum.sandbox import detect
from novum.search import Greedy
from novum.standing import Standing
from repository import commit_all

LAB = """
[lab]
name = "noop"
[metric]
name = "score"
direction = "minimize"
[budget]
seconds = 10
disk_mb = 100
[files]
editable = ["idea.txt"]
[trial]
run = ["sh", "-c", "echo METRIC score=1.$(cat idea.txt)"]
[judge]
max_runs = 1
"""


class Counter:
    """Proposes a new text for `idea.txt` without end; the scores never improve."""

    name = "counter"
    instant = True

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> "Counter":
        """A counter."""
        return cls()

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal:
        """The next number."""
        number = len(briefing.tried) + 1
        edit = Edit("idea.txt", None, f"{number:06d}\n")
        return Proposal(f"idea {number}", (edit,), "no reason", key=str(number), researcher="bench")


class Stopwatch:
    """Notes when each verdict fell."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, event: Event) -> None:
        """Note a verdict."""
        if isinstance(event, Judged):
            self.times.append(time.perf_counter())
            if len(self.times) % 500 == 0:
                print(f"  {len(self.times)} experiments", file=sys.stderr)


def make_lab(directory: Path, files: int) -> None:
    """A git repository with a lab and so many other files."""
    (directory / "lab.toml").write_text(LAB)
    (directory / "idea.txt").write_text("000000\n")
    for number in range(files):
        path = directory / "src" / f"part{number // 100}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"VALUE = {number}\n" * 20)
    commit_all(directory)


def measure(experiments: int, files: int) -> None:
    """Run one campaign and print its table."""
    directory = Path(tempfile.mkdtemp(prefix="novum-overhead-"))
    try:
        make_lab(directory, files)
        before = disk(directory)
        watch = Stopwatch()
        repo, ledger, lab = Repo(directory), Ledger(directory), parse_lab(LAB)
        settings = {"seconds": 10, "researcher": "bench", "target": experiments}
        campaign = ledger.start_campaign("bench", LAB, settings, repo.head(), {})
        parts = Parts(LocalRunner(), judge_named("belief"), Greedy(), Counter())
        standing = Standing.read(ledger, lab, campaign)
        machine = Machine(ledger, repo, standing, parts, Dataset(), [ResultsFile(ledger), watch])
        with ledger.lock():
            machine.run(experiments)
        trials = [trial.timing.total for trial in ledger.all_trials(campaign.id)]
        ledger.close()
        report(watch.times, trials, files, disk(directory) - before)
    finally:
        shutil.rmtree(directory)


def report(times: list[float], trials: list[float], files: int, kilobytes: float) -> None:
    """Print the table of one campaign."""
    each = [1000 * (b - a) for a, b in pairwise(times)]
    inside = [1000 * seconds for seconds in trials[-len(each) :]]
    print(f"\nrepository of {files + 2} files, {len(each)} experiments")
    print("| experiments | median ms | 90 % ms | of it the sandboxed no-op, ms |")
    print("|---|---|---|---|")
    window = min(1000, max(10, len(each) // 10))
    starts = sorted({0, 10, 1000 - window, len(each) // 2, len(each) - window})
    for start in starts:
        part = each[start : start + window]
        if start < 0 or len(part) < window:
            continue
        noop = statistics.median(inside[start : start + window])
        tenth = statistics.quantiles(part, n=10)[-1]
        print(
            f"| {start + 1} to {start + window} | {statistics.median(part):.1f} | {tenth:.1f} |"
            f" {noop:.1f} |"
        )
    ratio = statistics.median(each[-window:]) / statistics.median(each[:window])
    print(f"last {window} over first {window}: {ratio:.2f} (limit 1.30)")
    print(f"median of all: {statistics.median(each):.1f} ms (limit 60)")
    print(f"disk: {1000 * kilobytes / len(each) / 1024:.1f} MB per thousand experiments")


def disk(directory: Path) -> float:
    """Kilobytes that a directory takes."""
    done = subprocess.run(["du", "-sk", str(directory)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def main() -> None:
    """Measure a small repository, and one of 2,000 files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=2_000)
    options = parser.parse_args()
    print(f"{platform.platform()}, {platform.machine()}, Python {platform.python_version()}")
    print(f"novum {version('novum')}, pygit2 {version('pygit2')}, sandbox: {detect().detail}")
    print(
        "peer, measured before (../shared/FACTS.md): OpenEvolve 0.4.0, 9 ms at the start, 69 ms "
        "at 1,000 iterations, nothing durable, no sandbox"
    )
    measure(options.experiments, 10)
    measure(min(options.experiments, 1000), options.files)


if __name__ == "__main__":
    main()
