"""Agents by the Agent Client Protocol, against an agent written with the official package."""

import threading

import pytest
from agent_stage import TEXT, processes_with
from test_agent_ends import mark, wait_for

from novum.errors import ResearcherError, UsageError
from novum.lab import parse_lab
from novum.records import Edit, Usage

pytest.importorskip("acp")
LOWERED = (Edit("train.py", "x = 0\n", "x = -1\n"),)
LOWER = """
await me.say("I looked.")
result = await me.write("train.py", "x = -1\\n")
await me.write(".novum-proposal.toml", 'title = "Lower x"\\nexpected = -1.0\\n')
await me.say("I lowered x: " + result)
"""


@pytest.fixture
def acp(stage):
    stage.install("claude-agent-acp", "acp_stand_in.py")
    return lambda more="", protocol="acp": stage.agent("claude", more, protocol)


def test_an_edit_becomes_a_proposal(stage, walls, acp):
    stage.plan(LOWER)
    proposal = stage.ask(acp())
    assert proposal.edits == LOWERED
    assert (proposal.title, proposal.expected) == ("Lower x", -1.0)
    assert stage.spent == [Usage(1, 100, 70, 5, 0.0, 1)]
    assert TEXT in stage.kept["prompt"]


def test_it_is_the_way_where_an_adapter_is_installed(stage, acp):
    stage.plan(LOWER)
    text = (stage.bed.path / "lab.toml").read_text()
    stage.install("claude")
    agent = type(acp()).for_lab(parse_lab(text), stage.bed.path, "claude")
    assert agent._protocol == "acp"


def test_without_an_adapter_it_is_refused_with_what_to_install(stage):
    with pytest.raises(UsageError, match=r"claude-agent-acp.*npm install"):
        stage.agent("claude", protocol="acp")
    with pytest.raises(UsageError, match='does not speak ACP; set protocol = "command"'):
        stage.agent("aider", protocol="acp")


def test_the_money_of_each_turn_is_noted_once(stage, acp):
    stage.plan("await me.costs(0.25)", "await me.costs(0.75)\n" + LOWER)
    stage.ask(acp())
    assert [usage.usd for usage in stage.spent] == [0.25, 0.5]
    assert [usage.unpriced for usage in stage.spent] == [0, 0]


def test_a_turn_that_spends_more_than_is_left_is_ended(stage, acp):
    stage.plan("await me.costs(5.0)\nawait asyncio.sleep(600)")
    assert stage.ask(acp(), usd_left=1.0).edits == ()
    assert stage.spent[0].usd == 5.0
    assert "it spent what was left" in stage.output


def test_reading_and_editing_is_permitted_and_nothing_frozen(stage, acp):
    asks = """
at = me.at
said = [
    await me.ask("read", at("evaluate.py")), await me.ask("read", "/etc/passwd"),
    await me.ask("edit", at("train.py")), await me.ask("edit", at("evaluate.py")),
    await me.ask("edit", at("../x")), await me.ask("edit"),
    await me.ask("delete", at("lab.toml")), await me.ask("edit", at(".git/config")),
    await me.ask("execute"), await me.ask("fetch"), await me.ask("other"),
]
await me.say("SAID " + " ".join(s.partition("_")[0] for s in said) + " .")
"""
    stage.plan(asks + LOWER)
    stage.ask(acp('allow = ["fetch"]\n'))
    said = stage.output.split("SAID ")[1].splitlines()[0].split()[:11]
    no, yes = "reject", "allow"
    assert said == [yes, no, yes, no, no, no, no, no, no, yes, no]
    assert "may not edit" in stage.output


def test_commands_are_permitted_where_the_sandbox_holds_them(stage, walls, acp):
    stage.plan('await me.say("SAID " + await me.ask("execute"))\n' + LOWER)
    stage.ask(acp())
    expected = {"confined": "allow_once", "bare": "reject_once"}[walls]
    assert f"SAID {expected}" in stage.output


def test_files_are_read_and_written_in_the_tree_only(stage, walls, acp, tmp_path):
    (tmp_path / "secret").write_text("key")
    asks = f"""
os.symlink("/etc", "way")
answers = [
    await me.read("evaluate.py"), await me.read("model.py", line=2, limit=1),
    await me.read("nothing.py"), await me.read("/etc/passwd"), await me.read("way/passwd"),
    await me.read("{tmp_path}/secret"), await me.read(".git/config"),
    await me.write("evaluate.py", "x"), await me.write("../x", "x"),
    await me.write("/tmp/x", "x"), await me.write("model.py", "new"),
]
os.remove("way")
await me.say("|".join(repr(a)[:40] for a in answers))
"""
    stage.plan(asks + LOWER)
    proposal = stage.ask(acp())
    said = stage.output.split("says: ")[1].split("|")
    assert said[0] == "'# frozen\\n'" and said[1] == "'depth = 2\\n'"
    assert "Resource not found" in said[2]
    assert all("refused" in answer for answer in said[3:10]), said
    assert said[10].startswith("'written'")
    assert {edit.path for edit in proposal.edits} == {"train.py", "model.py"}


