"""The machine is started where none works, in a process of its own, and what it says is told."""

import os
from collections.abc import Callable, Iterator

import pytest
from tiny_lab import change, refused, until, with_client

from novum.errors import CampaignError, UsageError
from novum.mcp import proposing, starting
from novum.mcp.starting import RUNNING, STARTED, Starter
from novum.records import Edit, Proposal

PROPOSAL = Proposal("t", (), "h", researcher="outside")
CHANGE = proposing.Change([Edit("x.txt", None, "4 0 hello\n")])


@pytest.fixture
def starter(tiny) -> Iterator[Callable[..., Starter]]:
    """Makes starters of this lab; what they started is over at the end."""
    made: list[Starter] = []

    def make(researcher: str = "outside") -> Starter:
        made.append(Starter(tiny.path, researcher))
        return made[-1]

    yield make
    for one in made:
        if one._child is not None:
            one._child.terminate()
            one._child.wait()


def test_it_works_in_a_session_of_its_own_and_git_does_not_see_its_log(tiny, starter):
    assert starter().ensure() == STARTED
    pid = tiny.machine()
    assert os.getsid(pid) == pid != os.getsid(0)
    assert tiny.git("status", "--porcelain") == ""
    assert "campaign" in tiny.log()
    assert starter().ensure() == RUNNING
    assert tiny.machine() == pid


def test_no_file_of_the_lab_stands_in_for_a_module(tiny, starter):
    for name in ("click.py", "novum.py", "mcp.py", "sqlite3.py"):
        (tiny.path / name).write_text("raise SystemExit('wrong module')\n")
    tiny.commit()
    assert starter().ensure() == STARTED


def test_a_machine_that_does_not_start_says_why_and_may_be_started_again(tiny, starter):
    nobody = starter("nobody")
    for _ in range(2):
        with pytest.raises(CampaignError, match="no researcher is called `nobody`"):
            nobody.ensure()
    assert starter().ensure() == STARTED


def test_what_was_said_by_an_earlier_machine_is_not_told_again(tiny, starter):
    tiny.write(run_sh="changed\n")
    with pytest.raises(CampaignError, match="not committed"):
        starter().ensure()
    tiny.git("checkout", "run.sh")
    with pytest.raises(CampaignError) as caught:
        starter("nobody").ensure()
    assert "not committed" not in str(caught.value)


def test_the_log_does_not_grow_for_ever(tiny, starter, monkeypatch):
    monkeypatch.setattr(starting, "LARGEST_LOG", 10)
    for _ in range(3):
        with pytest.raises(CampaignError):
            starter("nobody").ensure()
    assert tiny.log().count("nobody") == 1


def test_at_most_so_many_proposals_wait(tiny, starter):
    with tiny.ledger() as ledger, ledger.lock():
        here = starter()
        for _ in range(proposing.MOST_WAITING):
            number, said = proposing.put_in(tiny.path, here, PROPOSAL, CHANGE, again=False)
            assert said == RUNNING
        assert number == proposing.MOST_WAITING
        with pytest.raises(UsageError, match="wait already"):
            proposing.put_in(tiny.path, here, PROPOSAL, CHANGE, again=False)


def test_a_lab_that_is_gone_is_an_error_of_the_tool(tiny):
    async def work(client) -> str:
        (tiny.path / "lab.toml").unlink()
        return refused(await client.call_tool("propose", change(4)))

    assert "this is not a lab" in with_client(tiny.parameters(), work)


def test_a_campaign_that_has_all_its_experiments_is_not_gone_on_with(tiny, starter):
    starter().ensure()
    until(lambda: tiny.machine() is None)
    with tiny.ledger() as ledger:
        first = ledger.campaign()
        settings = dict(first.settings) | {"target": 1, "researcher": "null"}
        ledger.update_campaign(first.id, state="finished", settings=settings)
    assert "went on with" in starter().ensure()
    until(lambda: tiny.machine() is None)
    with tiny.ledger() as ledger:
        ledger.update_campaign(first.id, state="finished", settings=settings | {"target": 0})
    assert starter().ensure() == STARTED
    until(lambda: tiny.machine() is None)
    with tiny.ledger() as ledger:
        assert len(ledger.campaigns()) == 2
