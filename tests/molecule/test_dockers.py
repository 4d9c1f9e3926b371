"""A request that kills its process, or never ends, costs nothing but its own answer."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from novum.molecule.dockers import Loss, Lost, Workers


@pytest.fixture
def workers():
    with closing(Workers("own_workers:handler", "", count=2)) as made:
        yield made


def told(workers, requests, seconds=30.0):
    answers = dict(workers.each(requests, seconds))
    return [answers[place] for place in range(len(requests))]


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_every_request_is_answered_at_its_place(workers):
    assert told(workers, [str(n) for n in range(9)]) == [f"did {n}" for n in range(9)]


def test_requests_are_read_only_as_they_are_needed(workers):
    read = []
    answers = workers.each((read.append(n) or str(n) for n in range(1000)), 30.0)
    next(answers)
    answers.close()
    assert len(read) <= 4


@pytest.mark.parametrize(
    ("request_", "loss", "words"),
    [
        ("abort", Loss.CRASH, "terminate called"),
        ("exit", Loss.CRASH, "status 1"),
        ("raise", Loss.ERROR, "ValueError: a bad molecule"),
        ("killed", Loss.ENDED, "SIGKILL"),
    ],
)
def test_who_kills_its_process_loses_its_own_answer_only(workers, request_, loss, words):
    before, lost, after = told(workers, ["a", request_, "b"])
    assert (before, after) == ("did a", "did b")
    assert lost.loss is loss and words in lost.reason
    assert "\n" not in lost.reason


@pytest.mark.parametrize("request_", ["sleep", "deaf"])
def test_what_takes_too_long_is_ended(workers, request_):
    first, lost, after = told(workers, ["a", request_, "b"], seconds=0.5)
    assert (first, after) == ("did a", "did b")
    assert lost.loss is Loss.TIMEOUT and "0.5 s" in lost.reason


def test_a_process_that_died_while_it_had_nothing_to_do_is_not_noticed(workers):
    (pid,) = told(workers, ["pid"])
    os.kill(pid, signal.SIGKILL)
    while not gone(pid):
        time.sleep(0.01)
    assert told(workers, ["a", "b"]) == ["did a", "did b"]


@pytest.mark.parametrize(
    ("settings", "words"), [("broken", "no such settings"), ("dead", "this place has no receptor")]
)
def test_processes_that_cannot_start_are_told_once_and_for_all(settings, words):
    with closing(Workers("own_workers:handler", settings)) as workers:
        lost = told(workers, [str(n) for n in range(50)])
    assert {type(one) for one in lost} == {Lost} and {one.loss for one in lost} == {Loss.START}
    assert words in lost[0].reason and words in lost[-1].reason


def test_answers_that_nobody_waits_for_are_not_taken_for_others(workers):
    answers = workers.each(["a", "sleep"], 30.0)
    assert next(answers) == (0, "did a")
    answers.close()
    assert told(workers, ["c", "d", "e"]) == ["did c", "did d", "did e"]


def test_two_callers_at_once_do_not_get_each_other_s_answers(workers):
    first, second = workers.each(["a", "b"], 30.0), workers.each(["c", "d"], 30.0)
    ours, theirs = dict([next(first)]), dict([next(second)])
    ours |= dict(first)
    theirs |= dict(second)
    assert (ours, theirs) == ({0: "did a", 1: "did b"}, {0: "did c", 1: "did d"})


def test_what_they_print_does_not_show(workers, capfd):
    told(workers, ["a", "abort", "raise"])
    assert capfd.readouterr() == ("", "")


def test_processes_end_with_their_owner_and_when_they_are_closed():
    workers = Workers("own_workers:handler", "")
    (pid,) = told(workers, ["pid"])
    assert not gone(pid)
    workers.close()
    assert gone(pid)
    (pid,) = told(workers, ["pid"])
    del workers
    assert gone(pid)


def test_a_process_does_not_outlive_a_killed_parent():
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "from novum.molecule.dockers import Workers\n"
        "workers = Workers('own_workers:handler', '')\n"
        "print(dict(workers.each(['pid'], 30.0))[0], flush=True)\n"
        "input()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    while not gone(pid):
        time.sleep(0.01)
