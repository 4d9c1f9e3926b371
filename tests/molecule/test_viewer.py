"""The page of docked poses: it needs no network, nothing in it can break it, and it draws."""

import base64
import functools
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from picture_cases import BEST, START, placed

from novum.molecule.browser import browser, screenshot
from novum.molecule.viewer import Box, Pose, page

EVIL = "</script><script>alert(1)</script><!-- <b>%DATA% & \"quoted\" 'x' \u202e"
BOX = Box((9.25, 6.17, -7.0), (30.0, 30.0, 32.0))


@functools.cache
def receptor() -> str:
    package = pytest.importorskip("dockstring")
    path = Path(package.__file__).parent / "resources" / "targets" / "DRD2_target.pdbqt"
    return path.read_text()


def made(title: str = "DRD2", name: str = EVIL, rows=((EVIL, EVIL),)) -> str:
    poses = [Pose("the start", placed(START)), Pose(name, placed(BEST), rows)]
    text = page(title, poses, receptor(), BOX)
    assert text is not None
    return text


class Tags(HTMLParser):
    """Every tag with its attributes, and what stands in scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_nothing_is_fetched_and_the_page_itself_forbids_it():
    found = Tags(made())
    attributes = {name for _, attrs in found.tags for name in attrs}
    assert not attributes & {"src", "href", "action", "data", "poster", "srcset"}
    policy = next(a["content"] for t, a in found.tags if t == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "http" not in policy and "*" not in policy and "connect-src" not in policy
    static = resources.files("novum.molecule").joinpath("static")
    own = [static.joinpath(f"poses.{ending}") for ending in ("html", "css", "js")]
    assert not [path for path in own if re.search(r"https?:|@import|url\(", path.read_text())]


def test_text_from_outside_cannot_leave_its_place():
    evil, good = Tags(made(EVIL)), Tags(made("DRD2", "m4", (("affinity", "-9.1"),)))
    assert Counter(tag for tag, _ in evil.tags) == Counter(tag for tag, _ in good.tags)
    assert len(evil.scripts) == 3
    data = json.loads(evil.scripts[0])
    assert data["poses"][1]["name"] == EVIL
    assert data["poses"][1]["rows"] == [[EVIL, EVIL]]


def test_it_holds_the_pocket_the_poses_and_their_drawings():
    data = json.loads(Tags(made()).scripts[0])
    pose = data["poses"][1]
    assert {"Asp114", "Trp386"} <= {residue["name"] for residue in pose["pocket"]}
    assert any(residue["near"] for residue in pose["pocket"])
    assert pose["sdf"].count(" H ") == 1  # of the amide; those of carbons are left out
    assert b"<svg" in base64.b64decode(pose["drawing"].partition("base64,")[2])
    assert len(data["receptor"]) < len(receptor()) / 2
    assert data["box"]["size"] == [30.0, 30.0, 32.0]


def test_a_pose_without_a_place_in_space_is_left_out():
    flat = Pose("flat", "\n  x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n" + "    0.0000" * 3)
    broken = Pose("broken", "no SDF at all")
    assert page("t", [flat, broken, Pose("empty", "")]) is None
    text = page("t", [broken, Pose("good", placed(START))])
    assert text is not None
    assert [one["name"] for one in json.loads(Tags(text).scripts[0])["poses"]] == ["good"]


def test_the_library_is_the_one_that_the_readme_names_and_has_its_license():
    static = resources.files("novum.molecule").joinpath("static")
    library = static.joinpath("3Dmol-min.js").read_bytes()
    assert b"</script" not in library  # it stands in the page as it is
    assert hashlib.sha256(library).hexdigest() in static.joinpath("README.md").read_text()
    assert "BSD-3-Clause" in static.joinpath("3Dmol-LICENSE.txt").read_text(encoding="utf-8")


def test_without_a_browser_there_is_no_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not screenshot(tmp_path / "page.html", "", tmp_path / "p.png", (80, 60))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(browser() is None, reason="needs Chromium or Chrome")
def test_a_real_browser_draws_the_pose_whatever_it_is_called(tmp_path):
    path, shot = tmp_path / "poses.html", tmp_path / "pose.png"
    path.write_text(made(EVIL), encoding="utf-8")
    assert screenshot(path, "picture1", shot, (400, 300))
    image = pytest.importorskip("PIL.Image").open(shot).convert("RGB")
    assert image.size == (800, 600)
    colours = [colour for _, colour in image.getcolors(maxcolors=1_000_000)]
    assert any(green > 1.5 * max(red, blue) + 20 for red, green, blue in colours)  # its carbons
    assert any(blue > 150 and red < 90 for red, _, blue in colours)  # its nitrogens
