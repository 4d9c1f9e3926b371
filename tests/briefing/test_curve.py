"""A learning curve in words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.briefing.curve import words
from novum.lab import parse_lab

LAB = """
[lab]
name = "c"
[metric]
name = "val"
direction = "minimize"
[budget]
seconds = 3
[files]
editable = ["t.py"]
[trial]
run = ["true"]
"""
lab = parse_lab(LAB)


def points(height, steps=100, batch=10, count=100):
    """A curve with `height(share of the run)` at each of so many points."""
    return [
        {"step": s, "tokens": s * batch, "loss": height(n / (count - 1))}
        for n in range(count)
        for s in [steps * n / (count - 1)]
    ]


def falling(x: float, end: float = 2.0) -> float:
    return end + math.exp(-12 * x)


USUAL = points(falling)


def test_the_same_curve_is_as_good_and_nothing_else_is_said():
    said = words(USUAL, USUAL, lab)
    assert said.startswith("loss ends at 2 (before: 2)")
    assert "as good at equal steps" in said
    assert "fewer" not in said and "still" not in said


def test_a_curve_that_rises_again_diverged():
    said = words(points(lambda x: 2 + abs(x - 0.5)), USUAL, lab)
    assert "diverged: 2.005 after 49 %" in said


def test_a_curve_that_goes_beyond_all_bounds_is_told_so():
    assert "beyond all bounds" in words(points(lambda x: 1e308 if x > 0.5 else -1e308), USUAL, lab)


def test_a_curve_that_still_falls_much_more_than_before_is_told_so():
    said = words(points(lambda x: 4 - 2 * x), USUAL, lab)
    assert "still improving at the end" in said


def test_a_curve_that_does_no_more_is_flat():
    assert "flat for the last third" in words(points(lambda x: max(2.0, 3 - 10 * x)), [], lab)


def test_slower_but_better_for_each_step():
    said = words(points(lambda x: falling(0.6 * x, 1.8), steps=60), USUAL, lab)
    assert "40% fewer steps in the budget" in said
    assert "better at equal steps" in said


def test_another_batch_is_compared_by_tokens_too():
    said = words(points(falling, steps=200, batch=4), USUAL, lab)
    assert "2.0 times the steps" in said or "100% more steps" in said
    assert "20% fewer tokens in the budget" in said
    assert "at equal steps" in said and "at equal tokens" in said


def test_a_trial_that_was_cut_short_is_not_called_slow():
    assert "fewer steps" not in words(points(falling, steps=50), USUAL, lab, whole=False)


def test_higher_is_better_where_the_lab_says_so():
    upward = parse_lab(LAB.replace("minimize", "maximize").replace('"val"', '"gain"'))
    curve = [{"step": n, "gain": 1 - math.exp(-n / 9)} for n in range(100)]
    worse = [{"step": n, "gain": 0.5 - 0.5 * math.exp(-n / 9)} for n in range(100)]
    assert "worse at equal steps" in words(worse, curve, upward)
    assert "ends at 1" in words(curve, [], upward)


@pytest.mark.parametrize("few", [[], USUAL[:3], [{"other": 1.0}] * 50])
def test_what_is_no_curve_says_nothing(few):
    assert words(few, USUAL, lab) == ""


number = st.floats(allow_nan=False, allow_infinity=False)
told = st.lists(
    st.dictionaries(st.sampled_from(["step", "tokens", "loss", "val", "x"]), number), max_size=40
)


@given(told, told, st.booleans())
def test_no_numbers_can_raise_an_error(curve, reference, whole):
    assert isinstance(words(curve, reference, lab, whole=whole), str)
