"""Numbers and text for a terminal."""

import pytest

from novum.terminal import cut, duration, figure, harmless, sparkline


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.997912, "0.99791"),
        (-12.5, "-12.50000"),
        (0.0, "0.00000"),
        (-9.7e-8, "-9.7e-08"),
        (1234567890.5, "1.23457e+09"),
    ],
)
def test_a_score_is_seen_whatever_its_size(value, told):
    assert figure(value) == told


def test_what_stands_beside_a_score_is_told_as_it_is():
    assert figure(0.00004, 0.9979) == "0.00004"
    assert figure(2e-9, -9.7e-8, "+") == "+2e-09"
    assert figure(0.0, 0.9979, "+") == "+0.00000"


def test_a_curve_is_one_line_of_the_width_that_is_left():
    assert [*sparkline([1, 2, 3])][::2] == ["▁", "█"]
    assert len(sparkline(range(1000), 40)) == 40
    assert sparkline([]) == ""


def test_text_from_outside_moves_no_cursor():
    assert harmless("a\x1b[2Jb\x07\r\nc") == "ab\nc"
    assert harmless("safe \u202etxet\u202c") == "safe txet", "letters stand as a program reads them"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (8, "8 s"),
        (245, "4 min 05 s"),
        (12_000, "3 h 20 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, told):
    assert duration(seconds) == told


def test_a_text_is_cut_with_an_ellipsis_and_never_longer_than_asked():
    assert [cut("one two", most) for most in (9, 7, 6, 5, 4, 1)] == [
        "one two",
        "one two",
        "one t…",
        "one…",
        "one…",
        "…",
    ]
