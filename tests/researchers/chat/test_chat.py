"""What becomes of every kind of answer, over real sockets, in every protocol."""

import threading
import time
from threading import Event, Timer

import pytest
from chat_cases import FILES, GOOD, KEY, LAB, PRICES, PROVIDERS, TRAIN, answer, block, briefing

from novum.errors import ResearcherError, UsageError
from novum.lab import parse_lab
from novum.patch import apply_edits
from novum.researchers import Desk, researcher_named
from novum.researchers.chat import Chat
from novum.testing import check_researcher
from novum.testing.models import (
    Answer,
    ModelServer,
    call,
    fail,
    refuse,
    say,
    silence,
    stall,
    truncate,
)

every_provider = pytest.mark.parametrize("provider", PROVIDERS)
MISFIT = answer(block("BATCH = 17", "BATCH = 8"))


def applied(proposal) -> str:
    return apply_edits(FILES, proposal.edits, FILES)["train.py"]


@every_provider
def test_a_good_answer_becomes_a_proposal_with_all_that_it_says(bench, provider):
    made = bench([say(GOOD)], provider)
    proposal = made.propose()
    assert applied(proposal) == TRAIN.replace("BATCH = 16", "BATCH = 8")
    assert (proposal.title, proposal.hypothesis) == ("Halve the batch", "More steps.")
    assert (proposal.expected, proposal.kind) == (-0.01, "optimiser")
    assert proposal.researcher == f"chat:{provider}/m"
    assert len(made.server.requests) == 1 and made.server.requests[0].stream


def test_no_model_says_of_its_change_that_it_is_a_point_of_a_space(bench):
    said = answer(block("BATCH = 16", "BATCH = 8"), kind="point")
    assert bench([say(said)]).propose().kind == ""


@every_provider
def test_what_is_sent_is_the_frame_and_the_briefing_and_nothing_else(bench, provider):
    made = bench([say(GOOD)], provider)
    made.propose(text="A briefing.\n\nWith parts.")
    (sent,) = made.server.requests
    assert sent.outline.system == Chat.frame(parse_lab(LAB))
    assert sent.outline.turns == (("user", "A briefing.\n\nWith parts."),)
    assert made.kept[:2] == [("system", sent.outline.system), ("user", sent.text)]
    assert made.said("answer") == [GOOD]


@every_provider
def test_thoughts_are_no_part_of_the_answer(bench, provider):
    made = bench([Answer(GOOD, thinking=MISFIT)], provider)
    assert applied(made.propose()) == TRAIN.replace("BATCH = 16", "BATCH = 8")


@every_provider
def test_an_edit_that_does_not_apply_is_repaired_with_the_files_actual_text(bench, provider):
    made = bench([say(MISFIT), say(GOOD)], provider)
    assert applied(made.propose()) == TRAIN.replace("BATCH = 16", "BATCH = 8")
    second = made.server.requests[1]
    assert [role for role, _ in second.outline.turns][-2:] in (
        ["assistant", "user"],
        ["model", "user"],
    )
    assert "not in train.py" in second.last and "BATCH = 16" in second.last
    assert second.outline.turns[1][1] == MISFIT
    assert len(made.spent) == 2


@every_provider
def test_an_edit_that_never_applies_is_proposed_as_it_is_after_two_repairs(bench, provider):
    made = bench([say(MISFIT)] * 3, provider)
    proposal = made.propose()
    assert len(made.server.requests) == 3
    (edit,) = proposal.edits
    assert (edit.search, edit.replace) == ("BATCH = 17\n", "BATCH = 8\n")
    assert proposal.title == "Halve the batch"


def test_a_file_that_may_not_be_edited_is_named_to_the_model(bench):
    made = bench([say(answer(block("a", "b", "lab.toml"))), say(GOOD)])
    assert made.propose().edits
    assert "`lab.toml` may not be edited" in made.server.requests[1].last


@every_provider
def test_nonsense_is_asked_again_twice_and_then_recorded_with_the_models_words(bench, provider):
    made = bench([say("Let us try a smaller batch!")] * 3, provider)
    proposal = made.propose()
    assert proposal.edits == () and len(made.server.requests) == 3
    assert proposal.title == "no proposal: it has no block of SEARCH and REPLACE"
    assert proposal.hypothesis == "Let us try a smaller batch!"


@every_provider
def test_a_refusal_is_asked_again_twice_and_then_recorded_as_one(bench, provider):
    made = bench([refuse("I will not.")] * 3, provider)
    proposal = made.propose()
    assert proposal.edits == () and len(made.server.requests) == 3
    assert proposal.title.startswith("no proposal: the model refused")
    assert proposal.hypothesis == "I will not."
    assert all(request.outline.turns[0][0] == "user" for request in made.server.requests)
    assert len(made.server.requests[2].outline.turns) == 1, "a refusal is not repeated to the model"


@every_provider
def test_a_refusal_that_was_none_in_the_end_leaves_a_good_proposal(bench, provider):
    made = bench([refuse(), say(GOOD)], provider)
    assert applied(made.propose()) == TRAIN.replace("BATCH = 16", "BATCH = 8")


