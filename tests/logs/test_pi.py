"""The JSON lines of pi-autoresearch."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novum.errors import NovumError, UsageError
from novum.logs import Log, Status, read_log

CONFIG = {"type": "config", "name": "speed", "metricName": "ms", "bestDirection": "lower"}


def run(number: int, metric: object, status: str = "keep", **more) -> dict:
    facts = {"run": number, "commit": f"c{number}", "metric": metric, "status": status}
    return facts | {"description": f"idea {number}", "metrics": {"kb": 7}} | more


@pytest.fixture
def read(tmp_path):
    def reader(*lines: object, **how) -> Log:
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        (tmp_path / "autoresearch.jsonl").write_text("\n".join(texts) + "\n")
        return read_log(tmp_path, **how)

    return reader


def test_a_config_line_names_metric_and_direction(read):
    log = read(CONFIG, run(1, 42.5, timestamp=1700000000000), run(2, 43, "discard"))
    assert (log.kind, log.metric, log.minimize, log.told) == ("pi", "ms", True, "the log")
    first, second = log.rows
    assert (first.line, first.score, first.metrics, first.when) == (2, 42.5, {"kb": 7.0}, 1.7e9)
    assert (second.status, second.description) == (Status.DISCARD, "idea 2")
    assert not read(CONFIG | {"bestDirection": "higher"}, run(1, 1)).minimize


def test_each_config_line_starts_a_segment(read):
    log = read(CONFIG, run(1, 5), run(2, 4), CONFIG | {"name": "again"}, run(3, 9), run(4, 8))
    found = [(part.name, [row.score for row in part.rows]) for part in log.segments]
    assert found == [("speed", [5, 4]), ("again", [9, 8])]


def test_segments_of_several_metrics_need_a_word_from_the_person(read):
    lines = (CONFIG, run(1, 5), CONFIG | {"metricName": "kb"}, run(2, 7))
    with pytest.raises(UsageError, match="different metrics, ms, kb; use --metric"):
        read(*lines)
    log = read(*lines, metric="kb")
    assert [[row.score for row in part.rows] for part in log.segments] == [[7], [7]]
    with pytest.raises(UsageError, match="no metric watts; it has kb, ms"):
        read(*lines, metric="watts")


def test_a_crash_has_no_score(read):
    log = read(CONFIG, run(1, 5), run(2, 0, "crash"), run(3, 4, "checks_failed"))
    assert [row.score for row in log.rows] == [5, None, None]
    assert not log.problems


@pytest.mark.parametrize(
    "line",
    [
        "{half",
        "[1, 2]",
        run(2, "42"),
        run(2, None),
        run(2, True),
        run(2, 10**400),
        '{"run": 2, "status": "keep", "metric": NaN}',
        run(2, 1, "tentative"),
        {"run": 2, "metric": 1},
        "[" * 100_000,
    ],
    ids=lambda line: str(line)[:30],
)
def test_what_cannot_be_read_is_told_with_its_line(read, line):
    log = read(CONFIG, run(1, 5), line, run(3, 4))
    assert [row.score for row in log.rows] == [5, 4]
    assert [problem.line for problem in log.problems] == [3]


def test_runs_without_a_config_line_are_read(read):
    assert [row.score for row in read(run(1, 5), run(2, 4)).rows] == [5, 4]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["type", "run", "metric", "metrics", "status", "commit", "description"])
VALUES = JSON | st.sampled_from(["config", "keep", "discard", "crash"]) | st.floats()
LINES = st.dictionaries(KEYS, VALUES).map(json.dumps)


@settings(deadline=None, max_examples=150)
@given(st.lists(LINES | st.text(max_size=20), max_size=6))
def test_any_lines_give_a_log_or_a_message(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("{}\n" + "\n".join(lines), encoding="utf-8", errors="replace")
    try:
        log = read_log(path)
    except NovumError as error:
        assert str(path) in str(error)
        return
    assert all(row.score is None or math.isfinite(row.score) for row in log.rows)
    json.dumps([row.description for row in log.rows]).encode()
