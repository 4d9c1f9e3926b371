"""`novum serve`: says where, ends when it is told to, and loses nothing that it answered."""

import signal
import subprocess
import sys
import threading
from contextlib import closing

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

import httpx2
from site_cases import new_lab, serving

from novum.cli import cli

KILLS = 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_quietly_when_it_is_told_to(tmp_path, number):
    with serving(new_lab(tmp_path / "lab")) as served:
        served.person().land()
        served.process.send_signal(number)
        assert served.process.wait(20) == 0
        assert not list((tmp_path / "lab" / ".novum" / "cache").glob("*-wal"))


def test_it_listens_on_this_machine_alone(tmp_path):
    with serving(new_lab(tmp_path / "lab")) as served:
        assert served.where.startswith("http://127.0.0.1:")


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "novum", *map(str, words)], capture_output=True, text=True
    )


def test_what_is_not_sound_is_said_in_a_line(tmp_path):
    lab = new_lab(tmp_path / "lab")
    with serving(lab) as served:
        taken = run("serve", lab, "--port", served.where.rpartition(":")[2])
        assert (taken.returncode, "cannot be used" in taken.stderr) == (2, True)
        with closing(served.store()) as store:  # it was not served again
            assert [entry.what for entry in store.audit()].count("served") == 1
    for name, text, told in (
        ("copy.toml", 'headline = "x"', "`subhead` is missing"),
        ("site.toml", "[trafic]", "unknown key `trafic`"),
        ("layout.html", "<h1>{{ headline }}</h1>", "does not use {{ go }}"),
        ("layout.html", "{{ go }}{{ beacon }}{{ nothing }}", "cannot be filled in"),
        ("layout.html", "{% if %}", "is no template"),
        ("layout.html", "{{ " + "(" * 5000, "is no template"),
        ("layout.html", "{{ go }}{{ beacon }}{{ headline.encode('x') }}", "cannot be filled in"),
        ("layout.html", "{{ go }}{{ beacon }}{% include 'x' %}", "cannot be filled in"),
        ("layout.html", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "cannot be filled in"),
        (
            "layout.html",
            "{{ go }}{{ beacon }}{% if headline != 'x' %}{{ 1 / 0 }}{% endif %}",
            "cannot be filled in: division",  # with what the site shows since it was first served
        ),
        ("layout.html", "{{ ().__class__.__base__.__subclasses__() }}", "cannot be filled in"),
        ("layout.html", "{{ headline.__init__.__globals__ }}", "cannot be filled in"),
    ):
        kept = (lab / name).read_text()
        (lab / name).write_text(text)
        done = run("serve", lab, "--port", "0")
        assert done.returncode == 2, done.stderr
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
        (lab / name).write_text(kept)


def test_what_was_answered_is_there_after_a_kill(tmp_path):
    """People convert from several threads; the server is killed at any moment, again and again."""
    lab = new_lab(tmp_path / "lab")
    acknowledged, attempted = [], []
    for _ in range(KILLS):
        with serving(lab) as served:
            done = threading.Event()

            def convert(served=served, done=done):
                while not done.is_set():
                    person = served.person()
                    try:
                        person.land()
                        person.see()
                        attempted.append(person.token)
                        if person.convert().status_code == 303:
                            acknowledged.append(person.token)
                    except httpx2.TransportError:
                        return

            threads = [threading.Thread(target=convert) for _ in range(4)]
            for thread in threads:
                thread.start()
            before = len(acknowledged)
            while len(acknowledged) < before + 20:
                done.wait(0.05)
            served.process.send_signal(signal.SIGKILL)
            served.process.wait()
            done.set()
            for thread in threads:
                thread.join()
    with serving(lab) as served:
        store = served.store()
        conversions = store.traffic(0.0, 9e12).conversions
        store.close()
    assert len(acknowledged) >= 20 * KILLS
    assert len(acknowledged) <= conversions <= len(attempted)


def test_the_command_is_there():
    assert "serve" in cli.commands
