"""How noisy a trial of the GPT lab is, by the clock that its budget is counted on.

    python benchmarks/clock.py [--runs 5] [--seconds 20] [--load 1]

Runs the lab's baseline alternately under processor and wall time, each run with a seed of its
own, and prints the scores, their mean and standard deviation, and the steps that were made. With
`--load N`, so many other processes multiply matrices meanwhile.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from threading import Event

from novum import labs, place
from novum.dataset import prepared
from novum.lab import Lab, read_lab
from novum.lab.tables import BudgetTable
from novum.records import TrialResult
from novum.repo import Repo
from novum.runners import Order
from novum.runners.local import LocalRunner
from novum.worktree import Worktree

BUSY = "import torch\ntorch.set_num_threads(1)\na = torch.rand(600, 600)\nwhile True: a @ a\n"


def trial(bench: Path, lab: Lab, repo: Repo, seed: int, seconds: float) -> TrialResult:
    """One run of the baseline."""
    tree = Worktree(repo, bench / "tree")
    pristine = Worktree(repo, bench / "pristine")
    tree.fill(repo.head())
    pristine.fill(repo.head())
    dataset = prepared(lab, repo, repo.head(), pristine.directory, bench, lambda text: None)
    with tempfile.TemporaryDirectory(dir=bench) as scratch:
        order = Order(
            lab=lab,
            tree=tree.directory,
            pristine=pristine.directory,
            scratch=Path(scratch),
            seed=seed,
            seconds=seconds,
            data=dataset.data,
            heldout=dataset.heldout,
        )
        return LocalRunner().run(order, lambda pulse: None, Event())


def with_clock(lab: Lab, clock: str) -> Lab:
    """The lab with another clock."""
    budget = BudgetTable.model_validate(lab.budget.model_dump() | {"clock": clock})
    return lab.model_copy(update={"budget": budget})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--load", type=int, default=0)
    options = parser.parse_args()
    print(
        f"{place.facts()['processor']}, {place.facts()['processors']} processors, "
        f"Python {platform.python_version()}; {options.seconds:g} s, other load: {options.load}"
    )
    with ExitStack() as stack:
        bench = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="novum-clock-")))
        labs.create("gpt", bench / "lab")
        lab, repo = read_lab(bench / "lab"), Repo(bench / "lab")
        for _ in range(options.load):
            busy = subprocess.Popen([sys.executable, "-c", BUSY])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        found: dict[str, list[tuple[float, float]]] = {"cpu": [], "wall": []}
        for seed in range(options.runs):
            for clock, scores in found.items():
                result = trial(bench, with_clock(lab, clock), repo, seed, options.seconds)
                if result.measurement is None:
                    sys.exit(f"{clock}: {result.state}: {result.detail}")
                steps = max((point.get("step", 0.0) for point in result.curve), default=0.0)
                scores.append((result.measurement.metric, steps))
    print("| clock | val_bpb of each run | mean | sd | steps |")
    print("|---|---|---|---|---|")
    for clock, scores in found.items():
        values = [value for value, _ in scores]
        counts = [count for _, count in scores]
        print(
            f"| {clock} | {' '.join(f'{value:.3f}' for value in values)} |"
            f" {statistics.mean(values):.3f} | {statistics.stdev(values):.3f} |"
            f" {min(counts):.0f} to {max(counts):.0f} |"
        )


if __name__ == "__main__":
    main()