@every_provider
def test_a_truncated_answer_is_never_taken_even_if_its_blocks_are_whole(bench, provider):
    made = bench([truncate(GOOD), say(answer(block("LR = 0.1", "LR = 0.2")))], provider)
    assert applied(made.propose()) == TRAIN.replace("LR = 0.1", "LR = 0.2")
    assert "cut off" in made.server.requests[1].last


@every_provider
def test_an_empty_answer_is_asked_again(bench, provider):
    made = bench([say(""), say(GOOD)], provider)
    assert made.propose().edits


def test_a_tool_call_that_nobody_offered_is_nonsense(bench):
    made = bench([call("edit", path="train.py")] * 3)
    assert made.propose().title == "no proposal: an empty answer"


def test_five_answers_in_a_row_without_an_edit_pause_the_campaign(bench):
    made = bench(lambda _: say("Hm."))
    for number in range(1, 5):
        assert made.propose(number=number).edits == ()
    with pytest.raises(ResearcherError, match="5 answers in a row"):
        made.propose(number=5)


def test_an_answer_with_an_edit_begins_the_count_anew(bench):
    hm = [say("Hm.")] * 12
    made = bench([*hm, say(GOOD), *hm])
    assert [bool(made.propose(number=n).edits) for n in range(1, 10)].count(True) == 1


@every_provider
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_what_passes_is_waited_out_and_is_no_proposal(bench, provider, status):
    made = bench([fail(status), fail(status), say(GOOD)], provider)
    assert applied(made.propose()) == TRAIN.replace("BATCH = 16", "BATCH = 8")
    assert len(made.notices) == 2, "one word for each wait"
    assert all(f"({status}); asked again in" in notice for notice in made.notices)
    assert (made.total.requests, len(made.spent)) == (3, 3)


@every_provider
def test_the_providers_own_wait_is_heeded(bench, provider):
    made = bench([fail(429, retry_after=0.6), say(GOOD)], provider)
    begun = time.monotonic()
    made.propose()
    assert time.monotonic() - begun >= 0.6
    assert "asked again in 0." in made.notices[0]


@every_provider
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("kind", ["cut", "error"])
def test_a_broken_stream_is_asked_again_and_paid_as_far_as_it_came(bench, provider, share, kind):
    broken = Answer(GOOD, broken=kind, share=share)
    made = bench([broken, broken, say(GOOD)], provider)
    assert applied(made.propose()) == TRAIN.replace("BATCH = 16", "BATCH = 8")
    assert len(made.server.requests) == 3
    assert all(usage.input_tokens > 0 for usage in made.spent)
    assert all(usage.usd > 0 for usage in made.spent)


@every_provider
@pytest.mark.parametrize("quiet", [silence(), stall(GOOD)])
def test_silence_ends_at_the_time_out_and_is_asked_again(bench, provider, quiet):
    made = bench([quiet, say(GOOD)], provider, lab=f"{LAB}[chat]\ntimeout = 0.5\n{PRICES}")
    assert made.propose().edits
    assert made.notices and "no answer within 0.5 s" in made.notices[0]


def test_a_server_that_is_not_there_is_waited_for(bench):
    made = bench([])
    made.server.close()
    timer = Timer(0.5, made.desk.cancel.set)
    timer.start()
    assert made.propose() is None
    assert len(made.notices) >= 2


@every_provider
@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, "does not take the request"),
        (401, "_API_KEY; set a valid one"),
        (403, "choose another model"),
        (404, "has no model m"),
        (413, "briefing_tokens"),
    ],
)
def test_what_no_waiting_helps_against_pauses_the_campaign_and_says_what_to_do(
    bench, provider, status, told
):
    made = bench([fail(status, "the provider's words")], provider)
    with pytest.raises(ResearcherError, match=told) as raised:
        made.propose()
    assert f"the provider's words ({status})" in str(raised.value)
    assert "novum resume" in str(raised.value)
    assert len(made.server.requests) == 1 and not made.notices


def test_an_empty_purse_at_the_provider_is_not_waited_out(bench):
    made = bench([fail(429, "You exceeded your current quota.", code="insufficient_quota")])
    with pytest.raises(ResearcherError, match="no credit left"):
        made.propose()
    made = bench([fail(400, "Your credit balance is too low.")], "anthropic")
    with pytest.raises(ResearcherError, match="no credit left"):
        made.propose()


@every_provider
@pytest.mark.parametrize(
    "script",
    [[silence()], [stall(GOOD)], [Answer(GOOD, pause=0.2)], [fail(429, retry_after=600)]],
    ids=["silence", "stall", "slow", "wait"],
)
def test_it_ends_soon_when_it_is_cancelled_wherever_it_is(bench, provider, script):
    made = bench(script, provider)
    timer = Timer(0.4, made.desk.cancel.set)
    begun = time.monotonic()
    timer.start()
    assert made.propose() is None
    assert time.monotonic() - begun < 2.4, "within two seconds of the bell"
    assert threading.active_count() < 20


