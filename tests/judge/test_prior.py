import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from novum.judge import Effect
from novum.judge.components import TAIL
from novum.judge.prior import SCALES, Prior, fit


def total(prior):
    return prior.nothing + sum(prior.helps) + sum(prior.harms) + sum(prior.tails)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.floats(-1e300, 1e300), st.floats(0, 1e300)).map(lambda p: Effect(*p)),
        max_size=40,
    ),
    st.floats(1e-9, 1e9),
)
def test_weights_are_probabilities_whatever_the_history(history, unit):
    prior = fit(history, unit)
    weights = [prior.nothing, *prior.helps, *prior.harms, *prior.tails]
    assert all(0 < weight < 1 for weight in weights)
    assert total(prior) == pytest.approx(1)


@given(st.floats(-40, 40), st.floats(0.02, 3), st.floats(-5, 5))
@settings(deadline=None, max_examples=50)
def test_cells_hold_the_whole_prior(near, step, cut):
    atoms = fit((), 1.0).atoms(near, step, (cut,))
    assert math.fsum(atoms.masses) == pytest.approx(1)
    assert atoms.points == sorted(atoms.points)
    assert min(atoms.masses) >= 0


def test_cells_have_the_mass_of_the_exponentials():
    prior = Prior(2.0, 0.0, (0, 1.0, 0, 0, 0), (0.0,) * 5, (0.0, 0.0))
    atoms = prior.atoms(0.0, 0.25, (3.0,))
    assert atoms.above(3.0) == pytest.approx(math.exp(-1.5))
    assert atoms.above(0.0) == pytest.approx(1)
    assert atoms.mean == pytest.approx(2.0, rel=0.03)


def test_nothing_is_not_above_zero():
    prior = Prior(1.0, 1.0, (0.0,) * 5, (0.0,) * 5, (0.0, 0.0))
    atoms = prior.atoms(0.0, 0.25, ())
    assert atoms.above(0.0) == 0
    assert atoms.above(-1e-12) == 1
    assert atoms.above(0.0, or_equal=True) == 1


@pytest.mark.parametrize("seen", [-3.0, -0.5, 0.2, 1.5, 6.0])
def test_the_posterior_agrees_with_numerical_integration(seen):
    prior, error = fit((), 1.0), 1.1
    atoms = prior.atoms(seen, 0.25 * error, (0.5,))
    posterior = atoms.seen([stats.norm.pdf(seen, p, error) for p in atoms.points])

    def density(d):
        side, tail = (prior.helps, 0) if d > 0 else (prior.harms, 1)
        value = sum(w * stats.expon.pdf(abs(d), 0, s) for w, s in zip(side, SCALES, strict=True))
        value += prior.tails[tail] * 2 / TAIL / (1 + abs(d) / TAIL) ** 3
        return value * stats.norm.pdf(seen, d, error)

    parts = [
        integrate.quad(density, a, b, limit=200)[0] for a, b in ((-20, 0), (0, 0.5), (0.5, 20))
    ]
    whole = sum(parts) + prior.nothing * stats.norm.pdf(seen, 0, error)
    assert posterior.above(0.5) == pytest.approx(parts[2] / whole, abs=3e-3)


def test_a_history_of_helps_raises_hope_and_one_of_harms_lowers_it():
    rng = random.Random(1)
    good = [Effect(rng.expovariate(1 / 2) + rng.gauss(0, 1), 1.0) for _ in range(100)]
    bad = [Effect(-rng.expovariate(1 / 2) + rng.gauss(0, 1), 1.0) for _ in range(100)]
    hopes = [sum(fit(history, 1.0).helps) for history in (good, (), bad)]
    assert hopes[0] > 2 * hopes[1] > 4 * hopes[2] > 0


def test_recent_experiments_count_more():
    helps, harms = [Effect(4.0, 1.0)] * 100, [Effect(-4.0, 1.0)] * 100
    assert sum(fit(helps + harms, 1.0).helps) < sum(fit(harms + helps, 1.0).helps)


def test_the_fit_does_not_depend_on_the_unit():
    history = [Effect(-1.0, 0.7), Effect(0.4, 1.0), Effect(3.0, 1.2)]
    scaled = [Effect(1024 * e.effect, 1024 * e.sd) for e in history]
    assert fit(history, 1.0).helps == pytest.approx(fit(scaled, 1024.0).helps)
