"""The space: what `[space]` says of the constants, or what the constants suggest."""

import tomllib

import pytest

from novum.errors import LabError, UsageError
from novum.lab import parse_lab
from novum.researchers.tuner.constants import constants_in
from novum.researchers.tuner.space import (
    Dimension,
    as_toml,
    key_of,
    point_in,
    space_for,
)

LAB = """
[lab]
name = "s"
[metric]
name = "v"
direction = "minimize"
[budget]
seconds = 1
[files]
editable = ["a.py", "b.py"]
[trial]
run = ["true"]
"""
FILES = {"a.py": "RATE = 0.02\nDEPTH = 4\nKIND = 'relu'\nFLAG = True\n", "b.py": "X = 1\n"}


def space(text: str, files=FILES):
    return space_for(parse_lab(f"{LAB}\n[space]\n{text}"), files)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("LR = { low = 1, high = 2 }", "no editable file has a line LR = VALUE.*RATE, DEPTH"),
        ("RATE = { low = 0.1, high = 0.2 }", r"0.02 \(a.py:1\), lies outside 0.1 to 0.2"),
        ("RATE = { low = 0.0, high = 0.1, step = 0.05 }", "not on the grid of step 0.05 from 0"),
        ("KIND = { low = 0.1, high = 0.2 }", "is no number; give choices"),
        ("FLAG = { low = 0, high = 1 }", "is no number; give choices"),
        ('KIND = { choices = ["gelu", "silu"] }', "'relu'.*is not among the choices"),
        ("DEPTH = { choices = [true, 8] }", "is not among the choices"),
    ],
)
def test_a_parameter_that_does_not_fit_the_files_is_an_error_that_says_so(text, complaint):
    with pytest.raises(UsageError, match=complaint):
        space(text)


def test_a_name_that_is_there_twice_is_an_error():
    with pytest.raises(UsageError, match=r"found twice: a.py:1 and b.py:1"):
        space("X = { low = 0, high = 2 }", {"a.py": "X = 1\n", "b.py": "X = 2\n"})
    with pytest.raises(UsageError, match=r"found twice: a.py:1 and a.py:2"):
        space("X = { low = 0, high = 2 }", {"a.py": "X = 1\nX = 2\n"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("X = { low = 1 }", "low and high, or choices"),
        ("X = { low = 1, high = 2, choices = [1] }", "low and high, or choices"),
        ("X = { choices = [1], log = true }", "log and step belong to low and high"),
        ("X = { choices = [1, 1] }", "twice"),
        ("X = { low = 2, high = 1 }", "low must be less than high"),
        ("X = { low = 0, high = 1, log = true }", "low > 0"),
        ("X = { low = 1, high = 2, log = true, step = 1 }", "no step"),
        ("X = { low = 1, high = 2, step = 0 }", "above 0"),
        ("X = { low = 0, high = 1, step = 0.3 }", "whole number of steps"),
        ("X = { low = nan, high = 1 }", "finite"),
        (f"X = {{ low = 1, high = 1{'0' * 400} }}", "finite"),
        ("X = { low = true, high = 2 }", "finite"),
        ("X = { low = '1', high = 2 }", "finite"),
    ],
)
def test_an_impossible_parameter_is_an_error_of_the_lab(text, complaint):
    with pytest.raises(LabError, match=complaint):
        parse_lab(f"{LAB}\n[space]\n{text}")


def test_a_range_is_whole_only_if_all_of_it_is_written_so():
    def of(text, files):
        return space(text, files)[0].whole

    assert of("X = { low = 0, high = 2 }", {"a.py": "X = 1\n"})
    assert not of("X = { low = 0, high = 2 }", {"a.py": "X = 1.0\n"})
    assert not of("X = { low = 0.0, high = 2 }", {"a.py": "X = 1\n"})
    assert of("X = { low = 0, high = 4, step = 2 }", {"a.py": "X = 2\n"})


