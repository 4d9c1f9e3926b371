"""The service of the screen lab, as a process behind a real socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

import novum
from novum.molecule.serving import LONGEST_LINE, MOST_MOLECULES

LAB = Path(novum.__file__).parent / "labs" / "screen"
QED = 'oracle = { kind = "novum.molecule.pmo.oracle:Pmo", name = "qed" }'
TASKS = f'[[task]]\nsplit = "validation"\n{QED}\n[[task]]\nsplit = "holdout"\n{QED}\n'


class Client:
    """One connection to the service."""

    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connection.settimeout(30)
        self.connection.connect(str(path))
        self.stream = self.connection.makefile("rwb")

    def send(self, line):
        self.stream.write(line + b"\n")
        self.stream.flush()
        return json.loads(self.stream.readline())

    def ask(self, **request):
        return self.send(json.dumps(request).encode())

    def close(self):
        self.stream.close()
        self.connection.close()


class Service:
    """The program oracle.py with six calls, in a directory of its own."""

    def __init__(self, place, tasks=TASKS, **environment):
        self.place, self.socket, self.record = place, place / "socket", place / "calls.jsonl"
        (place / "oracle.toml").write_text(tasks)
        own = {
            "NOVUM_SERVICE": str(self.socket),
            "NOVUM_RECORD": str(place),
            "NOVUM_CALLS": "6",
            "NOVUM_SPLIT": "validation",
            "PYTHONPATH": str(Path(novum.__file__).parents[1]),
        }
        self.process = subprocess.Popen(
            [sys.executable, str(LAB / "oracle.py")],
            cwd=place,
            env={**os.environ, **own, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )

    def client(self):
        while not self.socket.is_socket():
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.02)
        return Client(self.socket)

    def lines(self):
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        told = self.process.stderr.read()
        self.process.stderr.close()
        return self.process.returncode, told


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    if not made.process.stderr.closed:
        made.end()


def test_it_gives_tasks_scores_them_and_keeps_a_record_that_is_whole_at_any_moment(service):
    client = service.client()
    assert client.ask(ask="tasks") == {"calls": 6, "tasks": ["task-1"]}
    told = client.ask(task="task-1", smiles=["CCO", "nonsense", "OCC"])
    assert told["left"] == 5
    good, bad, same = told["answers"]
    assert good == same == {"value": pytest.approx(0.4068, abs=1e-4), "status": "ok", "reason": ""}
    assert (bad["value"], bad["status"]) == (None, "unreadable")
    head, *rest = service.lines()
    assert head == {"split": "validation", "calls": 6, "tasks": ["pmo:qed"]}
    assert sorted(line.get("call", 0) for line in rest) == [0, 1]
    client.close()
    assert service.end() == (0, "")


def test_another_connection_gets_no_other_budget(service):
    first = service.client()
    assert first.ask(task="task-1", smiles=["C" * n for n in range(1, 10)])["left"] == 0
    first.close()
    second = service.client()
    told = second.ask(task="task-1", smiles=["CCN"])
    assert told["left"] == 0
    assert told["answers"][0]["status"] == "refused"
    assert len(service.lines()) == 1 + 6
    second.close()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"ask": "answers"}',
        b'{"task": "task-1"}',
        b'{"task": "task-2", "smiles": []}',
        b'{"task": "pmo:qed", "smiles": []}',
        b'{"task": ["task-1"], "smiles": ["CCO"]}',
        b'{"task": "task-1", "smiles": "CCO"}',
        b'{"task": "task-1", "smiles": [1, 2.5, null]}',
        b'{"task": "task-1", "smiles": ["CCO"], "calls": 1000}',
        b'{"task": "task-1", "smiles": [%s"C"]}' % (b'"C",' * MOST_MOLECULES),
        b"1" * 10_000,
    ],
    ids=range(17),
)
def test_a_malformed_request_gets_an_error_and_the_conversation_goes_on(shared_service, line):
    client = shared_service.client()
    assert set(client.send(line)) == {"error"}
    assert client.ask(ask="tasks")["calls"] == 6
    client.close()
    assert len(shared_service.lines()) == 1


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory):
    made = Service(tmp_path_factory.mktemp("service"))
    yield made
    assert made.end() == (0, "")


def test_a_request_too_long_or_not_finished_is_cut_off_and_the_next_one_is_served(
    shared_service,
):
    client = shared_service.client()
    told = client.send(b"x" * (3 * LONGEST_LINE))
    assert "send smaller batches" in told["error"]
    assert client.ask(ask="tasks")["calls"] == 6
    client.close()
    client = shared_service.client()
    client.stream.write(b'{"task": "task-1", "smi')  # and gone
    client.close()
    client = shared_service.client()
    assert client.ask(ask="tasks")["calls"] == 6
    client.close()


def test_what_it_was_not_told_is_said_in_a_line(tmp_path):
    for name, (change, status, words) in {
        "calls": ({"NOVUM_CALLS": "2.5"}, 2, "must be a whole number"),
        "tasks": ({"tasks": "[[task]]\n"}, 2, "`split` is missing"),
        "cache": ({"NOVUM_CACHE": "/nowhere"}, 75, "cache"),
    }.items():
        (tmp_path / name).mkdir()
        made = Service(tmp_path / name, **change)
        made.process.wait(30)
        ended, told = made.end()
        assert (ended, told.count("\n")) == (status, 1), told
        assert words in told


def test_a_second_service_does_not_continue_a_record(tmp_path):
    (tmp_path / "calls.jsonl").write_text("{}\n")
    made = Service(tmp_path)
    made.process.wait(30)
    status, told = made.end()
    assert (status, told.count("\n")) == (75, 1)
    assert "calls.jsonl" in told
