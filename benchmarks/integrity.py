"""What integrity costs: a trial of the GPT lab by the machine, beside its two programs run bare.

    python benchmarks/integrity.py [--pairs 6] [--seconds 60]

The machine's trial has everything on: files restored from the commit, sandbox with system call
filter, limits, watching, files verified after it, the evaluator in a process and a sandbox of its
own. Bare means `python train.py`, then `python evaluate.py`, started here with the same variables
and nothing around them. Both train for the same wall seconds with the same seed; who goes first
alternates. Told are the wall seconds of each, and the training steps a second that each made.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from clock import with_clock
from novum import labs, place
from novum.campaign.slot import Slot, Task
from novum.dataset import Dataset, prepared
from novum.lab import Lab, read_lab
from novum.repo import Repo
from novum.runners.local import LocalRunner
from novum.sandbox import detect
from novum.worktree import Worktree


@dataclass(frozen=True)
class Run:
    """One trial."""

    seconds: float
    speed: float  # training steps a second


@dataclass(frozen=True)
class Bench:
    """The lab, and the directories in which it runs both ways."""

    slot: Slot
    lab: Lab
    repo: Repo
    tree: Worktree
    dataset: Dataset
    seconds: float

    def by_machine(self, seed: int) -> Run:
        """A trial as a campaign runs it."""
        start = time.perf_counter()
        task = Task(self.repo.head(), {}, seed, self.seconds)
        result = self.slot.run(task, lambda pulse: None, Event())
        took = time.perf_counter() - start
        if result.measurement is None:
            sys.exit(f"{result.state}: {result.detail}")
        return Run(took, max(point.get("step", 0.0) for point in result.curve) / self.seconds)

    def bare(self, seed: int) -> Run:
        """The same two programs, one after the other."""
        with tempfile.TemporaryDirectory() as directory:
            progress, artifacts = Path(directory, "progress.jsonl"), Path(directory, "artifacts")
            artifacts.mkdir()
            environment = {
                **os.environ,
                **{f"NOVUM_{name.upper()}": str(value) for name, value in self.lab.dial.items()},
                "NOVUM_SEED": str(seed),
                "NOVUM_SECONDS": f"{self.seconds:g}",
                "NOVUM_CLOCK": "wall",
                "NOVUM_PROGRESS": str(progress),
                "NOVUM_ARTIFACTS": str(artifacts),
                "NOVUM_DATA": str(self.dataset.data),
                "NOVUM_HELDOUT": str(self.dataset.heldout),
                "NOVUM_RESULT": str(Path(directory, "result.json")),
            }
            start = time.perf_counter()
            for command in (self.lab.trial.run, self.lab.trial.evaluate or ()):
                argv = [sys.executable if word == "python" else word for word in command]
                subprocess.run(
                    argv,
                    cwd=self.tree.directory,
                    env=environment,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            took = time.perf_counter() - start
            told = [json.loads(line) for line in progress.read_text().splitlines()]
        return Run(took, max(point.get("step", 0.0) for point in told) / self.seconds)


def bench_in(directory: Path, seconds: float) -> Bench:
    """The lab, new, with its data."""
    labs.create("gpt", directory / "lab")
    lab, repo = with_clock(read_lab(directory / "lab"), "wall"), Repo(directory / "lab")
    tree = Worktree(repo, directory / "tree")
    tree.fill(repo.head())
    dataset = prepared(lab, repo, repo.head(), tree.directory, directory, lambda text: None)
    slot = Slot(
        repo,
        directory / "slot",
        lab,
        repo.head(),
        dataset,
        LocalRunner(detect()),
        directory / "cache",
    )
    return Bench(slot, lab, repo, tree, dataset, seconds)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    facts, found = place.facts(), detect()
    print(
        f"{facts['processor']}, {facts['processors']} processors, Python "
        f"{platform.python_version()}, {facts['system']}; sandbox: {found.tool}; "
        f"load before: {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(prefix="novum-integrity-") as name:
        bench = bench_in(Path(name), options.seconds)
        machine: list[Run] = []
        bare: list[Run] = []
        for seed in range(options.pairs):
            ways = [(machine, bench.by_machine), (bare, bench.bare)]
            for runs, run in ways if seed % 2 else reversed(ways):
                runs.append(run(seed))
    print("\n| | wall seconds, median | least to most | steps a second, median |")
    print("|---|---|---|---|")
    for label, runs in (("with everything", machine), ("bare", bare)):
        seconds = [run.seconds for run in runs]
        speed = statistics.median(run.speed for run in runs)
        spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
        print(f"| {label} | {statistics.median(seconds):.2f} | {spread} | {speed:.2f} |")
    more = statistics.median(a.seconds - b.seconds for a, b in zip(machine, bare, strict=True))
    usual = statistics.median(run.seconds for run in bare)
    steps = statistics.median(a.speed / b.speed for a, b in zip(machine, bare, strict=True)) - 1
    print(f"\nintegrity costs {more:+.2f} s of wall time a trial, {more / usual:+.1%}")
    print(f"(median of {options.pairs} pairs), and {steps:+.1%} training steps a second")


if __name__ == "__main__":
    main()
