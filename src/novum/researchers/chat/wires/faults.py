"""Which errors pass by themselves, by status and by the provider's own words."""

import re

from novum.researchers.chat.talk import Json, WireError
from novum.terminal import harmless

PASSING = {408, 409, 425, 429}  # and all from 500 on
# Kinds and codes of errors that pass, where there is no status: amid a stream.
WORDS = re.compile(
    r"overloaded|rate.?limit|too_many|timeout|server_error|api_error|internal|unavailable"
    r"|resource_exhausted|aborted|deadline|capacity",
    re.IGNORECASE,
)
# A limit that no waiting helps against: there is no money left.
SPENT = re.compile(r"insufficient_quota|billing|credit balance|insufficient.{0,9}(funds|balance)")
LONGEST = 300  # characters of a provider's message that are shown


def trouble(
    status: int, message: str, word: str = "", retry_after: float | None = None
) -> WireError:
    """An error of a provider: what it said, and whether it passes."""
    message = " ".join(harmless(message).split())[:LONGEST] or word or "no reason given"
    if SPENT.search(word) or SPENT.search(message.lower()):
        return WireError(message, passing=False, status=402)
    by_word = bool(WORDS.search(word)) or not word
    passing = status in PASSING or status >= 500 if status else by_word
    return WireError(message, passing, status, retry_after)


def fields(body: Json) -> Json:
    """The part of an error's body that holds it."""
    error = body.get("error", body)
    return error if isinstance(error, dict) else {"message": str(error)}
