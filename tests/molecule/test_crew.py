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

from novum.molecule.crew import Crew, Loss, Lost


@pytest.fixture
def crew():
    with closing(Crew("own_workers:handler", "", count=2)) as made:
        yield made


def told(crew, requests, seconds=30.0):
    answers = dict(crew.each(enumerate(requests), seconds))
    return [answers[place] for place in range(len(requests))]


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_every_request_is_answered_at_its_place(crew):
    assert told(crew, [str(n) for n in range(9)]) == [f"did {n}" for n in range(9)]


def test_requests_are_read_only_as_they_are_needed(crew):
    read = []
    answers = crew.each(((n, read.append(n) or str(n)) for n in range(1000)), 30.0)
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
def test_who_kills_its_process_loses_its_own_answer_only(crew, request_, loss, words):
    before, lost, after = told(crew, ["a", request_, "b"])
    assert (before, after) == ("did a", "did b")
    assert lost.loss is loss and words in lost.reason
    assert "\n" not in lost.reason


@pytest.mark.parametrize("request_", ["sleep", "deaf"])
def test_what_takes_too_long_is_ended(crew, request_):
    first, lost, after = told(crew, ["a", request_, "b"], seconds=0.5)
    assert (first, after) == ("did a", "did b")
    assert lost.loss is Loss.TIMEOUT and "0.5 s" in lost.reason


def test_who_takes_long_to_read_an_answer_does_not_lose_the_next(crew):
    told(crew, ["a", "b"])  # both are there now
    found = []
    for key, answer in crew.each(enumerate(["a", "b"]), 0.5):
        found.append((key, answer))
        time.sleep(0.8)
    assert sorted(found) == [(0, "did a"), (1, "did b")]


def test_a_process_that_died_while_it_had_nothing_to_do_is_not_noticed(crew):
    (pid,) = told(crew, ["pid"])
    os.kill(pid, signal.SIGKILL)
    while not gone(pid):
        time.sleep(0.01)
    assert told(crew, ["a", "b"]) == ["did a", "did b"]


@pytest.mark.parametrize(
    ("settings", "words"), [("broken", "no such settings"), ("dead", "this place has no receptor")]
)
def test_processes_that_cannot_start_are_told_once_and_for_all(settings, words):
    with closing(Crew("own_workers:handler", settings)) as crew:
        lost = told(crew, [str(n) for n in range(50)])
    assert {type(one) for one in lost} == {Lost} and {one.loss for one in lost} == {Loss.START}
    assert words in lost[0].reason and words in lost[-1].reason


def test_answers_that_nobody_waits_for_are_not_taken_for_others(crew):
    answers = crew.each(enumerate(["a", "sleep"]), 30.0)
    assert next(answers) == (0, "did a")
    answers.close()
    assert told(crew, ["c", "d", "e"]) == ["did c", "did d", "did e"]


def test_two_callers_at_once_do_not_get_each_other_s_answers(crew):
    first = crew.each(enumerate(["a", "b"]), 30.0)
    second = crew.each(enumerate(["c", "d"]), 30.0)
    ours, theirs = dict([next(first)]), dict([next(second)])
    ours |= dict(first)
    theirs |= dict(second)
    assert (ours, theirs) == ({0: "did a", 1: "did b"}, {0: "did c", 1: "did d"})


def test_what_they_print_does_not_show(crew, capfd):
    told(crew, ["a", "abort", "raise"])
    assert capfd.readouterr() == ("", "")


def test_processes_end_with_their_owner_and_when_they_are_closed():
    crew = Crew("own_workers:handler", "")
    (pid,) = told(crew, ["pid"])
    assert not gone(pid)
    crew.close()
    assert gone(pid)
    (pid,) = told(crew, ["pid"])
    del crew
    assert gone(pid)


@pytest.mark.parametrize("request_", ["pid", "pid and sleep"])
def test_a_process_does_not_outlive_a_killed_parent(request_):
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "from novum.molecule.crew import Crew\n"
        "crew = Crew('own_workers:handler', '')\n"
        f"for _, pid in crew.each([(0, {request_!r})]):\n"
        "    print(pid, flush=True)\n"
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
        assert not gone(pid)
        parent.kill()
    end = time.monotonic() + 20
    while not gone(pid):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_handler_may_answer_in_parts_as_they_come(crew):
    answers = crew.each([("few", "count"), ("none", "nothing"), ("bad", "count and raise")])
    found = {}
    for key, answer in answers:
        found.setdefault(key, []).append(answer)
    assert found["few"] == [0, 1, 2] and "none" not in found
    *parts, lost = found["bad"]
    assert parts == [0, 1, 2] and lost == Lost(Loss.ERROR, "ValueError: no more")


def test_the_first_part_is_there_before_the_last(crew):
    answers = crew.each([(0, "pid and sleep")], 30.0)
    key, pid = next(answers)
    assert key == 0 and not gone(pid)
    answers.close()
    assert gone(pid)


def test_a_request_may_come_of_an_answer(crew):
    due, said = ["a"], []

    def requests():
        while True:
            yield (due[0], due.pop()) if due else None

    for _, answer in crew.each(requests()):
        said.append(answer)
        if len(said) < 3:
            due.append(answer)
    assert said == ["did a", "did did a", "did did did a"]


def test_each_has_its_share_of_the_processors():
    ours = os.sched_getaffinity(0)
    with closing(Crew("own_workers:handler", "", count=2, apart=True)) as crew:
        first, second = told(crew, ["share", "share"])
        assert first | second == ours and (len(ours) < 2 or not first & second)
        told(crew, ["abort", "abort"])
        assert told(crew, ["share", "share"]) in ([first, second], [second, first])


def test_what_a_handler_holds_is_closed_when_its_worker_ends(tmp_path):
    note = tmp_path / "note.txt"
    for request_ in ("a", "sleep"):
        with closing(Crew("own_workers:Closing", str(note))) as crew:
            answers = crew.each([(0, request_)])
            next(answers)
            answers.close()
        assert note.read_text() == "closed"
        note.unlink()