def test_without_a_space_the_constants_suggest_one():
    files = {
        "a.py": "LR = 0.02\nSHARE = 0.9\nCAP = 15.0\nDEPTH = 4\nONE = 1\nBELOW = -3\nMINUS = -0.5\n"
        "ON = False\nSEED = 7\nRANDOM_SEED = 1\nZERO = 0.0\nKIND = 'relu'\n"
        "__version__ = 1\nTWICE = 1\n",
        "b.py": "TWICE = 2\nSEEDLINGS = 3\nHUGE = 1e30\n",
    }
    found = {one.name: (one.low, one.high, one.log) for one in space_for(parse_lab(LAB), files)}
    assert found == {
        "LR": (0.005, 0.08, True),
        "SHARE": (0.225, 1.0, True),
        "CAP": (3.75, 60.0, True),
        "DEPTH": (2, 8, True),
        "ONE": (1, 2, True),
        "BELOW": (-6, -1, False),
        "MINUS": (-1.0, -0.125, False),
        "ON": (0.0, 0.0, False),
        "SEEDLINGS": (2, 6, True),
    }


def test_what_is_found_can_be_pasted_and_means_the_same():
    files = {"a.py": FILES["a.py"] + "THIRD = 0.3333333333\n", "b.toml": "[m]\nwidth = 64\n"}
    lab = LAB.replace('"b.py"', '"b.toml"')
    found = space_for(parse_lab(lab), files)
    text = as_toml(found, constants_in(files))
    assert set(tomllib.loads(text)["space"]) == {"RATE", "DEPTH", "FLAG", "THIRD", "m.width"}
    assert "now 64, b.toml:2" in text
    pasted = space_for(parse_lab(f"{lab}\n{text}\n"), files)
    for one, other in zip(found, pasted, strict=True):
        assert (one.name, one.log, one.whole, one.choices) == (
            other.name,
            other.log,
            other.whole,
            other.choices,
        )
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-5)


def test_where_nothing_can_be_varied_it_says_what_to_do():
    with pytest.raises(UsageError, match=r"found no constant.*write \[space\]"):
        space_for(parse_lab(LAB), {"a.py": "x = f()\n"})


def test_a_key_is_the_same_for_the_same_point_and_is_read_back():
    dimensions = space("RATE = { low = 0.01, high = 0.1 }\nKIND = { choices = ['relu', 'gelu'] }")
    key = key_of({"RATE": 0.05, "KIND": "relu"})
    assert key == key_of({"KIND": "relu", "RATE": 0.05}) == 'tuner {"KIND":"relu","RATE":0.05}'
    assert point_in(key, dimensions) == {"KIND": "relu", "RATE": 0.05}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "tuner ",
        "tuner []",
        'tuner {"RATE":0.05}',
        "halve-batch",
        'tuner {"KIND":"tanh","RATE":0.05}',
        'tuner {"KIND":"relu","RATE":5}',
        'tuner {"KIND":"relu","RATE":null}',
        'tuner {"KIND":["relu"],"RATE":0.05}',
    ],
)
def test_a_key_of_another_space_or_of_somebody_else_is_no_point(key):
    dimensions = space("RATE = { low = 0.01, high = 0.1 }\nKIND = { choices = ['relu', 'gelu'] }")
    assert point_in(key, dimensions) is None


@pytest.mark.parametrize(
    ("one", "levels"),
    [
        (Dimension("a", 0.0, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0)),
        (Dimension("a", 0.01, 100.0, log=True), (0.01, 0.1, 1.0, 10.0, 100.0)),
        (Dimension("a", 1, 4, whole=True), (1, 2, 3, 4)),
        (Dimension("a", 0, 100, whole=True), (0, 25, 50, 75, 100)),
        (Dimension("a", 0.0, 0.3, step=0.1), (0.0, 0.1, 0.2, 0.3)),
        (Dimension("a", choices=(True, 1, "x")), (True, 1, "x")),
    ],
)
def test_a_grid_has_both_ends_and_all_that_there_is_where_that_is_little(one, levels):
    assert one.levels(5) == levels
    assert [type(value) for value in one.levels(5)] == [type(value) for value in levels]
    assert all(one.contains(value) for value in one.levels(5))
