import pytest

from novum.judge.words import decimals, number, probability, reason
from novum.records import Evidence


@pytest.mark.parametrize(
    ("uncertainty", "digits"), [(0.0012, 4), (0.012, 3), (1.2, 1), (12.0, 0), (345.0, 0)]
)
def test_two_digits_of_the_uncertainty_are_shown(uncertainty, digits):
    assert decimals(uncertainty) == digits


@pytest.mark.parametrize(
    ("value", "uncertainty", "told"),
    [
        (0.99741, 0.0012, "0.9974"),
        (-123456.7, 200.0, "-123457"),
        (1.23456e90, 2e88, "1.235e+90"),
        (-3.4567e-13, 1e-15, "-3.457e-13"),
        (float("inf"), 1.0, "inf"),
        (1e300, float("inf"), f"{1e300:.6f}"),
        (0.0, 1e-15, "0.000000000000"),
    ],
)
def test_a_number_has_the_digits_that_its_uncertainty_supports(value, uncertainty, told):
    assert number(value, uncertainty) == told


@pytest.mark.parametrize(
    ("fields", "keep", "sentence"),
    [
        (
            {"effect": 0.00412, "sd": 0.00121, "probability": 0.97, "runs": 2},
            True,
            "better by 0.0041 ± 0.0012, probability 0.97, 2 runs",
        ),
        (
            {"effect": -0.00301, "sd": 0.00112, "probability": 0.013, "runs": 1},
            False,
            "worse by 0.0030 ± 0.0011, probability of being better 0.01, 1 run",
        ),
        (
            {"effect": 0.0002, "sd": 0.0005, "probability": 0.2, "runs": 1, "required": 0.0003},
            False,
            "better by 0.00020 ± 0.00050, but it must earn 0.0003, probability of that 0.20, 1 run",
        ),
        (
            {"effect": -0.0001, "sd": 0.0005, "probability": 0.7, "runs": 1, "required": -0.0002},
            True,
            "worse by 0.00010 ± 0.00050, probability of costing less than its lines (0.0002) "
            "0.70, 1 run",
        ),
        (
            {"effect": 0.5, "probability": 1.0, "runs": 1},
            True,
            "better by 0.5, without noise, 1 run",
        ),
        ({"effect": 0.0, "probability": 0.0, "runs": 1}, False, "equal, without noise, 1 run"),
        (
            {"effect": 0.1, "required": 0.2, "runs": 1},
            False,
            "better by 0.1, but it must earn 0.2, without noise, 1 run",
        ),
    ],
)
def test_the_sentence(fields, keep, sentence):
    assert reason(Evidence(**fields), keep) == sentence


def test_less_code_need_only_be_no_worse():
    evidence = Evidence(effect=0.0001, sd=0.0005, probability=0.62, runs=2)
    words = (
        "better by 0.00010 ± 0.00050, with less code, probability of not being worse 0.62, 2 runs"
    )
    assert reason(evidence, True, simpler=True) == words


def test_no_certainty_is_claimed():
    assert probability(0.0) == "below 0.01"
    assert probability(1.0) == "above 0.99"
    assert probability(0.5) == "0.50"
