"""An agent's end is ours: whatever it started is gone when its turn is over."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from agent_stage import LOWER, SCRIPTS, processes_with

from novum.lab import parse_lab
from novum.records import Edit
from novum.researchers.agent import Agent

LOWERED = (Edit("train.py", "x = 0\n", "x = -1\n"),)
SOON = 30.0


def mark(stage) -> str:
    """A number of seconds that only this test's processes sleep."""
    return str(100_000 + abs(hash(str(stage.place))) % 800_000)


def wait_for(what) -> bool:
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def test_a_process_that_is_left_behind_is_ended(stage, walls):
    stage.install("claude")
    seconds = mark(stage)
    stage.plan(f"daemon({seconds});" + LOWER)
    assert stage.ask(stage.agent()).edits == LOWERED
    assert processes_with(seconds) == []


def test_an_agent_that_never_ends_is_ended_and_its_change_counts(stage, walls):
    stage.install("claude")
    seconds = mark(stage)
    stage.plan(f'write("train.py", "x = -1\\n"); daemon({seconds}); time.sleep({seconds})')
    proposal = stage.ask(_hasty(stage))
    assert proposal.edits == LOWERED
    assert "[time: it ran longer than" in stage.output
    assert processes_with(seconds) == []


def _hasty(stage, choice="claude"):
    """An agent that has two seconds."""
    text = (stage.bed.path / "lab.toml").read_text()
    lab = parse_lab(text + '\n[agent]\nprotocol = "command"\ntimeout = 2.0\n')
    return Agent.for_lab(lab, stage.bed.path, choice)


def test_an_agent_that_does_nothing_until_its_time_is_up_proposed_nothing(stage):
    stage.install("claude")
    stage.plan("time.sleep(600)")
    proposal = stage.ask(_hasty(stage))
    assert proposal.edits == ()
    assert "changed nothing: it ran longer than" in proposal.title


def test_an_agent_that_hangs_after_its_last_word_is_not_waited_for(stage, walls, monkeypatch):
    monkeypatch.setattr("novum.researchers.agent.command.LINGER", 1.5)
    stage.install("claude")
    stage.plan(LOWER + ";time.sleep(600)")
    proposal = stage.ask(stage.agent())
    assert proposal.edits == LOWERED and proposal.title == "Lower x"
    assert stage.spent[0].usd == 0.25
    assert "[done]" in stage.output


def test_an_agent_that_reconnects_for_ever_is_ended(stage):
    stage.install("codex")
    stage.plan('emit({"type": "error", "message": "Reconnecting... 1/5"}); time.sleep(600)')
    assert stage.ask(_hasty(stage, "codex")).edits == ()


@pytest.mark.parametrize("stubborn", ["pass;", "signal.signal(signal.SIGTERM, signal.SIG_IGN);"])
def test_an_agent_that_is_called_off_ends_with_all_that_it_started(stage, walls, stubborn):
    stage.install("claude")
    seconds = mark(stage)
    stage.plan(f"{stubborn} daemon({seconds}); time.sleep({seconds})")
    desk = stage.desk()
    answers = []

    def ask():
        answers.append(stage.agent().propose(stage.briefing(), desk))

    asking = threading.Thread(target=ask)
    asking.start()
    assert wait_for(lambda: processes_with(seconds))
    desk.cancel.set()
    asking.join()
    assert answers == [None]
    assert processes_with(seconds) == []


def test_nothing_survives_a_machine_that_is_killed(stage, walls):
    stage.install("claude")
    seconds = mark(stage)
    stage.plan(f"daemon({seconds}); time.sleep({seconds})")
    toml = (stage.bed.path / "lab.toml").read_text()
    code = (
        f"import sys; sys.path[:0] = {[str(SCRIPTS), str(SCRIPTS.parent.parent)]!r}\n"
        "from pathlib import Path\n"
        "from novum.briefing import Briefing\n"
        "from novum.lab import parse_lab\n"
        "from novum.repo import Repo\n"
        "from novum.researchers import Desk\n"
        "from novum.researchers.agent import Agent\n"
        f"lab = parse_lab({toml!r} + '\\n[agent]\\nprotocol = \"command\"\\n')\n"
        f"place = Path({str(stage.bed.path)!r})\n"
        "agent = Agent.for_lab(lab, place, 'claude')\n"
        "agent.propose(Briefing(lab, Repo(place).head(), {}, frozenset(), ()), Desk())\n"
    )
    machine = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert wait_for(lambda: processes_with(seconds))
    finally:
        os.kill(machine.pid, signal.SIGKILL)
        machine.wait()
    assert wait_for(lambda: not processes_with(seconds))


def test_the_places_of_dead_processes_are_removed_and_those_of_the_living_are_not(stage):
    stage.install("claude")
    stage.plan(LOWER)
    agents = stage.bed.path / ".novum/agents"
    dead = subprocess.Popen(["true"])
    dead.wait()
    for pid in (dead.pid, os.getppid()):
        (agents / f"claude-{pid}-0" / "tree").mkdir(parents=True)
    stage.ask(stage.agent())
    assert not (agents / f"claude-{dead.pid}-0").exists()
    assert (agents / f"claude-{os.getppid()}-0").exists()


def test_an_agents_place_goes_with_it(stage):
    stage.install("claude")
    stage.plan(LOWER)
    agent = stage.agent()
    stage.ask(agent)
    place = agent._surroundings.directory
    assert place.exists()
    del agent
    gc.collect()
    assert not place.exists()


def test_an_agent_that_eats_disk_is_ended(stage, monkeypatch):
    monkeypatch.setattr("novum.researchers.agent.surroundings.DISK_MB", 20)
    stage.install("claude")
    stage.plan(
        'write("train.py", "x = -1\\n");'
        '[open(f"big{n}.pyc", "wb").write(b"x" * 5_000_000) for n in range(10)]; time.sleep(600)'
    )
    assert stage.ask(stage.agent()).edits == LOWERED
    assert "MB of disk" in stage.output
