"""What visitors carry cannot be forged, changed, or used for anything else."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.errors import SiteError
from novum.site.records import Arm
from novum.site.tokens import (
    LONGEST,
    Cookie,
    Token,
    known_as,
    new_visitor,
    read_cookie,
    read_token,
    secret,
    site_key,
    write_cookie,
    write_token,
)

KEY = bytes(range(32))
COOKIE = Cookie("v" * 22, 1000, 3, Arm.CONTROL)
TOKEN = Token("v" * 22, 3, Arm.CANDIDATE, "d" * 32, 1000)


@given(st.integers(0, 10**12), st.integers(0, 10**9), st.sampled_from(list(Arm)))
def test_what_was_written_is_read(when, experiment, arm):
    cookie = Cookie(new_visitor(), when, experiment, arm)
    token = Token(new_visitor(), experiment, arm, "d" * 32, when)
    assert read_cookie(KEY, write_cookie(KEY, cookie)) == cookie
    assert read_token(KEY, write_token(KEY, token), when, 10.0) == token
    assert len(write_token(KEY, token)) < LONGEST


@given(st.data())
def test_one_other_letter_and_it_is_nothing(data):
    for text, read in (
        (write_cookie(KEY, COOKIE), lambda t: read_cookie(KEY, t)),
        (write_token(KEY, TOKEN), lambda t: read_token(KEY, t, 1000.0, 10.0)),
    ):
        place = data.draw(st.integers(0, len(text) - 1))
        letter = data.draw(st.characters().filter(lambda c: c != text[place]))  # noqa: B023
        assert read(text[:place] + letter + text[place + 1 :]) is None
        assert read(text[:place]) is None
        assert read(text + letter) is None


@given(st.text())
def test_anything_else_is_nothing(text):
    assert read_cookie(KEY, text) is None
    assert read_token(KEY, text, 0.0, 1.0) is None


def test_each_is_good_for_its_purpose_and_key_alone():
    assert read_token(KEY, write_cookie(KEY, COOKIE), 1000.0, 10.0) is None
    assert read_cookie(KEY, write_token(KEY, TOKEN)) is None
    assert read_cookie(b"x" * 32, write_cookie(KEY, COOKIE)) is None
    assert secret(KEY, "own") != secret(KEY, "hook")


def test_a_token_ends_but_a_clock_that_is_put_back_ends_none():
    text = write_token(KEY, TOKEN)
    assert read_token(KEY, text, 1010.0, 10.0) == TOKEN
    assert read_token(KEY, text, 1010.1, 10.0) is None
    assert read_token(KEY, text, 5.0, 10.0) == TOKEN


def test_somebody_elses_name_for_a_visitor_is_not_kept():
    name = known_as(KEY, "anna@example.org")
    assert name == known_as(KEY, "anna@example.org") != known_as(KEY, "ann@example.org")
    assert len(name) == len(new_visitor()) == 22
    assert "anna" not in name
    assert known_as(KEY, "\ud800") != known_as(KEY, "")


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    key = site_key(tmp_path)
    assert site_key(tmp_path) == key
    path = tmp_path / ".novum" / "site.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {p.name for p in path.parent.iterdir()} == {".gitignore", "site.key"}
    path.chmod(0o640)
    with pytest.raises(SiteError, match="chmod 600"):
        site_key(tmp_path)
    path.chmod(0o600)
    path.write_bytes(key[:-1])
    with pytest.raises(SiteError, match="not a key"):
        site_key(tmp_path)
