"""Does the machine cost search quality? The tuner in real campaigns, against Optuna used directly.

    python benchmarks/tuner.py [--runs 40] [--trials 40] [--samplers tpe,cmaes,gp,random]

Both search the same function with the same sampler for the same number of trials, from the same
start, many times over. The machine does all that it does in a campaign: it edits a file, commits,
has a trial run (in this process, which reads the file), judges and records; the score has no
noise. Direct is a study of Optuna with its defaults, told the start first. Printed are quantiles
of the best value found and, of the two-sample Kolmogorov-Smirnov test, the largest distance
between the two distributions and its p-value: small if they differ.
"""

import argparse
import math
import runpy
import statistics
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from scipy.stats import ks_2samp

from novum.campaign import Machine, Parts
from novum.dataset import Dataset
from novum.judge.policies import judge_named
from novum.lab import parse_lab
from novum.ledger import Ledger
from novum.repo import Repo
from novum.researchers.tuner import Tuner
from novum.runners import Order
from novum.search import Greedy
from novum.standing import Standing
from novum.testing import InstantRunner
from repository import commit_all

Values = dict[str, Any]
HOME = Path("/dev/shm")  # a disk of memory, if there is one: fsync is not what is compared

LAB = """
[lab]
name = "function"
[metric]
name = "value"
direction = "minimize"
noise = "none"
[budget]
seconds = 1
[files]
editable = ["point.py"]
[trial]
run = ["python", "point.py"]
[judge]
baseline_runs = 1
[confirm]
at_end = false
[space]
"""


@dataclass(frozen=True)
class Problem:
    """A function over a space, and where the search starts.

    A dimension is (low, high), (low, high, "log"), or a list of choices; whole numbers stay whole.
    """

    name: str
    space: dict[str, Any]
    start: Values
    value: Callable[[Values], float]

    @property
    def lab(self) -> str:
        """The text of `lab.toml`."""
        lines = []
        for name, one in self.space.items():
            if isinstance(one, list):
                lines.append(f"{name} = {{ choices = {_toml(one)} }}")
            else:
                log = str(len(one) == 3).lower()
                lines.append(f"{name} = {{ low = {one[0]}, high = {one[1]}, log = {log} }}")
        return LAB + "\n".join(lines) + "\n"

    def suggest(self, trial: optuna.Trial) -> Values:
        """As somebody writes it who uses Optuna directly."""
        found: Values = {}
        for name, one in self.space.items():
            if isinstance(one, list):
                found[name] = trial.suggest_categorical(name, one)
            elif isinstance(one[0], int):
                found[name] = trial.suggest_int(name, one[0], one[1], log=len(one) == 3)
            else:
                found[name] = trial.suggest_float(name, one[0], one[1], log=len(one) == 3)
        return found


def _toml(values: Iterable[Any]) -> str:
    words = [str(one).lower() if isinstance(one, bool) else repr(one) for one in values]
    return f"[{', '.join(words)}]"


def branin(values: Values) -> float:
    """Three equal minima of 0.397887."""
    x, y = float(values["X"]), float(values["Y"])
    bowl = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


HARTMANN_A = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
HARTMANN_P = (
    (1312, 1696, 5569, 124, 8283, 5886),
    (2329, 4135, 8307, 3736, 1004, 9991),
    (2348, 1451, 3522, 2883, 3047, 6650),
    (4047, 8828, 8732, 5743, 1091, 381),
)


def hartmann(values: Values) -> float:
    """In six dimensions, with a minimum of -3.32237."""
    point = [values[f"X{n}"] for n in range(1, 7)]
    return -math.fsum(
        weight
        * math.exp(-sum(a * (x - p / 1e4) ** 2 for a, x, p in zip(row, point, place, strict=True)))
        for weight, row, place in zip((1, 1.2, 3, 3.2), HARTMANN_A, HARTMANN_P, strict=True)
    )


ACTIVATIONS = {"relu": 0.3, "gelu": 0.1, "silu": 0.0, "tanh": 0.8}


