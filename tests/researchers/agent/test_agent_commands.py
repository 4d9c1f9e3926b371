"""Agents by their command line: the proposal is what the tree says, whatever the agent says."""

import pytest
from agent_stage import LOWER, TEXT

from novum.errors import ResearcherError, UsageError
from novum.records import Edit, Usage
from novum.researchers import MOST_EMPTY
from novum.researchers.agent.presets import presets

LOWERED = (Edit("train.py", "x = 0\n", "x = -1\n"),)
PROGRAMS = {name: preset.command[0] for name, preset in presets().items()}
TOLD = {
    "claude": Usage(2, 100, 70, 5, 0.25, 0),
    "codex": Usage(1, 100, 70, 5, 0.0, 1),
    "gemini": Usage(1, 100, 70, 5, 0.0, 1),
    "opencode": Usage(1, 100, 70, 5, 0.25, 0),
    "aider": Usage(1, 1200, 0, 300, 0.25, 0),
    "goose": Usage(1, 100, 0, 5, 0.0, 1),
    "cursor": Usage(1, 0, 0, 0, 0.0, 1),
}


@pytest.mark.parametrize("name", sorted(presets()))
def test_the_edit_of_every_agent_becomes_a_proposal_with_its_words_and_its_cost(stage, name):
    stage.install(PROGRAMS[name])
    stage.plan(LOWER)
    proposal = stage.ask(stage.agent(name))
    assert proposal.edits == LOWERED
    assert (proposal.title, proposal.hypothesis) == ("Lower x", "x is the score.")
    assert (proposal.kind, proposal.expected) == ("scale", -1.0)
    assert proposal.researcher == f"agent:{name}"
    assert stage.spent == [TOLD[name]]
    assert TEXT in stage.kept["prompt"] and stage.output


def test_it_works_with_a_sandbox_and_without(stage, walls):
    stage.install("claude")
    stage.plan(LOWER)
    assert stage.ask(stage.agent()).edits == LOWERED
    told = any("without a sandbox" in notice for notice in stage.notices)
    assert told == (walls == "bare")


def test_that_there_is_no_sandbox_is_said_once(stage, walls):
    stage.install("claude")
    stage.plan(LOWER)
    agent = stage.agent()
    stage.ask(agent)
    stage.ask(agent, 2)
    assert len(stage.notices) == (walls == "bare")


def test_success_without_an_edit_is_asked_once_more_and_then_a_proposal_without_edits(stage):
    stage.install("claude")
    stage.plan('say("Done! I improved it a lot.")')
    proposal = stage.ask(stage.agent())
    assert proposal.edits == ()
    assert proposal.title == "Claude Code changed nothing"
    assert "improved" in proposal.hypothesis
    assert "Nothing is changed" in stage.kept["prompt 2"]


def test_an_agent_that_is_reminded_may_still_do_it(stage):
    stage.install("claude")
    stage.plan('say("Shall I?")', LOWER)
    assert stage.ask(stage.agent()).edits == LOWERED


def test_five_proposals_in_a_row_that_change_nothing_pause_the_campaign(stage):
    stage.install("claude")
    stage.plan('say("I would rather not.")')
    agent = stage.agent()
    for number in range(1, MOST_EMPTY):
        assert stage.ask(agent, number).edits == ()
    with pytest.raises(ResearcherError, match=r"changed nothing 5 times.*rather not"):
        stage.ask(agent, MOST_EMPTY)


def test_a_frozen_file_has_to_be_put_back(stage):
    stage.install("claude")
    stage.plan(
        'write("evaluate.py", "cheat"); write("train.py", "x = -1\\n"); say("ok")',
        'subprocess.run(["git", "checkout", "-q", "evaluate.py"], check=True); say("undone")',
    )
    assert stage.ask(stage.agent()).edits == LOWERED
    assert "evaluate.py is changed" in stage.kept["prompt 2"]


