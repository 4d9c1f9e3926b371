"""From `novum new copy` to a campaign: the real commands, a real server, a simulated crowd."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

import pytest

pytest.importorskip("starlette")

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
START, FIRST = "Invoicing software for freelancers", "Get paid on time, without asking twice"


def novum(*words, status=0) -> str:
    """What the command prints, once it ended as expected."""
    command = [sys.executable, "-m", "novum", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def changed(where: Path, **files: dict[str, str]) -> None:
    """Change texts in files of the lab, and commit."""
    for name, changes in files.items():
        path = where / f"{name}.toml"
        text = path.read_text()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
    subprocess.run(["git", "commit", "-qam", "quicker"], cwd=where, check=True)


def made(lab: Path, **site: str) -> Path:
    """A lab whose batches are small."""
    novum("new", "copy", lab)
    quick = {"visitors = 2000": "visitors = 150", "share = 0.5": "share = 0.9"}
    quick |= {"window_hours = 24": "window_hours = 1"}
    changed(lab, site=quick | site, lab={"max_runs = 20": "max_runs = 1"})
    return lab


@contextmanager
def started(*words):
    """A command that goes on; its first line of output."""
    command = [sys.executable, "-m", "novum", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline()
    finally:
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.stdout.close()


def look(address: str, cookie: str = "") -> tuple[str, str]:
    """The headline that a visitor sees, and the cookie that they get."""
    request = urllib.request.Request(address, headers={**BROWSER, "Cookie": cookie})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Cache-Control"] == "private, no-store"
        given = (answer.headers["Set-Cookie"] or "").partition(";")[0]
        headline = re.search(r"<h1>(.*?)</h1>", answer.read().decode())[1]
        return headline, given or cookie


def seen(address: str, visitors: int = 40) -> dict[str, str]:
    """The headlines that new visitors see, each with the cookie of one of them."""
    return dict(look(address) for _ in range(visitors))


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A lab after a campaign of two experiments on simulated visitors."""
    lab = made(tmp_path_factory.mktemp("labs") / "lab")
    checked = novum("check", lab)
    ran = novum("run", lab, "--visitors", "simulated", "--experiments", 2)
    return lab, checked, ran


def test_a_new_lab_is_sound(campaign):
    assert "problem" not in campaign[1] and "good     site: " in campaign[1]


def test_a_campaign_is_decided_by_visitors(campaign):
    lab, _, ran = campaign
    assert "simulated people visit http://127.0.0.1:" in ran
    experiments = json.loads(novum("log", lab, "--json"))
    assert len(experiments) == 3, ran
    trial = json.loads(novum("show", lab, 1, "--json"))["trials"][0]
    metrics = trial["metrics"]
    assert metrics["visitors"] + metrics["control_visitors"] == 150
    assert {"guards_broken", "bounce_rate", "control_bounce_rate"} <= set(metrics)


def test_the_site_is_told_on_one_screen(campaign):
    told = novum("site", campaign[0])
    assert "visits left out: " in told and FIRST in told
    facts = json.loads(novum("site", campaign[0], "--json"))
    assert facts["experiments"][1]["candidate"][0] > 0
    assert sum(facts["shown"].values()) == pytest.approx(1)
    assert {"bot", "prefetch"} <= set(facts["left_out"])


def test_the_report_shows_the_site(campaign):
    novum("report", campaign[0])
    (report,) = (campaign[0] / "report").glob("*/report.md")
    text = report.read_text()
    assert "## The site" in text and "Not shown" not in text
    assert (report.parent / "rates.png").stat().st_size > 1000


def test_real_visitors_do_not_come_to_a_site_of_simulated_ones(campaign):
    assert "simulated" in novum("serve", campaign[0], "--port", 0, status=2)


def test_nobody_is_left_when_the_campaign_is_killed(tmp_path):
    lab = made(tmp_path / "lab")
    command = [sys.executable, "-m", "novum", "run", str(lab), "--visitors", "simulated"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        address = re.search(r"http://[\d.:]+", process.stdout.readline())[0]
        look(address)
        os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 30
    with suppress(URLError, ConnectionError):
        while time.monotonic() < end:
            look(address)
            time.sleep(0.2)
    assert time.monotonic() < end
    again = novum("run", lab, "--visitors", "simulated", "--experiments", 1)
    assert "finished" in again


def test_approval_and_rollback_take_effect_on_the_next_page_view(tmp_path):
    lab = made(tmp_path / "lab", **{"required = false": "required = true"})
    with started("serve", lab, "--port", 0, "--visitors", "simulated") as (_, line):
        address = line.strip()
        assert "novum approve" in novum("run", lab, "--experiments", 1, status=1)
        assert "to approve: novum approve" in novum("site", lab)
        assert set(seen(address)) == {START}
        assert f"from the next page view on; headline: {FIRST}" in novum("approve", lab)
        shown = seen(address)
        assert set(shown) == {START, FIRST}
        assert look(address, shown[FIRST])[0] == FIRST, "who saw it sees it again"
        assert "needs no word" in novum("approve", lab, 2, status=2)
        assert "experiment 2 is shown to nobody" in novum("rollback", lab, "-m", "off brand")
        assert look(address, shown[FIRST])[0] == START
        assert set(seen(address)) == {START}
        novum("resume", lab)
        told = json.loads(novum("show", lab, 1, "--json"))
        assert told["verdict"] == "invalid" and "rolled back: off brand" in str(told)
        assert "nothing to roll back" in novum("rollback", lab, status=2)
        audit = json.loads(novum("site", lab, "--json"))["audit"]
    states = [entry["what"] for entry in audit if entry["experiment"] == 2]
    assert states[0] == "opened" and states.index("waiting") < states.index("running")
    assert states[-1] == "rolled_back"


def test_a_race_is_killed_goes_on_and_leaves_the_site_to_the_campaign(tmp_path):
    lab = made(tmp_path / "lab", **{"visitors = 2000": "visitors = 200"})
    race = ["race", lab, "--visitors", "simulated"]
    command = [sys.executable, "-m", "novum", *map(str, race), "--ideas", "5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        said = [process.stdout.readline() for _ in range(4)]
        facts = {}
        while not facts.get("race") or facts["race"]["visitors"] < 50:
            time.sleep(0.5)
            facts = json.loads(novum("site", lab, "--json"))
        os.kill(process.pid, signal.SIGKILL)
    assert "race 1: 5 challengers\n" in said, said
    assert sum(facts["shown"].values()) == pytest.approx(1)
    states = [one["state"] for one in facts["experiments"]]
    assert len(states) == 5 and "running" in states, states
    assert "race 1 is open" in novum("site", lab)
    assert "race 1 is open on this site" in novum("race", lab, "--ideas", 3, status=2)
    assert "race 1 is open on this site" in novum("run", lab, status=1)
    ended = novum(*race)
    assert "of the race" in ended or "the challengers stay ideas" in ended
    facts = json.loads(novum("site", lab, "--json"))
    assert facts["race"] is None and sum(one["candidate"][0] for one in facts["experiments"]) > 150
    chances = [entry["detail"] for entry in facts["audit"] if entry["what"] == "joins"]
    assert len(chances) >= 5 and all(0 <= one["probability"] <= 1 for one in chances)
    assert "no race is open" in novum("race", lab, "--end", status=2)


def test_without_a_server_the_campaign_says_what_to_start(tmp_path):
    lab = made(tmp_path / "lab")
    said = novum("run", lab, "--experiments", 1, status=1)
    assert "novum serve" in said
