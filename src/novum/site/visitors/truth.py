"""What is true of a page under a crowd, in closed form: for reports and tests, not for trials."""

from statistics import NormalDist, fmean

from novum.site.visitors.chance import Chance
from novum.site.visitors.minds import Minds, Words
from novum.site.visitors.people import AGAIN, BOTS, COOKIELESS, EARLY, PRIVATE, RETURNING, SLY

_STEPS = 400
_MOODS = tuple(NormalDist().inv_cdf((step + 0.5) / _STEPS) for step in range(_STEPS))


class Truth:
    """The rates that an endless crowd with this taste and base rate would show.

    `words` is what is read on the page: `novum.site.visitors.pages.read(html).words`.
    """

    def __init__(self, taste: int, base: float) -> None:
        self._minds = Minds(Chance(taste), base)

    def conversion_rate(self, words: Words) -> float:
        """The share of people who convert, sooner or later, if they only ever see this page."""
        appeal = self._minds.appeal(words)
        return fmean(self._minds.chance_of_converting(appeal, mood) for mood in _MOODS)

    def recorded_rate(self, words: Words) -> float:
        """The share of visitors who convert as a site can see it that counts without a fault.

        It cannot tell bots that look like people, nor that who keeps no cookie was there before.
        """
        people = (1 - BOTS - SLY) * (1 - PRIVATE) * (1 - EARLY)
        visits = 1 + COOKIELESS * RETURNING * (1 + AGAIN)
        return people * self.conversion_rate(words) / (people * visits + SLY)