def mixed(values: Values) -> float:
    """An architecture search in miniature: choices, whole numbers, a logarithmic rate."""
    rate = math.log10(values["RATE"]) + 2.3 + 0.1 * values["LAYERS"]
    depth = abs(values["LAYERS"] - (5 if values["NORM"] else 3)) / 4
    return ACTIVATIONS[values["ACTIVATION"]] + float(rate**2 + depth + 0.4 * (not values["NORM"]))


PROBLEMS = (
    Problem("Branin", {"X": (-5.0, 10.0), "Y": (0.0, 15.0)}, {"X": 2.5, "Y": 7.5}, branin),
    Problem(
        "Hartmann 6",
        {f"X{n}": (0.0, 1.0) for n in range(1, 7)},
        {f"X{n}": 0.5 for n in range(1, 7)},
        hartmann,
    ),
    Problem(
        "mixed",
        {
            "ACTIVATION": list(ACTIVATIONS),
            "LAYERS": (1, 12),
            "NORM": [False, True],
            "RATE": (1e-5, 1.0, "log"),
        },
        {"ACTIVATION": "relu", "LAYERS": 2, "NORM": False, "RATE": 0.1},
        mixed,
    ),
)


def through_the_machine(
    problem: Problem, sampler: str, trials: int, seeds: Iterable[int], directory: Path
) -> list[float]:
    """The best value of a campaign for each seed, in a new lab in this empty directory."""
    text = "".join(f"{name} = {value!r}\n" for name, value in problem.start.items())
    (directory / "point.py").write_text(text)
    (directory / "lab.toml").write_text(problem.lab)
    commit_all(directory)

    def measure(order: Order) -> float:
        return problem.value(runpy.run_path(str(order.tree / "point.py")))

    lab, repo = parse_lab(problem.lab), Repo(directory)
    with closing(Ledger(directory)) as ledger, ledger.lock():
        found = []
        for seed in seeds:
            settings = {"seconds": 1, "researcher": "tuner", "target": trials, "seed": seed}
            campaign = ledger.start_campaign(f"s{seed}", problem.lab, settings, repo.head(), {})
            tuner = Tuner.for_lab(lab, directory, sampler)
            parts = Parts(InstantRunner(measure), judge_named("exact"), Greedy(), tuner)
            standing = Standing.read(ledger, lab, campaign)
            Machine(ledger, repo, standing, parts, Dataset()).run(trials)
            assert standing.belief is not None
            found.append(standing.belief.mean)
    return found


SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
}


def directly(problem: Problem, sampler: str, trials: int, seeds: Iterable[int]) -> list[float]:
    """The best value of a study for each seed: the start, and then so many trials."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = []
    for seed in seeds:
        study = optuna.create_study(sampler=SAMPLERS[sampler](seed))
        study.enqueue_trial(problem.start)
        study.optimize(lambda trial: problem.value(problem.suggest(trial)), trials + 1)
        found.append(study.best_value)
    return found


def compare(problem: Problem, sampler: str, trials: int, runs: int) -> tuple[list[float], ...]:
    """The best values of the machine, and of Optuna alone."""
    home = HOME if HOME.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="novum-tuner-", dir=home) as directory:
        seeds = range(10_000, 10_000 + 1000 * runs, 1000)
        machine = through_the_machine(problem, sampler, trials, seeds, Path(directory))
    return machine, directly(problem, sampler, trials, range(runs))


def main() -> None:
    """Compare the two for each function and sampler, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    options = parser.parse_args()
    print(f"Optuna {optuna.__version__}; {options.runs} runs of {options.trials} trials each")
    print("| function | sampler | best by the machine: 10 %, median, 90 % | direct | KS | p |")
    print("|---|---|---|---|---|---|")
    for problem in PROBLEMS:
        for sampler in options.samplers.split(","):
            machine, direct = compare(problem, sampler, options.trials, options.runs)
            test = ks_2samp(machine, direct)
            print(
                f"| {problem.name} | {sampler} | {_quantiles(machine)} | {_quantiles(direct)} |"
                f" {test.statistic:.2f} | {test.pvalue:.2f} |",
                flush=True,
            )


def _quantiles(values: list[float]) -> str:
    tenths = statistics.quantiles(values, n=10)
    return ", ".join(f"{one:.4g}" for one in (tenths[0], statistics.median(values), tenths[-1]))


if __name__ == "__main__":
    main()
