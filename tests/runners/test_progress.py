"""Reading a progress file that somebody untrusted writes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.runners.progress import Progress


@pytest.fixture
def path(tmp_path):
    return tmp_path / "progress.jsonl"


def append(path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_a_long_curve_is_thinned_evenly_and_keeps_its_ends(path):
    progress = Progress(path)
    path.write_bytes(b"".join(b'{"step": %d}\n' % step for step in range(10_001)))
    progress.read_rest()
    curve = progress.curve()
    progress.close()
    steps = [point["step"] for point in curve]
    assert len(steps) <= 2001
    assert (steps[0], steps[-1]) == (0, 10_000)
    assert steps == sorted(steps)


def test_a_line_may_arrive_in_pieces(path):
    progress = Progress(path)
    append(path, b'{"event": "st')
    assert progress.read() is None and not progress.started
    append(path, b'art"}\n{"loss": 1}\n')
    assert progress.read() == {"loss": 1.0}
    assert progress.started
    progress.close()


def test_a_line_that_is_too_long_is_left_out_and_the_next_is_read(path):
    progress = Progress(path)
    for text in (b'{"x": 1, "y": "' + b"z" * 5000, b"z" * 300_000, b'"}\n{"x": 2}\n'):
        append(path, text)
        progress.read()
    progress.read_rest()
    assert progress.curve() == ({"x": 2.0},)
    progress.close()


def test_a_file_beyond_its_bound_is_not_read(path):
    progress = Progress(path)
    append(path, (b"-" * 1023 + b"\n") * (9 * 1024) + b'{"x": 1}\n')
    progress.read_rest()
    assert progress.curve() == ()
    progress.close()


def test_a_flood_is_read_a_piece_at_a_time(path):
    progress = Progress(path)
    append(path, b'{"x": 1}\n' * 100_000)
    progress.read()
    assert 0 < len(progress.curve()) < 10_000
    append(path, b'{"event": "start"}\n{"x": 2}\n')
    progress.read_rest()
    assert progress.started
    assert progress.curve()[-1] == {"x": 2.0}
    progress.close()


def test_a_link_in_its_place_is_refused(path, tmp_path):
    (tmp_path / "other").write_text("")
    path.symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="exists"):
        Progress(path)


@given(st.lists(st.binary(max_size=60) | st.just(b'{"a": 1}\n'), max_size=10))
def test_no_bytes_do_harm(tmp_path_factory, chunks):
    path = tmp_path_factory.mktemp("progress") / "file"
    progress = Progress(path)
    for chunk in chunks:
        append(path, chunk)
        progress.read()
    assert json.dumps(progress.curve())
    progress.close()
