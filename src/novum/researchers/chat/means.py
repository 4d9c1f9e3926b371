"""How much the next answer may be, so that no bound is ever passed: the worst is assumed."""

import re

from novum.errors import ResearcherError
from novum.researchers import Desk
from novum.researchers.chat.models import Model
from novum.researchers.chat.prices import Tokens
from novum.researchers.chat.talk import Reply, Talk

FRAMING = 64  # tokens that a protocol adds to a turn, at most
LEAST = 2048  # tokens of an answer that is worth asking for, unless the lab allows less
LONG = 20  # characters of a run that is no word: a digest, encoded data
_WORDS = re.compile(r"\w+", re.ASCII)
_BLANKS = re.compile(r" +|\n+")


def most_tokens(text: str) -> int:
    """More tokens than any usual tokenizer makes of a text: of code, about twice as many.

    Small letters of a word count half, since a token of prose or code has more than two of them; a
    run of spaces or line ends counts one for four; and each byte of anything else counts one:
    capitals, digits, signs, other scripts, and all of a run that is too long to be a word.
    """
    words = (word for word in _WORDS.findall(text) if len(word) <= LONG)
    saved = sum(sum(map(str.islower, word)) // 2 for word in words)
    saved += sum(len(run) - -(-len(run) // 4) for run in _BLANKS.findall(text))
    return len(text.encode("utf-8", "replace")) - saved


def worst_input(talk: Talk) -> int:
    """The most tokens that a talk may count as, when sent."""
    return most_tokens(talk.text) + FRAMING * (1 + len(talk.turns))


def output_allowed(model: Model, talk: Talk, desk: Desk, wished: int) -> int:
    """How many tokens the answer may have, so that the request stays within both bounds.

    Raises:
        ResearcherError: if too few for an answer would be left; the campaign pauses.
    """
    sent, least = worst_input(talk), min(wished, LEAST)
    allowed = desk.tokens_left - sent
    option, left = "--max-tokens", f"{desk.tokens_left:.0f} tokens"
    may = f"{sent + least} tokens"
    if model.price is not None and allowed >= least:
        per_sent, per_said = model.price.worst
        by_money = (desk.usd_left - sent * per_sent) / per_said if per_said else wished
        may_cost = sent * per_sent + least * per_said
        affordable = desk.usd_left >= may_cost
        allowed = min(allowed, by_money if affordable else -1)
        option, left, may = "--max-cost-usd", f"{desk.usd_left:.4f} USD", f"{may_cost:.4f} USD"
    if allowed < least:
        raise ResearcherError(
            f"{model.name} is not asked: that may take {may}, and {left} are left; "
            f"to go on, raise the bound: novum resume {option} MORE"
        )
    return int(min(wished, allowed))


def spent(reply: Reply, talk: Talk, allowed: int) -> Tokens:
    """The tokens of a request, as told by the provider, or as far as is known.

    A request that was taken costs its input even if its answer broke off.
    """
    if reply.counted or not reply.began:
        return reply.tokens
    told = reply.tokens
    sent = told.input or worst_input(talk)
    said = max(told.output, min(allowed, -(-reply.heard // 2)))
    return Tokens(sent, told.cached, told.stored, told.stored_hour, said)
