"""What ending hopeless trials early costs and saves, in simulation, and replayed on a campaign.

    python benchmarks/early_ending.py [--campaigns 100]
    python benchmarks/early_ending.py --replay LAB [--tag TAG]

The simulation knows the truth. Ideas and noise are those of FACTS.md, "plateau only": 17 % help by
an exponential of mean 3e-4, the rest harm, noise of one run sd 5e-4. A curve approaches the score
it will have; its noise shares more and more with that of the score. Three families of curves:

- `straight`: no curves cross but by noise;
- `slow starts`: one idea in four, good or bad, starts slowly and catches up;
- `only good ones are slow`: half of the helpful ideas start slowly and no others do, which breaks
  what the rule assumes (an improvement is no more likely than a near miss to look bad).

Reported are the share of true improvements (effect above 0) that were ended, with its standard
error over campaigns, and the share of the trials' budget that was saved. The last table compares
the prior over effects that the judge learns: without the ended trials, and as it is done.

The replay takes the stored curves of a campaign in which nothing was ended, and asks the rule what
it would have ended, in the order in which it happened. The place on the budget is the one that the
points of the gpt lab tell; in a campaign that ends trials it is the machine's.
"""

import argparse
import math
import random
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev

from novum.campaign.lookout import WINDOW
from novum.curves import Curves, mark
from novum.judge import Effect
from novum.judge.hopeless import CHECKPOINTS, SPARED, Complete, Limit, is_spared, limit
from novum.judge.prior import fit
from novum.lab import Lab, parse_lab
from novum.ledger import Experiment, Ledger, Trial
from novum.records import TrialState

NOISE = 5e-4
SLOW = 15e-4  # mean of how far a slow start lies behind, at its beginning
FAMILIES = ("straight", "slow starts", "only good ones are slow")
RATES = (0.05, 0.1, 0.2)
TRIALS = (60, 125, 400)


def effect(rng: random.Random) -> float:
    """The true effect of an idea on the plateau."""
    if rng.random() < 0.17:
        return rng.expovariate(1 / 3e-4)
    if rng.random() < 0.79:
        return -rng.expovariate(1 / 6.3e-4)
    return -rng.lognormvariate(math.log(31e-4), 0.85)


def slowness(rng: random.Random, family: str, helps: bool) -> float:
    """How far an idea starts behind."""
    chance = {"straight": 0.0, "slow starts": 0.25}.get(family, 0.5 if helps else 0.0)
    return rng.expovariate(1 / SLOW) if rng.random() < chance else 0.0


def curve(rng: random.Random, truth: float, slow: float) -> tuple[list[float], float]:
    """The values at the checkpoints and the score, up to a constant; higher is better."""
    run = rng.gauss(0, 1)
    values = [
        truth * (0.4 + 0.6 * place)
        - slow * (1 - place) ** 1.5
        + NOISE * (math.sqrt(place) * run + math.sqrt(1 - place) * rng.gauss(0, 1))
        for place in CHECKPOINTS
    ]
    return values, truth + NOISE * run


@dataclass
class Simulated:
    """A campaign of draws; what it counts is about true improvements and the budget."""

    rng: random.Random
    family: str
    rate: float
    truth: float = 0.0
    improvements: int = 0
    ended_improvements: int = 0
    saved: float = 0.0
    complete: list[Complete] = field(default_factory=list)
    effects: list[float] = field(default_factory=list)  # true, of all ideas

    def run(self, trials: int) -> "Simulated":
        """Try so many ideas, the baseline measured three times before."""
        runs = [curve(self.rng, 0.0, 0.0) for _ in range(3)]
        self.reference = [fmean(values) for values in zip(*(run[0] for run in runs), strict=True)]
        self.believed, self.variance = fmean(run[1] for run in runs), NOISE**2 / 3
        found = None
        for _ in range(trials):
            before = len(self.complete)
            self._try(found)
            if len(self.complete) > before:
                found = limit(self.complete[-256:], self.rate)
        return self

    def _try(self, found: Limit | None) -> None:
        size = effect(self.rng)
        self.effects.append(size)
        self.improvements += size > 0
        values, score = curve(
            self.rng, self.truth + size, slowness(self.rng, self.family, size > 0)
        )
        gaps = tuple(value - other for value, other in zip(values, self.reference, strict=True))
        points = range(len(CHECKPOINTS))
        at = next((p for p in points if found and found.is_hopeless(p, gaps[p])), None)
        spared = at is not None and is_spared(self.rng.getrandbits(30))
        if at is not None and not spared:
            self.ended_improvements += size > 0
            self.saved += 1 - CHECKPOINTS[at]
            return
        sd = math.sqrt(NOISE**2 + self.variance)
        self.complete.append(Complete(gaps, score - self.believed, sd, 0.0, spared))
        if score - self.believed > sd:
            self._keep(size, values, score)

    def _keep(self, size: float, values: list[float], score: float) -> None:
        """Believe half of the luck, as a judge would about; the curve is shrunk by as much."""
        self.truth += size
        before, self.believed = self.believed, self.truth + 0.5 * (score - self.truth)
        share = min(1.0, max(0.0, (self.believed - before) / (score - before)))
        pairs = zip(self.reference, values, strict=True)
        self.reference = [old + share * (new - old) for old, new in pairs]
        self.variance = NOISE**2 / 2


