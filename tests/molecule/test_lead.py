"""A lead series is read line by line, and what is wrong in it is told with its line."""

import os
import time

import pytest

from novum.molecule.lead import MOST_ENTRIES, SeriesError, appended, parse, read_series

START = "# a comment\n\nCCO  start  # where it begins\n"


def test_the_last_molecule_is_the_lead():
    series = parse(START + "C#N m1\nCCN\tm2 # smaller # and a hash\r\n# the end\n")
    assert [(one.smiles, one.name, one.reason, one.line) for one in series] == [
        ("CCO", "start", "where it begins", 3),
        ("C#N", "m1", "", 4),
        ("CCN", "m2", "smaller # and a hash", 5),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("CCO", "one molecule a line"),
        ("CCO m1 CCN m2", "one molecule a line"),
        ("CCO a name of several words", "one molecule a line"),
        ("CCO m\x1b[31m1", "U+001B"),
        ("CCO m1\x00", "U+0000"),
        ("CCO m1 # fine\x07", "U+0007"),
        ("CCO m\u202e1", "U+202E"),
        ("CCO m1\x0bCCN m2", "U+000B"),
        ("CCO m1\u2028CCN m2", "U+2028"),
        ("CCO " + "m" * 81, "80 characters"),
        ("C" * 3000 + " m1", "3003 characters"),
    ],
)
def test_a_line_that_is_no_molecule_is_named(line, told):
    with pytest.raises(SeriesError, match="line 4: ") as caught:
        parse(START + line + "\n")
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_a_series_without_a_molecule_is_none(text):
    with pytest.raises(SeriesError, match="no molecule"):
        parse(text)


def test_a_series_has_bounds():
    assert len(parse("C m\n" * MOST_ENTRIES)) == MOST_ENTRIES
    with pytest.raises(SeriesError, match="at most 2000"):
        parse("C m\n" * (MOST_ENTRIES + 1))


def test_a_million_lines_are_refused_at_once(tmp_path):
    path = tmp_path / "lead.smi"
    path.write_text("CCO m\n" * 1_000_000)
    begin = time.process_time()
    with pytest.raises(SeriesError, match="larger than 256 kB"):
        read_series(path)
    assert time.process_time() - begin < 5  # reading all of it as molecules takes minutes


def test_only_an_ordinary_file_of_text_is_read(tmp_path):
    binary = tmp_path / "binary.smi"
    binary.write_bytes(START.encode() + b"CCO \xff\xfe\n")
    with pytest.raises(SeriesError, match=r"binary.smi, line 4: .*UTF-8"):
        read_series(binary)
    (tmp_path / "link.smi").symlink_to(binary)
    os.mkfifo(tmp_path / "pipe.smi")
    (tmp_path / "directory.smi").mkdir()
    for name in ("link", "pipe", "directory", "nothing"):
        with pytest.raises(SeriesError, match=f"{name}.smi"):
            read_series(tmp_path / f"{name}.smi")


def test_what_is_appended_is_read_back():
    text = appended(START.rstrip(), "C#N", "m1", "a nitrile\n is \x1b slim # or not")
    assert parse(text)[-1].smiles == "C#N"
    assert parse(text)[-1].reason == "a nitrile is slim # or not"
    assert text.startswith(START)
    assert len(parse(appended(text, "CC", "m2", "x" * 5000))[-1].reason) == 400


@pytest.mark.parametrize("name", ["", "two words", "#1", "a\nCCN b", "\x00"])
def test_a_name_that_would_break_the_line_is_refused(name):
    with pytest.raises(SeriesError):
        appended(START, "CC", name, "because")
