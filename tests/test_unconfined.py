"""Where trials cannot be confined: what refuses, what it says, and how one goes on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bed_cases import TINY_LAB, git, tiny_lab
from novum.sandbox import detect

RUN = """read score pause < x.txt
sleep "$pause"
echo "METRIC score=$score$NOVUM_SEED"
"""


@pytest.fixture
def lab(tmp_path):
    return tiny_lab(tmp_path / "lab", RUN)


@pytest.fixture
def without(tmp_path, monkeypatch) -> Path:
    """A machine without bubblewrap: a PATH that has git alone."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(place))
    return place


def novum(*arguments: object, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "novum", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert "Traceback" not in said
    return said


def allow(lab: Path) -> None:
    (lab / "lab.toml").write_text(TINY_LAB + '[sandbox]\nmode = "none"\n')


@pytest.mark.parametrize(
    "command",
    [("run",), ("check", "--deep"), ("check", "--canaries"), ("compare", "--researchers", "null")],
    ids=" ".join,
)
def test_what_runs_trials_refuses_and_says_what_to_do(command, lab, without):
    first, *rest = command
    said = novum(first, lab, *rest, status=2)
    assert "bubblewrap is not installed: `apt install bubblewrap`" in said
    assert 'mode = "none" under [sandbox] in lab.toml' in said
    assert "--allow-unconfined" in said
    assert len(said.strip().splitlines()) == 2
    assert not (lab / ".novum" / "ledger.db").exists()


def test_try_refuses_too(lab, without):
    (lab / "x.txt").write_text("4.00 0\n")
    assert "cannot be confined" in novum("try", lab, "-m", "lower", status=2)


def test_a_sandbox_that_does_not_work_is_as_good_as_none(lab, without):
    broken = without / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: Creating new namespace failed' >&2\nexit 1\n")
    broken.chmod(0o755)
    said = novum("run", lab, status=2)
    assert "cannot make namespaces here (bwrap: Creating new namespace failed)" in said


def test_check_says_which_promises_are_gone(lab, without):
    found = json.loads(novum("check", lab, "--json", status=1))
    (sandbox,) = [one for one in found if one["subject"] == "sandbox"]
    assert sandbox["level"] == "problem"
    for words in ("the network", "your files", "the held-out data", "the ledger"):
        assert words in sandbox["text"]


def test_it_goes_on_where_the_person_says_so_and_tells_what_is_gone(lab, without):
    said = novum("run", lab, "-n", 1, "--tag", "t", "--allow-unconfined")
    assert "caution: a trial can use the network" in said
    assert "not promised here: a trial can use the network" in novum("status", lab)
    gone = json.loads(novum("status", lab, "--json"))["lacking"]
    assert len(gone) == 5
    report = (lab / "report" / "t" / "report.md").read_text()
    assert all(f"- {text}" in report for text in gone)
    novum("resume", lab, "-n", 2)  # it was allowed once, for this campaign


def test_it_goes_on_where_lab_toml_says_so(lab, without):
    allow(lab)
    git(lab, "commit", "-qam", "no sandbox")
    novum("run", lab, "-n", 1)
    assert "a trial can use the network" in novum("status", lab)


def test_a_campaign_that_began_confined_is_looked_at_and_goes_on_only_if_told(
    lab, without, monkeypatch
):
    if detect().tool == "none":
        pytest.skip("no sandbox here")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{without}{os.pathsep}{Path(detect().program).parent}")
        novum("run", lab, "-n", 1, "--tag", "t")
        lacking = json.loads(novum("status", lab, "--json"))["lacking"]
        assert lacking == list(detect().lacking)
    for command in ("status", "log", "report", "audit"):
        novum(command, lab)
    assert "cannot be confined" in novum("resume", lab, "-n", 2, status=2)
    assert json.loads(novum("status", lab, "--json"))["state"] == "finished"
    assert "cannot be confined" in novum("confirm", lab, status=2)
    allow(lab)
    novum("resume", lab, "-n", 2)
    assert "a trial can use the network" in novum("status", lab)
