"""What people think of a page: whether they convert, and whether they leave at once.

The chance that somebody converts has the log-odds: those of the site's base rate, plus the effect
of the words by the persuasion model, plus the taste of this crowd, plus the person's own mood. The
taste is what the model does not explain: real headlines differ by far more than their features
tell. It comes from the words, so texts with many words in common are liked alike.
"""

import math
from collections import Counter

from novum.site.persuasion import WEIGHTS, fitted
from novum.site.visitors.chance import Chance
from novum.site.visitors.people import Visitor
from novum.site.wording import words_of

MOOD = 0.8  # log-odds: standard deviation between people
NOVELTY = 0.3  # log-odds that a changed page gains with who knew another; halves at each visit
BOUNCE = 0.4  # share that leaves an average page at once
REMEMBERED = 10_000  # texts whose appeal is remembered
FEWEST = 8  # words by which a text's taste is spread at least, so that one word is no lever

Words = tuple[tuple[str, str], ...]  # a part of the page, and its text


class Minds:
    """What a crowd thinks; `base` converts on an average page in a middling mood.

    `taste` is the chance that its taste comes from, if another crowd is to have the same.
    """

    def __init__(self, chance: Chance, base: float, taste: Chance | None = None) -> None:
        self._chance, self._taste = chance, taste or chance
        self._base = _log_odds(base)
        self._remembered: dict[Words, float] = {}

    def appeal(self, words: Words) -> float:
        """Log-odds of a page beside those of an average one."""
        if words not in self._remembered:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            parts = dict(words)
            tastes = (weight * self.taste(parts.get(part, "")) for part, weight in WEIGHTS.items())
            self._remembered[words] = fitted().effect(parts) + sum(tastes)
        return self._remembered[words]

    def taste(self, text: str) -> float:
        """Log-odds of what no feature explains; within twice its standard deviation."""
        words = sorted(set(words_of(text)))
        liked = sum(self._taste.normal("taste", word) for word in words)
        return fitted().unexplained * 2 * math.tanh(liked / math.sqrt(max(len(words), FEWEST)) / 2)

    def chance_of_converting(self, appeal: float, mood: float = 0.0) -> float:
        """Of somebody in that mood, before a page with that appeal."""
        return _chance(self._base + appeal + MOOD * mood)

    def converts(self, who: Visitor, words: Words, seen: Counter[Words]) -> bool:
        """Whether somebody who saw those pages so often before would convert on this one."""
        appeal = self.appeal(words) + novelty(words, seen)
        return who.threshold < self.chance_of_converting(appeal, who.mood)

    def bounces(self, who: Visitor, words: Words) -> bool:
        """Whether somebody who does not convert leaves at once."""
        draw = self._chance.uniform("bounce", who.number)
        return draw < _chance(_log_odds(BOUNCE) - self.appeal(words))

    def interaction_ms(self, who: Visitor, words: Words) -> float:
        """Until somebody who stays does something, in milliseconds."""
        mean = 4000 * math.exp(-0.5 * self.appeal(words))
        return 200 + self._chance.waiting(mean, "interaction", who.number)


def novelty(words: Words, seen: Counter[Words]) -> float:
    """What a page gains in log-odds with somebody who knows others: less at each visit."""
    knows_another = any(other != words for other in seen)
    return NOVELTY * 0.5 ** seen[words] if knows_another else 0.0


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
