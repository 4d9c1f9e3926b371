"""What is believed of a log: against an independent solution, and against simulated truth."""

import csv
import math
import random
import statistics
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_cases import ENVIRONMENTS, NOISE, dense, greedy, mostly_nothing
from scipy import integrate, special, stats

from novum.judge import Noise
from novum.judge.components import TAIL, densities
from novum.replay import Run, pure_luck, replay
from novum.replay.chain import solve
from novum.replay.effects import SCALES, Effects, learn


def scaled(runs, sd: float = NOISE) -> list[Run]:
    return [Run(run.score / sd, run.kept, run.repeat) for run in runs]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_chain_agrees_with_a_dense_solution_on_one_grid(environment):
    runs = scaled(greedy(environment, 40, random.Random(3)).runs)
    record = next(run.score for run in reversed(runs[:20]) if run.kept)
    runs.insert(20, Run(record - 0.7, False, repeat=True))
    (chain,) = solve([runs])
    chances, mean, sd = dense(runs, chain.effects, cells=10)
    assert [k.probability for k in chain.keeps()] == pytest.approx(chances, abs=0.01)
    gains = chain.gains(20_000, seed=1)
    assert statistics.fmean(gains) == pytest.approx(mean, abs=0.05)
    assert statistics.stdev(gains) == pytest.approx(sd, rel=0.05)
    ends = chain.belief(-1)[0] - chain.belief(0)[0]
    assert ends == pytest.approx(mean, abs=0.02)


def test_a_real_log_agrees_with_the_dense_solution():
    """The first of the logs, at the noise that is known of it; hopeless discards left out."""
    path = Path(__file__).parents[1] / "data" / "logs" / "karpathy_H100_mar8.tsv"
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["status"] != "crash"]
    scores = [(-float(row["val_bpb"]) / 0.00051, row["status"] == "keep") for row in rows]
    runs = [Run(*one) for one in scores if one[0] > -0.985 / 0.00051 or one[1]]
    (chain,) = solve([runs])
    chances, mean, sd = dense(runs, chain.effects, cells=5)
    assert len(chances) == 22
    assert [k.probability for k in chain.keeps()] == pytest.approx(chances, abs=0.01)
    gains = chain.gains(20_000, seed=2)
    assert statistics.fmean(gains) == pytest.approx(mean, abs=0.05)
    assert statistics.stdev(gains) == pytest.approx(sd, rel=0.05)


def test_densities_are_those_of_scipy():
    for effect in (-7.3, -0.4, 0.0, 0.2, 2.5, 30.0):
        found = densities(effect, 1.3, SCALES)
        helps = [stats.exponnorm.pdf(effect, s / 1.3, scale=1.3) for s in SCALES]
        harms = [stats.exponnorm.pdf(-effect, s / 1.3, scale=1.3) for s in SCALES]
        assert found[0] == pytest.approx(stats.norm.pdf(effect, scale=1.3))
        assert found[1:-2] == pytest.approx([*helps, *harms], rel=1e-3, abs=1e-12)
        assert max(found[-2:]) == pytest.approx(stats.lomax.pdf(abs(effect), 2, scale=TAIL))


def test_the_masses_of_all_cells_are_one():
    cells = sum(Effects().cell(place, 0.2) for place in range(-50_000, 50_001))
    assert cells == pytest.approx(1, abs=1e-6)


def test_the_share_of_helps_is_learned():
    rng = np.random.default_rng(5)
    signs = np.where(rng.random(2000) < 0.3, 1, -1)
    seen = signs * rng.exponential(10, 2000) + rng.normal(size=2000)
    assert learn([(float(x), 1.0) for x in seen]).helps == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("attempts", [1, 2, 10, 124])
def test_pure_luck_is_the_harmonic_number_and_the_largest_of_normals(attempts):
    runs = attempts + 1
    luck = pure_luck(attempts, 0.5)
    assert luck.keeps == pytest.approx(special.digamma(runs + 1) + np.euler_gamma - 1)

    def density(x: float) -> float:
        return runs * x * stats.norm.pdf(x) * stats.norm.cdf(x) ** (runs - 1)

    assert luck.gain == pytest.approx(0.5 * integrate.quad(density, -10, 10)[0], rel=1e-4)
    assert pure_luck(0, 0.5).keeps == 0


