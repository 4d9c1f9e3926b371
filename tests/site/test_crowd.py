"""The crowd as processes that speak HTTP to a site that is one."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from crowd_cases import CURIOUS, PLAIN, Site, crowd, told_by
from standin import page_of

from novum.site.visitors import people
from novum.site.visitors.pages import read
from novum.site.visitors.truth import Truth

VISITORS = 1500


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path, [PLAIN])
    yield site
    site.kill()


@pytest.fixture
def two(tmp_path):
    site = Site(tmp_path, [PLAIN, CURIOUS])
    yield site
    site.kill()


def within(events, expected, tries):
    """Within four standard deviations of a binomial."""
    return abs(events - expected * tries) < 4 * (tries * expected * (1 - expected)) ** 0.5 + 1


@pytest.mark.slow
def test_the_same_seed_sends_the_same_people_whatever_the_processes_and_the_speed(site):
    sizes = "--seed", 5, "--visitors", 600
    one = told_by(crowd(site, *sizes, "--rate", 300))
    two = told_by(crowd(site, *sizes, "--rate", 900, "--processes", 2, "--speed", 400_000))
    other = told_by(crowd(site, "--visitors", 600, "--rate", 600, "--seed", 6))
    assert one == two
    assert one != other
    assert one["came"] == 600
    assert one["lost"] == one["refused"] == one["unanswered"] == 0


@pytest.mark.slow
def test_people_convert_as_often_as_is_true(two):
    told = told_by(crowd(two, "--visitors", 2 * VISITORS, "--rate", 1000, "--base", 0.2))
    truth = Truth(0, 0.2)
    for page, arm in ((PLAIN, 0), (CURIOUS, 1)):
        words = read(page_of(page, "token")).words
        shown = told["headlines"][page["headline"]]
        assert within(shown["converted"], truth.conversion_rate(words), shown["seen"])
        seen, went = (
            {e["visitor"] for e in two.events(what) if e["arm"] == arm and not e["bot"]}
            for what in ("seen", "go")
        )
        assert went <= seen
        assert within(len(went), truth.recorded_rate(words), len(seen))


def test_bots_say_what_they_are_prefetches_too_and_private_people_ask_not_to_be_followed(site):
    told = told_by(crowd(site, "--visitors", VISITORS, "--rate", 800))
    assert within(told["bots"], people.BOTS, VISITORS)
    assert within(told["sly"], people.SLY, VISITORS)
    loads = site.events("page")
    assert sum(load["bot"] for load in loads) == told["bots"]
    assert sum(load["prefetch"] for load in loads) == told["prefetches"] > 0
    assert len(loads) == told["visits"] + told["prefetches"]
    assert any(load["private"] for load in loads)
    assert any(event["bot"] for event in site.events("go"))  # crawlers follow links
    told_of = site.events("seen") + site.events("signal")
    assert not any(event["bot"] or event["prefetch"] or event["private"] for event in told_of)


def test_cookies_are_kept_by_person_and_some_keep_none(site):
    told = told_by(crowd(site, "--visitors", VISITORS, "--rate", 800))
    visits = [load["visitor"] for load in site.events("page") if not load["bot"]]
    assert len(set(visits)) < len(visits)  # who came back was known
    assert told["came"] - told["bots"] < len(set(visits)) < len(visits)  # or was not
    seen = [event["visitor"] for event in site.events("seen")]
    assert len(seen) == told["seen"]


@pytest.mark.slow
def test_a_site_that_is_killed_loses_no_event_that_it_acknowledged(two):
    options = "--visitors", VISITORS, "--rate", 150, "--processes", 2, "--base", 0.3
    argv = crowd(two, *options)
    running = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    for _ in range(4):
        time.sleep(1.5)
        two.kill()
        time.sleep(0.3)
        two.start()
    told = json.loads(running.communicate(timeout=240)[0])
    assert running.returncode == 0
    assert told["refused"] == told["unanswered"] == 0
    went = {event["visitor"] for event in two.events("go") if not event["bot"]}
    assert len(went) == told["converted"] > 20
    assert len({(e["visitor"]) for e in two.events("seen")}) <= told["seen"]
    assert told["lost"] > 0  # nobody loads a page twice
    assert told["came"] == VISITORS


def test_what_no_server_answers_is_lost_and_said(tmp_path):
    site = Site(tmp_path, [PLAIN])
    site.kill()
    told = told_by(crowd(site, "--visitors", 50, "--rate", 500))
    assert told["visits"] == told["seen"] == 0
    assert told["lost"] > 40  # but for who looked beforehand only


def test_it_ends_at_sigterm_and_says_what_it_did(site):
    running = subprocess.Popen(
        crowd(site, "--rate", 100, "--processes", 2, "--speed", 1),
        stdout=subprocess.PIPE,
        text=True,
    )
    while not site.events("page"):
        time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    told = json.loads(running.communicate(timeout=60)[0])
    assert running.returncode == 0
    assert told["visits"] + told["prefetches"] == len(site.events("page"))


def test_it_ends_when_who_started_it_is_gone(site):
    argv = crowd(site, "--rate", 100, "--processes", 2)
    code = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    starter = subprocess.Popen([sys.executable, "-c", code, *argv], stdout=subprocess.DEVNULL)
    while not site.events("page"):
        time.sleep(0.1)
    family = psutil.Process(starter.pid).children(recursive=True)
    assert len(family) >= 3
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--url", "https://example.org"), "http://"),
        (("--rate", "0"), "above 0"),
        (("--base", "1"), "between 0 and 1"),
        (("--processes", "none"), "none"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options, word):
    argv = [sys.executable, "-m", "novum.site.visitors", "--url", "http://127.0.0.1:1", *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
