"""The policy `certain`: how often it keeps a candidate of a known effect, and what that costs.

    python benchmarks/certain.py [--decisions 4000]

Effects are what a candidate is better by, beyond what it must earn, in standard deviations of one
run. The noise is unknown: all that is known of it are the runs of the decision itself. Either the
incumbent is a baseline that ran three times, or it was kept before, and has no run yet that had
no part in its keep. Runs count both arms, the baseline's three not.
"""

import argparse
import platform
import random
import sys

from novum.judge import Belief, Case, Next, Noise, Rules
from novum.judge.certain import CertainJudge
from novum.records import Outcome

EFFECTS = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0)


def decide(rng: random.Random, effect: float, replicates: int, max_runs: int) -> tuple[bool, int]:
    """Whether one candidate is kept, and the runs that this took."""
    incumbent = [rng.gauss(0, 1) for _ in range(replicates)]
    values = [effect + rng.gauss(0, 1)]
    rules = Rules(minimize=False, max_runs=max_runs)
    while True:
        case = Case(
            rules=rules,
            values=tuple(values),
            incumbent=Belief(0.0, 1.0),
            incumbent_best=0.0,
            noise=Noise().with_group(tuple(incumbent)),
            unselected=tuple(incumbent),
        )
        ruling = CertainJudge().consider(case)
        if ruling.again is Next.CANDIDATE:
            values.append(effect + rng.gauss(0, 1))
        elif ruling.again is Next.INCUMBENT:
            incumbent.append(rng.gauss(0, 1))
        else:
            return ruling.outcome is Outcome.KEEP, len(values) + len(incumbent) - replicates


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--decisions", type=int, default=4000)
    decisions = parser.parse_args().decisions
    print(f"python {sys.version.split()[0]}, {platform.machine()}; {decisions} decisions a cell")
    print(
        "\n| incumbent | max_runs | " + " | ".join(f"{effect:+g} sd" for effect in EFFECTS) + " |"
    )
    print("|---|---|" + "---|" * len(EFFECTS))
    for replicates, name in ((3, "baseline, 3 runs"), (0, "kept before")):
        for max_runs in (6, 12):
            cells = []
            for effect in EFFECTS:
                rng = random.Random(1)
                found = [decide(rng, effect, replicates, max_runs) for _ in range(decisions)]
                kept = sum(keep for keep, _ in found) / decisions
                runs = sum(runs for _, runs in found) / decisions
                cells.append(f"{kept:.3f}, {runs:.1f} runs")
            print(f"| {name} | {max_runs} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
