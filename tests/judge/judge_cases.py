"""Cases to put before a judge."""

from novum.judge import Belief, Case, Noise, Rules

SIGMA = 5e-4


def known_noise(sd=SIGMA, degrees=60):
    return Noise(sd * sd * degrees, degrees)


def case_of(*values, rules=None, incumbent=None, best=None, **rest):
    incumbent = incumbent or Belief(1.0, SIGMA / 2)
    return Case(
        rules=rules or Rules(minimize=False),
        values=values,
        incumbent=incumbent,
        incumbent_best=incumbent.mean if best is None else best,
        **{"noise": known_noise(), **rest},
    )
