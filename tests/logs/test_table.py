"""Tables of results in the dialects that are met in the wild."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novum.errors import NovumError, UsageError
from novum.logs import Log, Status, find_log, read_log
from novum.logs.rows import WORDS, status_of

HEAD = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


@pytest.fixture
def read(tmp_path):
    """Reads a text or bytes as a log."""

    def reader(content: str | bytes, name: str = "results.tsv", **how) -> Log:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_log(path, **how)

    return reader


def test_the_five_columns_of_the_original(read):
    log = read(HEAD + "aaaaaaa\t0.99\t44.0\tkeep\tbaseline\nbbbbbbb\t0.98\t43.9\tdiscard\twarmup\n")
    first, second = log.rows
    assert (first.commit, first.score, first.memory_gb) == ("aaaaaaa", 0.99, 44.0)
    assert (first.status, first.description, first.line) == (Status.KEEP, "baseline", 2)
    assert (second.score, second.status, second.line) == (0.98, Status.DISCARD, 3)
    assert (log.kind, log.metric, log.problems) == ("tsv", "val_bpb", ())


def test_a_table_without_a_header_has_its_first_row_as_a_run(read):
    log = read("aaaaaaa\t0.99\t44.0\tkeep\tbaseline\nbbbbbbb\t0.98\t43.9\tkeep\tmore\n")
    assert [row.score for row in log.rows] == [0.99, 0.98]
    assert [row.line for row in log.rows] == [1, 2]
    assert log.rows[0].memory_gb == 44.0
    four = read("aaaaaaa\t0.99\tkeep\tbaseline\nbbbbbbb\t0.98\tkeep\tmore\n")
    assert [(row.score, row.description) for row in four.rows] == [
        (0.99, "baseline"),
        (0.98, "more"),
    ]


def test_comments_give_direction_and_metric_and_are_no_rows(read):
    text = "# metric_direction: higher\n# a note\n" + HEAD
    log = read(text + "a1\t0.5\t1\tkeep\tx\n# later\nb2\t0.4\t1\tkeep\ty\n")
    assert not log.minimize
    assert log.told == "a comment in the log"
    assert [row.line for row in log.rows] == [4, 6]
    assert read("# metric_direction: lower\n" + HEAD + "a1\t1\t1\tkeep\tx\n").minimize


def test_the_metric_may_bear_any_name_and_memory_may_be_missing(read):
    log = read("commit\tsteps\tsharpe\tstatus\tnotes\na1\t99\t1.5\tkeep\tx\nb2\t98\t1.7\tkeep\ty\n")
    assert (log.metric, [row.score for row in log.rows]) == ("sharpe", [1.5, 1.7])
    assert [row.metrics for row in log.rows] == [{"steps": 99.0}, {"steps": 98.0}]
    assert [row.memory_gb for row in log.rows] == [None, None]
    assert [row.description for row in log.rows] == ["x", "y"]


def test_the_person_can_name_the_metric(read):
    text = "commit\tloss\tacc\tstatus\tdescription\na1\t2\t0.5\tkeep\tx\n"
    assert [row.score for row in read(text, metric="ACC").rows] == [0.5]
    with pytest.raises(UsageError, match="no column f1; columns: commit, loss, acc"):
        read(text, metric="f1")


@pytest.mark.parametrize("word", ["KEEP", "kept", " Kept ", "baseline", "Improvement", "**keep**"])
def test_words_for_a_keep(word):
    assert status_of(word) is Status.KEEP


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Rejected", Status.DISCARD),
        ("no_improvement", Status.DISCARD),
        ("No improvement", Status.DISCARD),
        ("DNF", Status.CRASH),
        ("checks_failed", Status.CRASH),
        ("pending", Status.PENDING),
        ("tentative", None),
        ("", None),
    ],
)
def test_other_words_for_a_status(word, status):
    assert status_of(word) is status


@pytest.mark.parametrize("written", ["0.000000", "nan", "", "-", "n/a", "inf"])
def test_a_crash_has_no_score_however_it_is_written(read, written):
    log = read(HEAD + f"a1\t0.9\t1\tkeep\tx\nb2\t{written}\t0.0\tcrash\tout of memory\n")
    assert (log.rows[1].score, log.rows[1].status, log.problems) == (None, Status.CRASH, ())


def test_a_crash_with_a_score_is_told(read):
    log = read(HEAD + "a1\t0.9\t1\tkeep\tx\nb2\t0.8\t1\tcrash\tx\n")
    assert log.rows[1].score is None
    assert [(problem.line, "crash with" in problem.text) for problem in log.problems] == [(3, True)]


def test_a_zero_beside_no_memory_is_told_and_is_no_score(read):
    log = read(HEAD + "a1\t0.9\t30\tkeep\tx\nb2\t0.000000\t0.0\tdiscard\tAborted\n")
    assert log.rows[1].score is None
    assert [(problem.line, "memory is 0" in problem.text) for problem in log.problems] == [
        (3, True)
    ]


def test_a_zero_out_of_all_proportion_is_told_where_memory_is_not_known(read):
    rows = "".join(f"a{n}\t{0.9 + n / 1000}\tdiscard\tx\n" for n in range(8))
    log = read("commit\tloss\tstatus\tdescription\n" + rows + "b\t0\tkeep\tperfect?\n")
    assert log.rows[-1].score is None
    assert log.problems[0].line == 10
    assert "others are near 0.9" in log.problems[0].text


def test_a_zero_among_scores_like_it_is_a_score(read):
    rows = "".join(f"a{n}\t{n / 10}\tdiscard\tx\n" for n in range(9))
    log = read("commit\taccuracy\tstatus\tdescription\n" + rows)
    assert [row.score for row in log.rows] == [n / 10 for n in range(9)]
    assert not log.problems


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("b2\tabc\t1\tkeep\tx", "'abc'"),
        ("b2\tnan\t1\tkeep\tx", "'nan'"),
        ("b2\t0.8\t1\ttentative\tx", "'tentative'"),
        ("b2\t0.8", "too few columns"),
        ("bbbbbbbb", "not a row"),
        ("b2\t1e300\t1\tkeep\tx", "'1e300'"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_is_no_run(read, row, word):
    log = read(HEAD + "a1\t0.9\t1\tkeep\tx\n" + row + "\nc3\t0.7\t1\tkeep\ty\n")
    assert [run.commit for run in log.rows] == ["a1", "c3"]
    assert [problem.line for problem in log.problems] == [3]
    assert word in log.problems[0].text


def test_descriptions_may_run_over_lines_and_hold_tabs(read):
    text = HEAD + "a1\t0.9\t1\tkeep\tfirst\nsecond, third\n\nb2\t0.8\t1\tkeep\twith\ta tab\n"
    log = read(text)
    assert [row.description for row in log.rows] == ["first\nsecond, third", "with a tab"]
    assert [row.line for row in log.rows] == [2, 5]
    quoted = read(HEAD + 'a1\t0.9\t1\tkeep\t"one\ntwo ""so"""\n')
    assert quoted.rows[0].description == 'one\ntwo "so"'


