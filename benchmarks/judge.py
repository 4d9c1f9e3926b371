"""Every policy in simulated search spaces, at equal numbers of runs, its confirmation included.

    python benchmarks/judge.py [--quick] [--repetitions 200] [--workers 2] [--variant tune]

The spaces are those of FACTS.md: noise of one run sd 5e-4; each idea's true effect is drawn
relative to the true score of the incumbent. `greedy` is the original rule and pays for no
confirmation; `+` marks policies that pay for theirs from the same runs: pairs with the start at
the milestones and at the end, as the campaign does it. Gains are true, in 1e-4, with their
standard error. The constants of `belief` were chosen with `--variant tune`: other spaces, and
draws below 1000; the default reports on draws from 1000.
"""

import argparse
import dataclasses
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import fmean, stdev

from novum.judge import Belief, Case, Judge, Ruling
from novum.judge.greedy import GreedyJudge
from novum.judge.policies import POLICIES
from novum.records import Outcome
from simulated import ODD, REPORT, TUNE, Environment, Machine, Setting, Simulation, Tally

FITTING = ("belief", "certain")  # policies for a score with noise, beside greedy
GAIN_UNIT = 1e-4
HEAD = (
    "| space | policy | true gain | of greedy | keeps without gain | claims without gain "
    "| coverage | confirming runs | ms a decision |\n|---|---|---|---|---|---|---|---|---|"
)


class TwoSigma(GreedyJudge):
    """Greedy with a threshold of two standard errors of a difference."""

    name = "two-sigma"

    def consider(self, case: Case) -> Ruling:
        """Keep what beats the record by more than luck; the noise is what the baseline showed."""
        ruling = super().consider(case)
        if ruling.outcome is Outcome.KEEP and ruling.evidence.effect < 2 * ruling.evidence.sd:
            record = Belief(case.incumbent_best, 0.0)
            return dataclasses.replace(ruling, outcome=Outcome.DISCARD, belief=record)
        return ruling


@dataclass(frozen=True)
class Policy:
    """How a policy is simulated."""

    name: str
    judge: Callable[[], Judge]
    confirms: bool
    baseline: int = 3


def policies() -> list[Policy]:
    """All that fit, greedy first: the others are compared with it."""
    known = [
        Policy(f"{name} +", POLICIES[name], confirms=True) for name in FITTING if name in POLICIES
    ]
    return [
        Policy("greedy", GreedyJudge, confirms=False, baseline=1),
        Policy("greedy +", GreedyJudge, confirms=True, baseline=1),
        Policy("two-sigma +", TwoSigma, confirms=True),
        *known,
    ]


def simulate(policy: Policy, setting: Setting, seed: int) -> Tally:
    """One campaign; the same ideas for every policy of a seed."""
    asked = dataclasses.replace(setting, baseline=policy.baseline, confirms=policy.confirms)
    return Simulation(policy.judge(), asked, seed).run()


@dataclass(frozen=True)
class Bench:
    """Runs campaigns on several processors, and prints one row a policy as it goes."""

    pool: ProcessPoolExecutor
    seeds: range

    def table(self, spaces: Mapping[str, Environment], setting: Setting, only: str = "") -> None:
        """All policies, or those whose name holds `only` beside greedy, in each space."""
        print(HEAD, flush=True)
        for name, space in spaces.items():
            greedy = math.nan
            for policy in policies():
                if policy.name != "greedy" and only not in policy.name:
                    continue
                tallies = self.campaigns(policy, dataclasses.replace(setting, space=space))
                gain = fmean(tally.gain for tally in tallies)
                greedy = gain if policy.name == "greedy" else greedy
                print(row(name, policy, tallies, greedy), flush=True)
        print(flush=True)

    def campaigns(self, policy: Policy, setting: Setting) -> list[Tally]:
        """One for each seed."""
        jobs = [self.pool.submit(simulate, policy, setting, seed) for seed in self.seeds]
        return [job.result() for job in jobs]


