"""Money and tokens: counted, priced, and never more than the bound."""

import itertools
import random
import tomllib
from importlib.resources import files

import pytest
from chat_cases import FILES, GOOD, LAB, PRICES, answer, block
from hypothesis import given
from hypothesis import strategies as st

from novum.errors import ResearcherError
from novum.lab import parse_lab
from novum.records import Usage
from novum.researchers.chat import means, prices
from novum.researchers.chat.prices import LongRates, Price, Tokens
from novum.testing.models import Answer, cut, fail, say

PROVIDERS = ("anthropic", "gemini", "openai")
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
WRITES = """
[chat]
max_output_tokens = 4000
[chat.prices."anthropic/m"]
input = 5.0
output = 25.0
cached = 0.5
stored = 6.25
[chat.prices."openai/m"]
input = 5.0
output = 25.0
[chat.prices."gemini/m"]
input = 5.0
output = 25.0
"""
TEXT = "What helps?\n\n" + "def f(x):\n    return 0.12345 * x  # ±½\n" * 100


def limit_of(request) -> int:
    """The most tokens that a request allows its answer."""
    body = request.body
    settings = body.get("generationConfig", {})
    names = ("max_tokens", "max_completion_tokens")
    return settings.get("maxOutputTokens") or next(body[n] for n in names if n in body)


@every_provider
def test_a_request_is_counted_and_priced_as_the_provider_says(bench, provider):
    made = bench([Answer(GOOD, input_tokens=1000, cached_tokens=400, output_tokens=200)], provider)
    made.propose()
    usd = (600 * 5 + 400 * 0.5 + 200 * 25) / 1e6
    assert made.total == Usage(1, 1000, 400, 200, pytest.approx(usd), 0)


@every_provider
def test_thoughts_are_paid_as_output(bench, provider):
    made = bench([Answer(GOOD, thinking="hm " * 400)], provider)
    made.propose()
    assert made.total.output_tokens >= 300 + len(GOOD) // 4


@every_provider
def test_every_request_of_a_proposal_is_counted(bench, provider):
    made = bench([fail(500), say("Hm."), cut(GOOD, 0.7), say(GOOD)], provider)
    made.propose()
    assert [usage.requests for usage in made.spent] == [1, 1, 1, 1]
    assert made.spent[0].tokens == 0 and made.spent[0].usd == 0, "it was not taken"
    assert made.spent[2].output_tokens > 0, "what came of the broken answer is paid"


@every_provider
@pytest.mark.parametrize("bound", [0.11, 0.15, 0.4])
def test_money_is_never_more_than_its_bound_though_each_answer_is_as_long_as_it_may_be(
    bench, provider, bound
):
    def dear(request):
        sent = len(request.outline.system + request.text) // 2  # a dear tokenizer
        rate = f"0.{len(made.spent) + 2}"
        text = answer(block("LR = 0.1", f"LR = {rate}")) if len(made.spent) % 3 else "Hm."
        broken = "cut" if len(made.spent) % 5 == 4 else ""
        return Answer(
            text,
            input_tokens=sent,
            cached_tokens=0,
            output_tokens=limit_of(request),
            broken=broken,
            share=0.95,
        )

    made = bench(dear, provider, lab=LAB + WRITES, usd_left=bound)
    with pytest.raises(ResearcherError, match="novum resume --max-cost-usd"):
        for number in itertools.count(1):
            made.propose(number=number, text=TEXT)
    assert made.spent, "at least one could be paid"
    assert 0 < made.total.usd <= bound
    assert made.desk.usd_left == pytest.approx(bound - made.total.usd)


@every_provider
def test_tokens_are_never_more_than_their_bound(bench, provider):
    def long(request):
        sent = len(request.outline.system + request.text) // 2
        return Answer("Hm.", input_tokens=sent, output_tokens=limit_of(request))

    made = bench(long, provider, tokens_left=30000)
    with pytest.raises(ResearcherError, match="novum resume --max-tokens"):
        for number in itertools.count(1):
            made.propose(number=number, text=TEXT)
    assert 10000 < made.total.tokens <= 30000


@every_provider
def test_an_answer_may_be_no_longer_than_what_is_left_allows(bench, provider):
    made = bench([say(GOOD)] * 2, provider)
    made.propose()
    assert limit_of(made.server.requests[0]) == 16000
    made.desk.tokens_left = 9000.0
    made.propose()
    assert 2048 <= limit_of(made.server.requests[1]) < 9000