def test_a_link_in_the_place_of_an_editable_file_is_not_written_through(stage, acp, walls):
    target = stage.home / "target"
    target.write_text("the person's")
    code = f'os.remove("model.py")\nos.symlink("{target}", "model.py")\n'
    stage.plan(code + 'await me.say("SAID " + await me.write("model.py", "evil"))')
    stage.ask(acp())
    assert "SAID refused" in stage.output
    assert target.read_text() == "the person's"


def test_what_was_changed_around_the_protocol_is_refused_in_the_same_session(stage, acp):
    stage.plan(
        LOWER + '\nPath("evaluate.py").write_text("cheat")',
        'Path("evaluate.py").write_text("# frozen\\n")\nawait me.say(prompt)',
    )
    assert stage.ask(acp()).edits == LOWERED
    assert "evaluate.py is changed" in stage.kept["prompt 2"]


def test_the_session_goes_on_with_the_next_proposal(stage, acp):
    stage.plan(LOWER + "\nawait me.say(me.session)")
    agent = acp()
    stage.ask(agent)
    assert agent._session.id == "s-1"
    proposal = stage.ask(agent, 2)
    assert proposal.edits == LOWERED
    assert "taken up" not in stage.output  # what was said before is not said by this turn


def test_noise_on_the_wire_and_newer_updates_are_passed_over(stage, acp, capfd):
    noise = """
me.raw("Loading...")
me.raw('{"jsonrpc": "2.0", "method": "session/update", "params": {"update": {"new": 1}}}')
me.raw('{"jsonrpc": "2.0", "id": 99, "method": "terminal/create", "params": {}}')
me.raw('{"jsonrpc": "2.0", "id": 98, "method": "no/such", "params": {}}')
me.raw('[1, 2]')
me.raw("\\x00\\xff{")
"""
    stage.plan(noise + LOWER)
    assert stage.ask(acp()).edits == LOWERED
    assert capfd.readouterr().err == ""


def test_an_agent_that_dies_is_asked_again_and_then_the_campaign_pauses(stage, acp):
    stage.plan('import sys\nsys.stderr.write("segmentation fault\\n")\nos._exit(3)')
    with pytest.raises(ResearcherError, match="ended before it answered: segmentation fault"):
        stage.ask(acp())
    assert len(stage.notices) == 2


def test_an_agent_without_a_login_pauses_at_once(stage, acp, monkeypatch):
    monkeypatch.setenv("ACP_NO_LOGIN", "1")
    stage.plan(LOWER)
    with pytest.raises(ResearcherError, match=r"Authentication required.*set ANTHROPIC_API_KEY"):
        stage.ask(acp('environment = ["ACP_NO_LOGIN"]\n'))
    assert stage.notices == []


def test_an_agent_that_never_answers_is_ended_in_time(stage, acp, walls):
    seconds = mark(stage)
    start = f'import subprocess\nsubprocess.Popen(["sleep", "{seconds}"], start_new_session=True)\n'
    stage.plan(start + LOWER + "await asyncio.sleep(600)")
    agent = acp()
    agent._lab = agent._lab.model_copy(
        update={"agent": agent._lab.agent.model_copy(update={"timeout": 4.0})}
    )
    assert stage.ask(agent).edits == LOWERED
    assert "[time: " in stage.output
    assert processes_with(seconds) == []


def test_an_agent_that_is_called_off_ends(stage, acp, walls):
    seconds = mark(stage)
    stage.plan(
        f'import subprocess\nsubprocess.Popen(["sleep", "{seconds}"])\nawait asyncio.sleep(99)'
    )
    desk, answers = stage.desk(), []
    agent, briefing = acp(), stage.briefing()
    asking = threading.Thread(target=lambda: answers.append(agent.propose(briefing, desk)))
    asking.start()
    assert wait_for(lambda: processes_with(seconds))
    desk.cancel.set()
    asking.join()
    assert answers == [None]
    assert processes_with(seconds) == []