@pytest.mark.parametrize("change", ["\r\n", "bom", "utf-16", "\r"])
def test_line_ends_and_marks_of_other_systems(read, change):
    text = HEAD + "a1\t0.9\t1\tkeep\tx é\nb2\t0.8\t1\tdiscard\ty\n"
    content = {"bom": text.encode("utf-8-sig"), "utf-16": text.encode("utf-16")}.get(change)
    log = read(content or text.replace("\n", change).encode())
    assert [(r.score, r.description) for r in log.rows] == [(0.9, "x é"), (0.8, "y")]


def test_commas_in_the_place_of_tabs(read):
    text = 'commit,loss,status,description\na1,2.5,keep,"one, two\nthree"\nb2,2.4,discard,x\n'
    log = read("# made by hand\n" + text)
    assert [(row.line, row.score) for row in log.rows] == [(3, 2.5), (5, 2.4)]
    assert log.rows[0].description == "one, two\nthree"


@pytest.mark.parametrize(
    ("scores", "name", "minimize"),
    [
        ((3, 2, 1), "thing", True),
        ((1, 2, 3), "thing", False),
        ((1,), "val_loss", True),
        ((1,), "accuracy", False),
        ((1, 2, 1, 2, 1), "error", True),
    ],
)
def test_the_direction_is_that_of_the_keeps_or_else_of_the_name(read, scores, name, minimize):
    rows = "".join(f"a{n}\t{score}\tkeep\tx\n" for n, score in enumerate(scores))
    assert read(f"commit\t{name}\tstatus\tdescription\n{rows}").minimize is minimize


