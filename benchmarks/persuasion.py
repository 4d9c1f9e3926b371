"""Fit the persuasion model of the simulated visitors, and say how well it predicts winners.

    python benchmarks/persuasion.py                    the table of docs/simulated-visitors.md
    python benchmarks/persuasion.py --write            the same, and src/novum/site/persuasion.toml

Data: ../shared/data/upworthy/headline_tests.csv (Upworthy Research Archive, CC BY 4.0), without the
weeks that were not properly randomised. Headlines of one test that share a picture are compared
with each other only. What is fitted: the log-odds of a click, less their mean within the test and
picture, by weighted least squares on the features of `novum.site.wording` with a ridge; an arm
weighs 1 / (its sampling variance + the variance of headlines' effects that no feature explains),
so that a test with many visitors does not outvote the others. (The normal approximation of a
conditional logistic regression with a random effect for every headline.)

Accuracy: in which of two headlines of one test and picture was clicked more, predicted by a model
that was fitted on other weeks (five folds of weeks; the ridge is chosen anew within the weeks of
each fit). The standard error is over tests. Needs numpy.
"""

import argparse
import csv
import math
import platform
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from novum.site.wording import content, shape

Array = NDArray[np.float64]
Index = NDArray[np.int64]

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared/data/upworthy/headline_tests.csv"
OUTPUT = ROOT / "src/novum/site/persuasion.toml"
NOT_RANDOMISED = ("201325", "201401")  # first and last week, see SOURCE.md
FOLDS = 5
RIDGES = (100.0, 300.0, 1000.0, 3000.0)
CEILINGS = {
    "all": "about 80 %",
    "p < 0.05": "about 97 %",
}  # of recorded winners: ../shared/FACTS.md
TYPICAL = 0.27  # standard deviation of a headline's relative effect: ../shared/FACTS.md
HALF = 0.5  # added to clicks and to what was not clicked


@dataclass(frozen=True)
class Arms:
    """Headlines, one row each; rows of one test and picture share a group."""

    features: Array
    clicks: Array
    shown: Array
    group: Index
    test: Index
    fold: Index
    names: tuple[str, ...]

    def where(self, chosen: NDArray[np.bool_]) -> "Arms":
        """Some of the rows."""
        _, group = np.unique(self.group[chosen], return_inverse=True)
        rows = (self.features[chosen], self.clicks[chosen], self.shown[chosen])
        return Arms(*rows, group, self.test[chosen], self.fold[chosen], self.names)

    @property
    def log_odds(self) -> Array:
        """Of a click."""
        found: Array = np.log((self.clicks + HALF) / (self.shown - self.clicks + HALF))
        return found

    @property
    def variance(self) -> Array:
        """Of the log-odds, by sampling alone."""
        return 1 / (self.clicks + HALF) + 1 / (self.shown - self.clicks + HALF)


@dataclass(frozen=True)
class Pairs:
    """Two rows each, first and second; and z of the difference of their click rates."""

    first: Index
    second: Index
    z: Array


def read(path: Path) -> Arms:
    """The headlines of properly randomised tests; the same headline twice is one row."""
    added: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(dict)
    week = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if NOT_RANDOMISED[0] <= row["test_week"] <= NOT_RANDOMISED[1]:
                continue
            key = (row["clickability_test_id"], row["eyecatcher_id"])
            arm = added[key].setdefault(row["headline"], [0, 0])
            arm[0] += int(row["clicks"])
            arm[1] += int(row["impressions"])
            week[key[0]] = row["test_week"]
    keys = [key for key, arms in added.items() if len(arms) > 1]
    tests = {test: number for number, test in enumerate(sorted({test for test, _ in keys}))}
    weeks = {each: number for number, each in enumerate(sorted(set(week.values())))}
    rows = [(group, key[0], *arm) for group, key in enumerate(keys) for arm in added[key].items()]
    texts = [{**content(text), **shape(text)} for _, _, text, _ in rows]
    return Arms(
        np.array([list(text.values()) for text in texts]),
        np.array([float(clicks) for *_, (clicks, _) in rows]),
        np.array([float(shown) for *_, (_, shown) in rows]),
        np.array([group for group, *_ in rows]),
        np.array([tests[test] for _, test, *_ in rows]),
        np.array([weeks[week[test]] % FOLDS for _, test, *_ in rows]),
        tuple(texts[0]),
    )


def centred(values: Array, weight: Array, group: Index) -> Array:
    """Values less their weighted mean within the group; columns one by one."""
    if values.ndim == 2:
        return np.column_stack([centred(column, weight, group) for column in values.T])
    total = np.bincount(group, weight)
    found: Array = values - (np.bincount(group, weight * values) / total)[group]
    return found


def fit(arms: Arms, ridge: float, unexplained: float) -> Array:
    """The coefficients of the features."""
    weight = 1 / (arms.variance + unexplained**2)
    x = centred(arms.features, weight, arms.group)
    y = centred(arms.log_odds, weight, arms.group)
    normal = x.T @ (weight[:, None] * x) + ridge * np.eye(len(x.T))
    return np.linalg.solve(normal, x.T @ (weight * y)).astype(np.float64)


def unexplained(arms: Arms, coefficients: Array) -> float:
    """Standard deviation of effects within a group that is neither features nor sampling."""
    ones = np.ones(len(arms.group))
    rest = centred(arms.log_odds - arms.features @ coefficients, ones, arms.group)
    size = np.bincount(arms.group)[arms.group]
    sampling = arms.variance * (1 - 2 / size) + (
        np.bincount(arms.group, arms.variance)[arms.group] / size**2
    )
    return math.sqrt(max(0.0, float((rest**2 - sampling).sum() / (1 - 1 / size).sum())))