def simulate(campaigns: int) -> None:
    """The table of what is ended and saved."""
    print(f"{'curves':24} {'rate':>5} {'trials':>6} {'improvements ended':>20} {'saved':>7}")
    for family in FAMILIES:
        for rate in RATES:
            for trials in TRIALS:
                done = [
                    Simulated(random.Random(seed), family, rate).run(trials)
                    for seed in range(campaigns)
                ]
                share, error = _ratio(
                    [one.ended_improvements for one in done], [one.improvements for one in done]
                )
                saved = fmean(one.saved / trials for one in done)
                print(
                    f"{family:24} {rate:5.0%} {trials:6} {share:11.1%} ± {error:5.1%} {saved:7.1%}",
                    flush=True,
                )


def priors(campaigns: int) -> None:
    """What the judge would learn of the effects of ideas: the weight on helping."""
    print("\nweight that the learned prior puts on helping, after 256 trials, rate 20 %:")
    weights: dict[str, list[float]] = {"nothing ended": [], "left out": [], "spared count": []}
    for seed in range(campaigns):
        for way, learned in weights.items():
            rate = 1e-9 if way == "nothing ended" else 0.2
            one = Simulated(random.Random(seed), "straight", rate).run(256)
            seen: list[Effect] = []
            for trial in one.complete:
                times = SPARED if trial.spared and way == "spared count" else 1
                seen.extend([Effect(trial.effect, trial.sd)] * times)
            prior = fit(seen[-256:], NOISE)
            learned.append(sum(prior.helps) + prior.tails[0])
    for way, values in weights.items():
        print(f"  {way:14} {fmean(values):.3f} ± {stdev(values) / math.sqrt(len(values)):.3f}")


def replay(directory: Path, tag: str | None) -> None:
    """What the rule would have ended in a campaign that ended nothing."""
    with closing(Ledger(directory)) as ledger:
        campaign = ledger.campaign(tag)
        if campaign is None:
            raise SystemExit(f"there is no such campaign in {directory}")
        lab = parse_lab(campaign.lab)
        trials = [_marked(ledger, lab, trial) for trial in ledger.all_trials(campaign.id)]
        experiments = ledger.experiments(campaign.id)
    print(f"\n{directory}: {len(experiments) - 1} experiments of {trials[0].seconds:g} s")
    for rate in RATES:
        _replay(lab, rate, experiments, trials)


def _replay(lab: Lab, rate: float, experiments: list[Experiment], trials: list[Trial]) -> None:
    judge = lab.judge.model_copy(update={"end_hopeless": rate})
    curves = Curves(lab.model_copy(update={"judge": judge}))
    for trial in trials:
        curves.add_trial(trial)
    ended, kept, saved, active = [], 0, 0.0, 0
    for experiment in experiments:
        if experiment.verdict is None:
            continue
        found = limit(curves.past, rate)
        before = len(curves.past)
        curves.close(experiment, _believed(experiment))
        if found is None or len(curves.past) == before:
            continue
        active += 1
        gaps = curves.past[-1].gaps
        at = next((p for p, gap in enumerate(gaps) if found.is_hopeless(p, gap)), None)
        if at is not None:
            ended.append(experiment.number)
            kept += curves.past[-1].effect > curves.past[-1].required
            saved += 1 - CHECKPOINTS[at]
    share = saved / active if active else 0.0
    print(
        f"rate {rate:.0%}: spoke on the last {active}; would end {len(ended)}, of them measured as "
        f"improvements {kept}; saves {share:.0%} of their budget; experiments {ended}"
    )


def _marked(ledger: Ledger, lab: Lab, trial: Trial) -> Trial:
    """A trial with the marks that the machine would have stored."""
    if trial.state is not TrialState.MEASURED or trial.measurement is None:
        return trial
    marks = {}
    for key in lab.curve_names:
        points = [p for p in ledger.curve(trial.id) if key in p and "seconds" in p]
        for number, checkpoint in enumerate(CHECKPOINTS):
            low, high = (checkpoint - WINDOW) * trial.seconds, checkpoint * trial.seconds
            told = [p[key] for p in points if low <= p["seconds"] <= high]
            if told:
                marks[mark(key, number)] = fmean(told)
    return replace(trial, measurement=replace(trial.measurement, metrics=marks))


def _believed(experiment: Experiment) -> float:
    verdict = experiment.verdict
    if verdict is None:
        return 1.0
    evidence = verdict.evidence
    if experiment.belief is None or not evidence.values or not evidence.incumbent:
        return 1.0
    observed = fmean(evidence.values) - evidence.incumbent
    return (experiment.belief.mean - evidence.incumbent) / observed if observed else 1.0


def _ratio(parts: Iterable[int], wholes: Iterable[int]) -> tuple[float, float]:
    """A ratio of sums over campaigns, and its standard error (linearised)."""
    pairs = list(zip(parts, wholes, strict=True))
    total = sum(whole for _, whole in pairs)
    share = sum(part for part, _ in pairs) / total
    return share, math.sqrt(sum((part - share * whole) ** 2 for part, whole in pairs)) / total


def main() -> None:
    """Simulate, or replay."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--campaigns", type=int, default=100)
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--tag")
    arguments = parser.parse_args()
    if arguments.replay:
        replay(arguments.replay, arguments.tag)
    else:
        simulate(arguments.campaigns)
        priors(min(arguments.campaigns, 40))


if __name__ == "__main__":
    main()
