"""Of a log, the lines that explain a failure."""

from novum.briefing.failure import explanation

FILES = ("train.py",)
TRACE = b"""step 1
Traceback (most recent call last):
  File "/tmp/run/train.py", line 90, in main
    loss.backward()
  File "/tmp/run/train.py", line 12, in forward
    y = x @ w
  File "/usr/lib/torch/tensor.py", line 5, in matmul
    return f(x)
RuntimeError: shapes do not fit
"""


def test_a_traceback_is_its_innermost_place_in_an_editable_file_and_its_last_line():
    said = "train.py, line 12, in forward: y = x @ w\nRuntimeError: shapes do not fit"
    assert explanation(TRACE, FILES) == said


def test_the_last_traceback_counts():
    assert (
        explanation(b"Traceback (most recent call last):\nKeyError: 1\n" + TRACE, FILES)[:8]
        == "train.py"
    )


def test_a_log_without_a_traceback_is_its_last_lines():
    assert explanation(b"one\ntwo\n\nthree\nfour\n", FILES) == "two\nthree\nfour"


def test_no_log_explains_nothing():
    assert explanation(b"", FILES) == ""


def test_any_bytes_are_read_and_cut():
    said = explanation(b"\xff\x1b[31m" + b"x" * 10_000, FILES)
    assert len(said) < 300 and "\x1b" not in said
    assert explanation(b"Traceback (most recent call last):", FILES)