def test_the_claims_hold_in_simulated_campaigns():
    """20 logs of 80 attempts in each of three environments, with the noise known.

    Nominal 95 % intervals cover the true total in at least 85 % (two standard errors, and the
    error of a distribution of effects that is itself fitted). The expected number of false keeps
    is within a third of the true one over all environments, and a factor of two in each.
    """
    covered, expected, false = [], [], []
    for environment in ENVIRONMENTS:
        rng = random.Random(11)
        here = [0.0, 0.0]
        for _ in range(20):
            campaign = greedy(environment, 80, rng)
            (stretch,) = replay([campaign.runs], NOISE).stretches
            covered.append(stretch.gain.low <= campaign.gain <= stretch.gain.high)
            here[0] += sum(1 - kept.probability for kept in stretch.keeps)
            here[1] += sum(campaign.effects[kept.position] <= 0 for kept in stretch.keeps)
        assert 0.5 < here[0] / here[1] < 2
        print(f"{environment.__name__:15} false keeps: expected {here[0]:.1f}, true {here[1]:.0f}")
        expected.append(here[0])
        false.append(here[1])
    print(f"95 % intervals that cover the total: {statistics.fmean(covered):.3f}")
    assert statistics.fmean(covered) >= 0.85
    assert 0.75 < sum(expected) / sum(false) < 1.33


def test_the_shrunken_total_is_nearer_to_the_truth_than_the_records():
    rng = random.Random(12)
    shrunken, seen = [], []
    for _ in range(10):
        campaign = greedy(mostly_nothing, 80, rng)
        (stretch,) = replay([campaign.runs], NOISE).stretches
        kept = [run.score for run in campaign.runs if run.kept]
        shrunken.append((stretch.gain.mean - campaign.gain) ** 2)
        seen.append((kept[-1] - kept[0] - campaign.gain) ** 2)
    assert sum(shrunken) < sum(seen) / 3


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_noise_is_found_in_the_shape_of_a_log(environment):
    """Within a factor of two, from 80 attempts and no repeat."""
    ruler = replay([greedy(environment, 80, random.Random(7)).runs]).ruler
    assert NOISE / 2 < ruler.sd < 2 * NOISE
    assert ruler.low < NOISE < ruler.high


def test_repeats_measure_the_noise():
    rng = random.Random(2)
    runs = [Run(rng.gauss(0, 3.0), True)]
    runs += [Run(rng.gauss(0, 3.0), False, repeat=True) for _ in range(40)]
    runs += [Run(rng.gauss(-40, 3.0), False) for _ in range(5)]
    ruler = replay([runs]).ruler
    sample = statistics.stdev(run.score for run in runs[:41])
    assert ruler.sd == pytest.approx(sample, rel=0.15)
    assert ruler.low < sample < ruler.high


def test_repeats_of_other_code_measure_it_too():
    runs = [Run(0.0, True), Run(-3.0, False), Run(1.0, True)]
    known = replay([runs], others=Noise(sum_squares=50 * 0.2**2, degrees=50)).ruler
    assert known.sd == pytest.approx(0.2, rel=0.1)
    assert known.high / known.low < 2 < replay([runs]).ruler.high / replay([runs]).ruler.low


@pytest.mark.parametrize("size", [1e-30, 1e-6, 1.0, 1e12])
def test_a_log_in_other_units_gives_the_same(size):
    runs = greedy(ENVIRONMENTS[0], 12, random.Random(4)).runs
    usual, other = (
        replay([[Run(r.score * s, r.kept) for r in runs]]).stretches[0] for s in (1.0, size)
    )
    assert [k.probability for k in other.keeps] == pytest.approx(
        [k.probability for k in usual.keeps], abs=1e-6
    )
    assert other.gain.mean == pytest.approx(size * usual.gain.mean, rel=1e-6)


def test_more_than_noise_is_certain_and_less_is_not():
    runs = [Run(0, True), Run(50, True), Run(50.3, True), Run(20, True)]
    large, small, worse = replay([runs], 1.0).stretches[0].keeps
    assert large.probability > 0.999
    assert 0.05 < small.probability < 0.8
    assert worse.probability < 0.001
    assert small.effect < 0.3


SCORES = st.one_of(st.floats(-1e99, 1e99), st.floats(-5, 5), st.sampled_from([0.0, 1.0]))
RUNS = st.lists(st.builds(Run, SCORES, st.booleans(), st.booleans()), min_size=1, max_size=6)


@settings(deadline=None, max_examples=20)
@given(st.lists(RUNS, min_size=1, max_size=2), st.none() | st.floats(1e-12, 1e12))
def test_any_log_has_finite_answers(segments, sd):
    found = replay(segments, sd)
    assert 0 <= found.helps <= 1
    assert 0 < found.ruler.low <= found.ruler.sd <= found.ruler.high < math.inf
    for stretch in found.stretches:
        assert all(0 <= kept.probability <= 1 for kept in stretch.keeps)
        assert all(math.isfinite(kept.effect) and kept.sd >= 0 for kept in stretch.keeps)
        assert stretch.gain.low <= stretch.gain.high
        assert all(math.isfinite(value) for value in (stretch.gain.mean, stretch.gain.low))