def test_the_person_has_the_last_word_on_the_direction(read):
    log = read(HEAD + "a1\t0.9\t1\tkeep\tx\nb2\t0.8\t1\tkeep\tx\n", direction="maximize")
    assert (log.minimize, log.told) == (False, "--direction")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x00\x01\x02", "not text"),
        (b"hello\nworld\n", "no rows with columns"),
        (b"a\tb\n1\t2\n", "no column says what was kept"),
        (HEAD.encode(), "no run|no column of scores"),
        (b"commit\tstatus\tdescription\na1\tkeep\tx\n", "--metric"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_words(read, content, word):
    with pytest.raises(UsageError, match=word):
        read(content)


def test_a_directory_is_searched(tmp_path):
    with pytest.raises(UsageError, match="no log in"):
        find_log(tmp_path)
    with pytest.raises(UsageError, match="there is no"):
        find_log(tmp_path / "nowhere")
    (tmp_path / ".auto").mkdir()
    (tmp_path / ".auto" / "log.jsonl").write_text("{}")
    assert find_log(tmp_path) == tmp_path / ".auto" / "log.jsonl"
    (tmp_path / "results.tsv").write_text("x")
    with pytest.raises(UsageError, match="more than one"):
        find_log(tmp_path)


PIECES = st.sampled_from(
    [
        *("keep", "discard", "crash", "0.9", "nan", "-1e5", "0.0", "commit", "status", "val_bpb"),
        *("[x]", "{", "}", ",", '"', "é", "\t", "\n", "\r", "\x0b", "# direction: lower", "seed 1"),
    ]
)


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.binary(), st.lists(PIECES, max_size=40).map("".join).map(str.encode)))
def test_any_bytes_give_a_log_or_a_message(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    path.write_bytes(content)
    try:
        log = read_log(path)
    except NovumError as error:
        assert str(path) in str(error)
        assert len(str(error)) < 1000
        return
    lines = content.count(b"\n") + content.count(b"\r") + 1
    for row in log.rows:
        assert 1 <= row.line <= lines
        assert row.score is None or math.isfinite(row.score)


COMMIT = st.from_regex(r"[0-9a-f]{7}", fullmatch=True)
TEXT = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=20)
SCORE = st.floats(0.1, 10).map(lambda value: round(value, 6))
ROWS = st.lists(st.tuples(COMMIT, SCORE, st.sampled_from(sorted(WORDS)), TEXT), min_size=1)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.booleans(), st.sampled_from(["\n", "\r\n"]), st.permutations(range(4)))
def test_well_formed_tables_come_back_as_they_were_written(
    tmp_path_factory, rows, headed, end, order
):
    order = order if headed else range(4)
    names = ("commit", "loss", "status", "description")
    lines = ["\t".join(names[at] for at in order)] if headed else []
    cells = [(commit, f"{score:.6f}", word, text) for commit, score, word, text in rows]
    lines += ["\t".join(row[at] for at in order) for row in cells]
    path = tmp_path_factory.getbasetemp() / "well.tsv"
    path.write_bytes((end.join(lines) + end).encode())
    found = read_log(path).rows
    assert [(row.commit, row.description) for row in found] == [(r[0], r[3]) for r in rows]
    for row, (_, score, word, _) in zip(found, rows, strict=True):
        assert row.status is WORDS[word]
        scored = row.status in {Status.KEEP, Status.DISCARD}
        assert row.score == (score if scored else None)