def test_a_frozen_file_that_is_not_put_back_makes_the_experiment_invalid_with_the_reason(stage):
    stage.install("claude")
    stage.plan('write("evaluate.py", "cheat"); write("train.py", "x = -1\\n"); say("ok")')
    agent = stage.agent()
    stage.bed.run([stage.ask(agent)])
    verdict = stage.bed.experiments()[-1].verdict
    assert verdict.outcome == "invalid"
    assert "evaluate.py may not be edited" in verdict.reason


def test_an_error_is_waited_out_and_is_no_experiment(stage):
    stage.install("claude")
    error = 'claude("API Error: Connection error", is_error=True); sys.exit(1)'
    stage.plan(error, error, LOWER)
    assert stage.ask(stage.agent()).edits == LOWERED
    assert [notice for notice in stage.notices if "Connection error" in notice]


def test_an_edit_of_an_agent_that_failed_is_not_taken(stage):
    stage.install("claude")
    broken = 'write("train.py", "x = -9"); claude("529 overloaded", is_error=True); sys.exit(1)'
    stage.plan(broken, LOWER)
    assert stage.ask(stage.agent()).edits == LOWERED


def test_an_agent_that_fails_again_and_again_pauses_the_campaign(stage):
    stage.install("claude")
    stage.plan('claude("API Error: 500", is_error=True); sys.exit(1)')
    with pytest.raises(ResearcherError, match="Claude Code failed: API Error: 500"):
        stage.ask(stage.agent())
    assert len(stage.spent) == 3


def test_a_key_that_is_not_taken_pauses_at_once_and_says_which(stage):
    stage.install("claude")
    stage.plan('claude("Invalid API key · Please run /login", is_error=True); sys.exit(1)')
    with pytest.raises(ResearcherError, match=r"set ANTHROPIC_API_KEY.*log in with `claude`"):
        stage.ask(stage.agent())
    assert len(stage.spent) == 1


def test_an_agent_that_used_up_its_own_budget_is_judged_by_what_it_did(stage):
    stage.install("claude")
    end = 'claude("", subtype="error_max_budget_usd", is_error=True); sys.exit(1)'
    stage.plan(f'write("train.py", "x = -1\\n"); note(); {end}')
    assert stage.ask(stage.agent()).edits == LOWERED


def test_a_session_goes_on_from_proposal_to_proposal_and_then_a_new_one_begins(stage):
    stage.install("claude")
    stage.plan('print("RESUME", flag("--resume") or "none");' + LOWER)
    agent = stage.agent(more="session = 2\n")
    seen = []
    for number in range(1, 5):
        stage.ask(agent, number)
        seen.append(stage.output.split("RESUME ")[1].split()[0])
    assert seen == ["none", "c-1", "none", "c-1"]


def test_a_session_that_was_lost_is_begun_anew(stage):
    stage.install("claude")
    gone = 'claude("No conversation found", is_error=True); sys.exit(1)'
    stage.plan(LOWER, gone, 'print("RESUME", flag("--resume") or "none");' + LOWER)
    agent = stage.agent()
    stage.ask(agent)
    assert stage.ask(agent, 2).edits == LOWERED
    assert "RESUME none" in stage.output


def test_tokens_that_are_told_for_the_whole_session_are_counted_once(stage):
    stage.install("codex")
    stage.plan('write("train.py", "x = -1\\n"); codex("ok", turns=turn + 1)')
    agent = stage.agent("codex")
    stage.ask(agent)
    stage.ask(agent, 2)
    assert [usage.tokens for usage in stage.spent] == [105, 105]


def test_what_is_left_to_spend_bounds_an_agent_that_can_be_bounded(stage):
    stage.install("claude")
    stage.plan('print("BUDGET", flag("--max-budget-usd"));' + LOWER)
    stage.ask(stage.agent(), usd_left=1.5)
    assert "BUDGET 1.50" in stage.output


