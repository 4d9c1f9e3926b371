"""What may become a metric, and what never does."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.records import LARGEST
from novum.runners.metrics import (
    InvalidMetricError,
    finite_numbers,
    parse_output,
    parse_result,
)

finite = st.floats(-LARGEST, LARGEST)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(names, finite)
def test_a_finite_number_survives_the_result_file(name, value):
    assert parse_result(json.dumps({name: value}).encode(), name).metric == value


@given(names, finite)
def test_a_finite_number_survives_both_ways_of_printing(name, value):
    for line in (f"METRIC {name}={value!r}", f"{name}: {value!r}"):
        measurement = parse_output(f"noise\n{line}\nnoise".encode(), name)
        assert (measurement.metric, measurement.self_reported) == (value, True)


@given(st.binary(max_size=300))
def test_no_bytes_make_a_parser_fail_otherwise(data):
    for parse in (parse_result, parse_output):
        with contextlib.suppress(InvalidMetricError):
            assert math.isfinite(parse(data, "score").metric)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=8))
def test_only_finite_numbers_become_metrics(values):
    found = finite_numbers(values)
    assert all(math.isfinite(value) and type(value) is float for value in found.values())
    assert not any(isinstance(values[name], bool) for name in found)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b"{}",
        b'{"score": null}',
        b'{"score": true}',
        b'{"score": "1"}',
        b'{"score": NaN}',
        b'{"score": -Infinity}',
        b'{"score": 1e999}',
        b'{"score": -1e200}',  # finite, but it could not be squared
        b'{"score": 1, "score": 2}',
        b'{"score": 1} {"score": 1}',
        b'{"score": 1, "other": NaN}',
        b'{"score": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_a_bad_result_is_refused(text):
    with pytest.raises(InvalidMetricError):
        parse_result(text, "score")


def result_with(items: object, score: float = 2.0) -> bytes:
    return json.dumps({"score": score, "items": items}).encode()


def test_items_are_read_and_are_no_metric():
    found = parse_result(result_with([[1, 3], [5, 1], [9, 0]]), "score")
    assert found.items == ((1.0, 3.0), (5.0, 1.0), (9.0, 0.0))
    assert found.metrics == {}


@pytest.mark.parametrize(
    "items",
    [
        [],
        {},
        None,
        {"score": [2.0]},
        [2.0],
        [[2.0]],
        [[2.0, 1, 1]],
        [[2.0, -1]],
        [[2.0, 0]],
        [["2", 1]],
        [[True, 1]],
        [[2.0, 1e308]] * 2,
        [[2.0, 1]] * 100_001,
    ],
)
def test_items_that_are_not_sound_make_the_result_invalid(items):
    with pytest.raises(InvalidMetricError, match="item"):
        parse_result(result_with(items), "score")


@pytest.mark.parametrize(("score", "sound"), [(2.0, True), (2.001, True), (2.01, False)])
def test_the_metric_is_the_weighted_mean_of_its_items(score, sound):
    text = result_with([[1, 3], [5, 1]], score)
    if sound:
        assert parse_result(text, "score").metric == score
    else:
        with pytest.raises(InvalidMetricError, match="weighted mean"):
            parse_result(text, "score")


def test_nested_values_are_left_out():
    found = parse_result(b'{"score": 1, "n": 2, "deep": {"x": 3}, "list": [4]}', "score")
    assert found.metrics == {"n": 2.0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "score 1",
        " score: 1",
        "my score: 1",
        "score: one",
        "score: nan",
        "score: inf",
        "score: 1_000",
        "score: 1e999",
        "score: -1e200",
        "score: 1 (best)",
        "score: 1\nscore: 2",
        "METRIC score=1\nMETRIC score=2",
        "METRIC score=nan\nscore: 1",
    ],
)
def test_a_bad_print_is_refused(text):
    with pytest.raises(InvalidMetricError):
        parse_output(text.encode(), "score")


def test_a_marked_metric_goes_before_a_plain_one():
    found = parse_output(b"score: 9\nMETRIC score=1\nMETRIC score=1.0\nsteps: 5\nsteps: 7", "score")
    assert (found.metric, found.metrics) == (1.0, {"steps": 7.0})
