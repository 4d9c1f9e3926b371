"""What is sent again is sent so that the provider's cache has it."""

from dataclasses import replace

from chat_cases import GOOD, LAB, PRICES

from novum.researchers.chat import Chat
from novum.researchers.chat.models import models_for
from novum.testing.models import say

STEADY = "# The question\n\n" + "What helps, and by how much? " * 400 + "\n\n"


def texts(number: int) -> dict:
    """A briefing's text, of which the first part stays."""
    text = f"{STEADY}## What was tried\n\n{number} experiments, the last one by chance.\n"
    return {"text": text, "steady": len(STEADY)}


def marks(request) -> list[str]:
    """The texts that a request to Anthropic marks."""
    blocks = [*request.body["system"], *request.body["messages"][0]["content"]]
    return [block["text"] for block in blocks if "cache_control" in block]


def test_anthropic_caches_the_frame_and_what_stays_of_the_briefing(bench):
    made = bench([say(GOOD)] * 4, "anthropic")
    for number in range(4):
        made.propose(number=number, **texts(number))
    system = made.server.requests[0].outline.system
    assert all(marks(request) == [system, STEADY] for request in made.server.requests)
    assert [usage.cached_tokens > 2000 for usage in made.spent] == [False, True, True, True]
    assert made.spent[3].usd < made.spent[0].usd / 2
    assert all(request.text == texts(n)["text"] for n, request in enumerate(made.server.requests))


def test_a_repair_reads_what_the_first_question_wrote(bench):
    made = bench([say("Hm."), say(GOOD)], "anthropic")
    made.propose(**texts(1))
    assert [usage.cached_tokens > 2000 for usage in made.spent] == [False, True]


def test_openai_gets_a_beginning_that_stays_and_one_key_for_it(bench):
    made = bench([say(GOOD)] * 3)
    for number in range(3):
        made.propose(number=number, **texts(number))
    keys = {request.body["prompt_cache_key"] for request in made.server.requests}
    assert len(keys) == 1 and keys.pop().startswith("novum-")
    assert [usage.cached_tokens > 2000 for usage in made.spent] == [False, True, True]


def test_only_openai_itself_gets_what_only_it_knows(bench):
    own = f'[chat.providers.near]\nurl = "http://127.0.0.1:1/v1"\n{PRICES}'
    made = bench([say(GOOD)], lab=LAB + own)
    lab = made.chat._lab
    model = replace(models_for(lab, "near/q", {})[0], url=made.server.url + "/v1", key="k")
    made.server.key = "k"
    made.chat = Chat(lab, [model])
    assert made.propose().edits
    assert not {"prompt_cache_key", "max_completion_tokens"} & set(made.server.requests[0].body)


def test_a_cache_is_kept_for_as_long_as_a_trial_takes_or_not_at_all(bench):
    for seconds, ttl in ((200, None), (300, "1h"), (5000, "none")):
        lab = LAB.replace("seconds = 3", f"seconds = {seconds}") + PRICES
        made = bench([say(GOOD)], "anthropic", lab=lab)
        made.propose()
        control = made.server.requests[0].body["system"][0].get("cache_control", {"ttl": "none"})
        assert control.get("ttl") == ttl