def test_without_means_no_agent_is_started(stage):
    stage.install("claude")
    stage.plan(LOWER)
    with pytest.raises(ResearcherError, match="max_cost_usd"):
        stage.ask(stage.agent(), usd_left=0.0)
    assert stage.kept == {}


def test_a_correction_needs_means_too(stage):
    stage.install("claude")
    stage.plan('say("Shall I?")', LOWER)
    with pytest.raises(ResearcherError, match="max_cost_usd"):
        stage.ask(stage.agent(), usd_left=0.2)


def test_the_model_is_chosen(stage):
    stage.install("claude")
    stage.plan('print("MODEL", flag("--model"));' + LOWER)
    stage.ask(stage.agent(more='model = "small"\n'))
    assert "MODEL small" in stage.output


def test_a_key_makes_claude_start_with_little(stage, monkeypatch):
    stage.install("claude")
    stage.plan('print("BARE", "--bare" in ARGV);' + LOWER)
    stage.ask(stage.agent())
    assert "BARE False" in stage.output
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    stage.ask(stage.agent())
    assert "BARE True" in stage.output


def test_a_command_of_the_persons_own_gets_its_places_filled(stage):
    stage.install("mine")
    stage.plan("print(ARGV[:4]); print(Path(ARGV[1]).read_text()[:9]);" + LOWER)
    command = 'command = ["mine", "{prompt}", "{prompt_file}", "--m={model}", "{tree}", "a{b}c"]\n'
    proposal = stage.ask(stage.agent("", command + 'model = "m1"\n'))
    assert proposal.edits == LOWERED and proposal.researcher == "agent:command"
    assert "--m=m1" in stage.output and "You are a" in stage.output


def test_a_prompt_that_is_too_long_for_an_argument_is_read_from_a_file(stage, monkeypatch):
    stage.install("claude")
    stage.plan('print(ARGV[-1]); print(len(Path(".novum-prompt.md").read_text()));' + LOWER)
    monkeypatch.setattr("agent_stage.TEXT", "long " * 60_000)
    assert stage.ask(stage.agent()).edits == LOWERED
    assert "Your task is in the file .novum-prompt.md" in stage.output


def test_an_agent_that_is_not_installed_is_named_with_what_to_do(stage):
    with pytest.raises(UsageError, match=r"`codex` was not found.*npm install -g @openai/codex"):
        stage.agent("codex")


def test_an_unknown_agent_is_refused_with_those_that_are_known(stage):
    with pytest.raises(UsageError, match="no agent is called `hal`; known: claude, codex"):
        stage.agent("hal")


def test_no_agent_at_all_is_a_question(stage):
    with pytest.raises(UsageError, match="which agent"):
        stage.agent("")


def test_what_is_printed_may_be_garbage(stage):
    stage.install("claude")
    stage.plan(
        'print("{" * 3000); print("\\n{" * 5000); sys.stdout.buffer.write(b"\\xff\\x00\\x1b[2J");'
        'print(\'{"type": "result", "usage": {"input_tokens": -5}, "total_cost_usd": "much"}\');'
        'write("train.py", "x = -1\\n")'
    )
    proposal = stage.ask(stage.agent())
    assert proposal.edits == LOWERED
    assert proposal.title
    assert stage.spent[-1].unpriced == 1


def test_tokens_without_money_are_priced_where_the_price_is_known(stage):
    stage.install("codex")
    stage.plan(LOWER)
    prices = '[chat.prices."openai/mine"]\ninput = 10.0\noutput = 100.0\ncached = 1.0\n'
    stage.ask(stage.agent("codex", 'model = "mine"\n' + prices))
    stage.ask(stage.agent("codex", 'model = "unheard-of"\n' + prices))
    priced, unpriced = stage.spent
    assert priced.usd == pytest.approx((30 * 10 + 70 * 1 + 5 * 100) / 1e6)
    assert (priced.unpriced, unpriced.unpriced, unpriced.usd) == (0, 1, 0.0)