def estimate(arms: Arms, ridge: float) -> tuple[Array, float]:
    """Coefficients, and the spread that they leave unexplained; each needs the other."""
    spread = TYPICAL
    for _ in range(4):
        coefficients = fit(arms, ridge, spread)
        spread = unexplained(arms, coefficients)
    return coefficients, spread


def chosen_ridge(arms: Arms) -> float:
    """That which predicts the log-odds of weeks left out best; all are weighed alike."""
    return min(RIDGES, key=lambda ridge: _loss(arms, ridge))


def _loss(arms: Arms, ridge: float) -> float:
    loss = 0.0
    for fold in np.unique(arms.fold):
        coefficients, _ = estimate(arms.where(arms.fold != fold), ridge)
        left = arms.where(arms.fold == fold)
        weight = 1 / (left.variance + TYPICAL**2)
        rest = centred(left.log_odds - left.features @ coefficients, weight, left.group)
        loss += float((weight * rest**2).sum())
    return loss


def pairs(arms: Arms) -> Pairs:
    """All two headlines of one group whose recorded rates differ."""
    rows = defaultdict(list)
    for row, group in enumerate(arms.group):
        rows[group].append(row)
    both = np.array([pair for each in rows.values() for pair in combinations(each, 2)])
    first, second = both.T
    pooled = (arms.clicks[first] + arms.clicks[second]) / (arms.shown[first] + arms.shown[second])
    variance = pooled * (1 - pooled) * (1 / arms.shown[first] + 1 / arms.shown[second])
    difference = arms.clicks[first] / arms.shown[first] - arms.clicks[second] / arms.shown[second]
    differs = difference != 0
    z = difference[differs] / np.sqrt(variance[differs])
    return Pairs(first[differs], second[differs], z)


def predicted(arms: Arms) -> Array:
    """What is thought of each headline by a model that has seen other weeks only."""
    found = np.zeros(len(arms.group))
    for fold in range(FOLDS):
        others = arms.where(arms.fold != fold)
        coefficients, _ = estimate(others, chosen_ridge(others))
        out = arms.fold == fold
        found[out] = arms.features[out] @ coefficients
    return found


def share(right: NDArray[np.bool_], test: Index) -> tuple[float, float]:
    """How many are right, and the standard error of it over tests."""
    mean = float(right.mean())
    by_test = np.bincount(test, right - mean)
    return mean, math.sqrt(float((by_test**2).sum())) / len(right)


def accuracy(arms: Arms) -> list[str]:
    """The table of the docs."""
    these, score = pairs(arms), predicted(arms)
    right = (score[these.first] > score[these.second]) == (these.z > 0)
    clear = np.abs(these.z) > 1.96
    length = arms.features[:, arms.names.index("length")]
    longer = length[these.first] > length[these.second]
    told = [
        "| pairs | number | right | the longer one | chance | ceiling |",
        "|---|---|---|---|---|---|",
    ]
    for name, chosen in {"all": np.ones(len(right), dtype=bool), "p < 0.05": clear}.items():
        test = arms.test[these.first[chosen]]
        mean, error = share(right[chosen], test)
        plain, _ = share((longer == (these.z > 0))[chosen], test)
        told.append(
            f"| {name} | {chosen.sum():,} | {100 * mean:.1f} ± {100 * error:.1f} % | "
            f"{100 * plain:.1f} % | 50 % | {CEILINGS[name]} |"
        )
    spread = (score[these.first] - score[these.second]).std() / math.sqrt(2)
    return [*told, "", f"standard deviation of what is predicted: {spread:.3f} log-odds"]


def as_toml(arms: Arms, table: list[str]) -> str:
    """The file that ships: the model of all weeks, where it is from, and how good it is."""
    ridge = chosen_ridge(arms)
    coefficients, spread = estimate(arms, ridge)
    worth = dict(zip(arms.names, coefficients, strict=True))
    average = float((arms.features @ coefficients).mean())
    lines = [
        "# What a feature of a headline is worth, in log-odds of a click. Made by a command:",
        "#     python benchmarks/persuasion.py --write",
        "# Data: Upworthy Research Archive (Matias, Munger, Le Quere, Ebersole: Scientific Data",
        "# 2021), exploratory package, licence CC BY 4.0; properly randomised weeks only.",
        "# Right about the recorded winner of two headlines, in weeks that were not fitted:",
        *(f"#   {line}".rstrip() for line in table),
        f"# Versions: {versions()}",
        "",
        "[fit]",
        f"headlines = {len(arms.group)}",
        f"tests = {len(np.unique(arms.test))}",
        f"ridge = {ridge:g}",
        f"average = {average:.4f}  # what the average headline is worth",
        f"unexplained = {spread:.3f}  # standard deviation of effects that no feature explains",
    ]
    for title, names in {"content": content(""), "shape": shape("")}.items():
        lines += ["", f"[{title}]", *(f"{name} = {worth[name]:.4f}" for name in names)]
    return "\n".join(lines) + "\n"


def versions() -> str:
    """Of the machine and of what did the sums."""
    return f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"


def main() -> None:
    """Print the table; write the coefficients if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="headline_tests.csv")
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name}")
    options = parser.parse_args()
    arms = read(options.data)
    print(f"{versions()}; no random numbers")
    tests = len(np.unique(arms.test))
    print(f"{len(arms.group):,} headlines of {tests:,} tests, {len(arms.names)} features")
    table = accuracy(arms)
    print("\n".join(table))
    text = as_toml(arms, table)
    print(next(line for line in text.splitlines() if line.startswith("unexplained")))
    if options.write:
        OUTPUT.write_text(text, encoding="utf-8")
        print(f"written: {OUTPUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
