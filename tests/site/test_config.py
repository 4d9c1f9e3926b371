"""What site.toml does not mean is refused, and the sentence names the key."""

from pathlib import Path

import pytest

import novum.labs
from novum.errors import UsageError
from novum.site.config import Guard, Site, read_site

LAB = novum.labs.__path__[0]


@pytest.fixture
def written(tmp_path):
    def write(text):
        (tmp_path / "site.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_what_is_not_said_is_as_documented(written):
    assert read_site(written("")) == Site()
    site = read_site(written("[traffic]\nshare = 0.5\n[guards]\nbounce_rate = {max_worse = 0.1}"))
    assert (site.traffic.share, site.traffic.holdout) == (0.5, 0.05)
    assert site.guards == {"bounce_rate": Guard(max_worse=0.1)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[trafic]",
            r"unknown key `trafic` \(is `traffic` meant\?\); known here: traffic,",
        ),
        (
            "[traffic]\nshere = 1",
            r"`traffic.shere` \(is `share` meant\?\); known here: share",
        ),
        ("[guards]\nx = {max = 1}", r"unknown key `guards.x.max`; known here: max_worse, bound"),
        ("[traffic]\nshare = 20", "`traffic.share` = 20"),
        ("[traffic]\nshare = nan", "`traffic.share` = nan"),
        ("[traffic]\nvisitors = 1", "`traffic.visitors` = 1"),
        ("[attribution]\nwindow_hours = 0", "window_hours"),
        ('[page]\ngoal = "javascript:alert(1)"', "`page.goal`"),
        ("[privacy]\nretention_days = 0.5", "shorter than the attribution window"),
        ("share = ", "site.toml cannot be read"),
        ("guards = 3", "`guards` = 3"),
    ],
)
def test_what_is_not_sound_is_refused_by_its_name(written, text, told):
    with pytest.raises(UsageError, match=told):
        read_site(written(text))


def test_a_lab_without_the_file_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"there is no .*site.toml"):
        read_site(tmp_path)


def test_the_labs_own_file_is_sound():
    read_site(Path(LAB) / "copy")