def test_nothing_is_sent_when_the_bound_was_reached_before(bench):
    made = bench([say(GOOD)], usd_left=0.0)
    with pytest.raises(ResearcherError, match="max_cost_usd"):
        made.propose()
    assert not made.server.requests and not made.spent


def test_the_answer_of_a_server_that_counts_nothing_is_counted_by_us(bench):
    uncounted = Answer(GOOD, broken="cut", share=1.0)  # it ends before its count
    made = bench([uncounted, say(GOOD)])
    made.propose()
    assert made.spent[0].input_tokens > 0


# Random texts of 4000 characters, and the most tokens that o200k, cl100k and Claude 2's tokenizer
# made of each (25 November 2026, by gpt-tokenizer and @anthropic-ai/tokenizer).
NOISE = {
    "digits": ("0123456789", 1682),
    "capitals": ("QXZJKVW", 3004),
    "letters": ("abcdefghijklmnopqrstuvwxyz", 2153),
    "mixed": ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/", 2881),
    "signs": ("!@#$%^&*()[]{}<>?/|~`';:,.=+-_ ", 2672),
    "words": ("qxzjk ", 2497),
    "others": ("äß中🙂 ", 5079),
}


@pytest.mark.parametrize("name", sorted(NOISE))
def test_no_tokenizer_makes_more_tokens_of_noise(name):
    letters, counted = NOISE[name]
    chance = random.Random(name)
    text = "".join(chance.choice(letters) for _ in range(4000))
    assert counted < means.most_tokens(text)


@given(st.text(max_size=300))
def test_the_most_tokens_are_between_a_fourth_of_the_characters_and_the_bytes(text):
    assert len(text) / 4 <= means.most_tokens(text) <= len(text.encode())


def test_the_most_tokens_is_no_wild_guess():
    code = FILES["train.py"] * 10
    assert len(code) / 3.5 < means.most_tokens(code) < len(code) / 1.5
    assert means.most_tokens("3.14159") == 7, "a tokenizer may take every digit for itself"
    assert means.most_tokens("中") == 3


def test_prices_of_long_requests_hold_for_all_their_tokens():
    long = LongRates(above=1000, input=2.0, output=20.0, cached=0.2)
    price = Price(input=1.0, output=10.0, cached=0.1, stored=1.25, long=long)
    assert price.of(Tokens(1000, cached=500, output=100)) == pytest.approx(
        (500 * 1 + 500 * 0.1 + 100 * 10) / 1e6
    )
    assert price.of(Tokens(1001, cached=1, output=100)) == pytest.approx(
        (1000 * 2 + 0.2 + 100 * 20) / 1e6
    )
    assert price.worst == (2e-6, 2e-5)


def test_what_is_written_to_a_cache_has_its_own_price():
    price = Price(input=4.0, output=20.0, cached=0.2, stored=5.0, stored_hour=8.0)
    tokens = Tokens(input=1000, cached=100, stored=200, stored_hour=300, output=0)
    usd = (400 * 4 + 100 * 0.2 + 200 * 5 + 300 * 8) / 1e6
    assert price.of(tokens) == pytest.approx(usd)
    assert price.worst[0] == 8e-6


def test_our_own_prices_can_be_read_and_are_sane():
    names = ("anthropic/claude-opus-5-5", "openai/gpt-6.2-sol", "gemini/gemini-3.8-flash")
    for name in names:
        price = prices.known(name)
        assert price is not None and 0 < price.cached < price.input < price.output
    assert prices.known("anthropic/claude-haiku-4-5-20251001") == prices.known(
        "anthropic/claude-haiku-4-5"
    )
    assert prices.known("openai/gpt-5-2025-08-07") == prices.known("openai/gpt-5")
    assert prices.known("openai/gpt-5-unheard-of") is None


def test_all_our_own_prices_are_prices():
    text = files("novum.researchers.chat").joinpath("prices.toml").read_text()
    table = tomllib.loads(text)
    assert len(table) > 20
    for name in table:
        price = prices.known(name)
        tiers = [price, *([price.long] if price.long else [])]
        assert all(t.cached < t.input < t.output for t in tiers), name
        assert all(t.input <= (t.stored or t.input) for t in tiers), name


def test_the_labs_prices_override_ours(bench):
    own = '[chat.prices."openai/gpt-5"]\ninput = 100.0\noutput = 1000.0\n'
    made = bench([Answer(GOOD, input_tokens=10, output_tokens=10)], lab=LAB + own, name="gpt-5")
    made.propose()
    assert made.total.usd == pytest.approx(11000 / 1e6)
    assert parse_lab(LAB + PRICES).chat.prices["openai/m"].cached == 0.5