def test_a_cancelled_request_is_closed_and_not_left_open(bench):
    made = bench([silence()])
    Timer(0.3, made.desk.cancel.set).start()
    made.propose()
    wait = Event()
    for _ in range(100):
        if made.server.hung_up:
            break
        wait.wait(0.05)
    assert made.server.hung_up == 1


def test_it_asks_nothing_when_it_was_cancelled_before(bench):
    made = bench([say(GOOD)])
    made.desk.cancel.set()
    assert made.propose() is None and not made.server.requests


def test_a_key_is_never_one_that_was_tried(bench):
    made = bench([say(GOOD)] * 3)
    first = made.propose()
    second = made.propose(tried=frozenset({first.key}))
    third = made.propose(tried=frozenset({first.key, second.key}))
    assert len({first.key, second.key, third.key}) == 3
    assert first.key.startswith("halve-the-batch-")


@pytest.mark.slow
def test_it_passes_what_every_researcher_must(bench):
    rates = iter(range(2, 300))
    made = bench(lambda _: say(answer(block("LR = 0.1", f"LR = {next(rates)}"))))
    assert len(check_researcher(lambda: made.chat, briefing())) == 200


def test_files_with_lines_like_signs_are_edited_by_longer_ones(bench):
    files = {"train.py": "Title\n=======\n<<<<<<< SEARCH\nx = 1\n", "model.py": ""}
    text = (
        "TITLE: t\nFILE: train.py\n<<<<<<<<< SEARCH\n=======\n<<<<<<< SEARCH\nx = 1\n"
        "=========\n=======\nx = 2\n>>>>>>>>> REPLACE\n"
    )
    made = bench([say(text)])
    proposal = made.propose(files=files)
    assert apply_edits(files, proposal.edits, files)["train.py"] == "Title\n=======\nx = 2\n"
    assert "write all signs 9 times" in made.server.requests[0].text


@pytest.mark.parametrize(
    ("choice", "lab", "environment", "told"),
    [
        ("", LAB, {}, "chat needs a model"),
        ("gpt-5", LAB, {}, "write provider/model"),
        ("nobody/m", LAB, {}, "no provider is called nobody; known: anthropic, .*ollama"),
        ("openai/gpt-5", LAB, {}, "set OPENAI_API_KEY"),
        ("openai/unheard-of", LAB, {"OPENAI_API_KEY": KEY}, "price of .* is not known"),
        ("openai/gpt-5", LAB, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "x"}, "no address"),
    ],
)
def test_what_it_lacks_is_said_before_anything_is_asked(
    lab_directory, monkeypatch, choice, lab, environment, told
):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=told) as raised:
        Chat.for_lab(parse_lab(lab), lab_directory, choice)
    assert KEY not in str(raised.value)


def test_a_model_without_a_price_may_be_asked_where_tokens_are_bounded(bench):
    lab = LAB.replace('use = "chat"', 'use = "chat"\nmax_tokens = 100000')
    made = bench([say(GOOD)], lab=lab, name="unheard-of", tokens_left=100000)
    assert made.propose().edits
    assert made.total.unpriced == made.total.requests > 0 and made.total.usd == 0


def test_a_local_model_needs_no_key_and_is_free(lab_directory):
    with ModelServer([say(GOOD)]) as server:
        own = f'[chat.providers.mine]\nurl = "{server.url}/v1"\n[chat]\nmodels = ["mine/q"]\n'
        lab = parse_lab(LAB + own)
        name = "novum.researchers.chat:Chat"
        chat = researcher_named(name, lab, lab_directory)
        desk_spent = []
        desk = Desk(on_spend=desk_spent.append, usd_left=0.001)
        assert chat.propose(briefing(lab=lab), desk).researcher == "chat:mine/q"
        assert desk_spent[0].usd == 0 and desk_spent[0].tokens > 0 and not desk_spent[0].unpriced
        assert "authorization" not in server.requests[0].headers
        assert "max_tokens" in server.requests[0].body


def test_several_models_in_one_word_take_turns(lab_directory, monkeypatch):
    with ModelServer(lambda _: say(GOOD)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/v1")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        lab = parse_lab(LAB)
        chat = Chat.for_lab(lab, lab_directory, "openai/gpt-5-mini+anthropic/claude-haiku-5-5")
        names = [chat.propose(briefing(n, lab=lab), Desk()).researcher for n in range(1, 30)]
        assert set(names) == {"chat:openai/gpt-5-mini", "chat:anthropic/claude-haiku-5-5"}


@every_provider
def test_a_complete_answer_counts_though_the_connection_broke_after_it(bench, provider):
    # All events but the last: OpenAI's [DONE], Anthropic's message_stop; Gemini has no such event.
    share = 1.0 if provider == "gemini" else 0.94
    made = bench([Answer(GOOD, broken="cut", share=share)], provider)
    assert applied(made.propose()) == TRAIN.replace("BATCH = 16", "BATCH = 8")
    assert not made.notices and made.total.output_tokens == -(-len(GOOD) // 4)