def row(space: str, policy: Policy, tallies: list[Tally], greedy: float) -> str:
    """One line of the table."""
    gains = [tally.gain / GAIN_UNIT for tally in tallies]
    error = stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
    ratio = fmean(gains) * GAIN_UNIT / greedy if greedy > 0 else math.nan
    known = [tally.covered for tally in tallies if tally.covered is not None]
    cells = [
        space,
        policy.name,
        f"{fmean(gains):.0f} ± {error:.1f}",
        f"{ratio:.2f}" if math.isfinite(ratio) else "–",
        share(sum(t.false_keeps for t in tallies), sum(t.keeps for t in tallies)),
        share(sum(t.false_claims for t in tallies), sum(t.claims for t in tallies)),
        share(sum(known), len(known)),
        f"{fmean(tally.confirming for tally in tallies):.0f}",
        f"{sum(t.milliseconds for t in tallies) / sum(t.decisions for t in tallies):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def share(part: int, whole: int) -> str:
    """For example "3 % of 210"."""
    return f"{100 * part / whole:.1f} % of {whole}" if whole else "–"


def hardships(noise: float) -> Iterator[tuple[str, Machine]]:
    """Machines that are not what anything was tuned on."""
    yield "noise ten times smaller", Machine(noise / 10)
    yield "noise ten times larger", Machine(noise * 10)
    yield "heavy tails: Student's t, 3 degrees, of the same sd", Machine(noise, heavy=True)
    yield (
        "a drifting machine: it walks by 0.05 sd a run, and jumps by 2 sd once in 200 runs",
        Machine(noise, walk=0.05 * noise, jump_rate=1 / 200, jump=2 * noise),
    )


def arguments() -> argparse.Namespace:
    """What is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--robust", type=int, help="repetitions of that section", default=60)
    parser.add_argument("--first-seed", type=int)
    parser.add_argument("--runs", type=int, nargs="+", default=[125, 700])
    parser.add_argument("--noise", type=float, default=5e-4)
    parser.add_argument("--split", type=float, default=0.0, help="sd of an idea's split luck")
    parser.add_argument("--min-effect", type=float, default=0.0)
    parser.add_argument("--max-runs", type=int, default=6)
    parser.add_argument("--variant", choices=("report", "tune"), default="report")
    parser.add_argument("--only", default="", help="policies whose name holds this, and greedy")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="10 repetitions, 4 for robustness")
    asked = parser.parse_args()
    if asked.quick:
        asked.repetitions, asked.robust = 10, 4
    if asked.first_seed is None:
        asked.first_seed = 1000 if asked.variant == "report" else 0
    return asked


def main() -> None:
    """Simulate and print the tables."""
    asked = arguments()
    spaces = REPORT if asked.variant == "report" else TUNE
    seeds = range(asked.first_seed, asked.first_seed + asked.repetitions)
    hard = range(asked.first_seed, asked.first_seed + asked.robust)
    setting = Setting(
        next(iter(spaces.values())),
        Machine(asked.noise, split=asked.split),
        max_runs=asked.max_runs,
        min_effect=asked.min_effect,
    )
    print(f"{platform.platform()}; Python {platform.python_version()}; {time.strftime('%F')}")
    print(f"python {' '.join(sys.argv)}\n")
    with ProcessPoolExecutor(asked.workers) as pool:
        for runs in asked.runs:
            print(f"{runs} runs, {asked.repetitions} repetitions\n")
            Bench(pool, seeds).table(spaces, dataclasses.replace(setting, runs=runs), asked.only)
        if not asked.robust:
            return
        setting = dataclasses.replace(setting, runs=max(asked.runs))
        for name, machine in hardships(asked.noise):
            print(f"{name}; {setting.runs} runs, {asked.robust} repetitions\n")
            setting_here = dataclasses.replace(setting, machine=machine)
            Bench(pool, hard).table(spaces, setting_here, asked.only or "belief")
        print(f"a wrong prior; {setting.runs} runs, {asked.robust} repetitions\n")
        Bench(pool, hard).table(ODD, setting, asked.only or "belief")


if __name__ == "__main__":
    main()
