"""Who comes: people, and what is none of them. All of it follows from the seed and a number."""

from dataclasses import dataclass
from enum import StrEnum

from novum.site.visitors.chance import Chance

BOTS = 0.06  # of all who come: say what they are, follow links, run no script
SLY = 0.01  # look like people, run scripts, never buy
# Of people:
PRIVATE = 0.08  # send Do Not Track, Global Privacy Control, or both
COOKIELESS = 0.04  # keep no cookie
SCRIPTLESS = 0.03  # run no script: an image tells that they saw the page
EARLY = 0.03  # leave before the page is there
PREFETCHED = 0.06  # their browser loads the page beforehand; half of them never open it
RETURNING = 0.15  # come back, and a third of those once more
AGAIN = 1 / 3
SLOW = 0.3  # of those who come back: make up their mind at their last visit only
LATE = 0.1  # of those who convert: take hours, not minutes

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0  # seconds of the site's clock
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
)
CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; "
    "+https://openai.com/gptbot)",
    "curl/8.14.1",
    "python-requests/2.32.4",
)


class Kind(StrEnum):
    """What somebody is, whatever it looks like."""

    PERSON = "person"
    BOT = "bot"
    SLY = "sly"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who comes, and how. Times are seconds of the site's clock."""

    number: int
    kind: Kind
    agent: str  # the browser that is named
    privacy: tuple[tuple[str, str], ...]  # headers that ask not to be followed
    cookies: bool
    scripts: bool
    early: bool
    prefetched: bool
    opens: bool  # what was loaded beforehand, too
    returns: tuple[float, ...]  # between visits
    slow: bool
    looking: float  # until the page is seen
    acting: float  # from there until a conversion
    mood: float  # standard normal
    threshold: float  # converts where the chance is above it


def visitor(chance: Chance, number: int) -> Visitor:
    """The `number`th who comes."""

    def of(share: float, trait: str) -> bool:
        return chance.uniform(trait, number) < share

    kind = _kind(chance.uniform("kind", number))
    is_person = kind is Kind.PERSON
    agents = CRAWLERS if kind is Kind.BOT else BROWSERS
    returns = _returns(chance, number) if is_person else ()
    late = of(LATE, "late")
    return Visitor(
        number=number,
        kind=kind,
        agent=agents[int(chance.uniform("agent", number) * len(agents))],
        privacy=_privacy(chance.uniform("privacy", number)) if is_person else (),
        cookies=not of(COOKIELESS, "cookies") and kind is not Kind.BOT,
        scripts=not of(SCRIPTLESS, "scripts"),
        early=is_person and of(EARLY, "early"),
        prefetched=is_person and of(PREFETCHED, "prefetched"),
        opens=of(0.5, "opens"),
        returns=returns,
        slow=bool(returns) and of(SLOW, "slow"),
        looking=chance.waiting(2.0, "looking", number),
        acting=chance.waiting(6 * HOUR if late else 1.5 * MINUTE, "acting", number),
        mood=chance.normal("mood", number),
        threshold=chance.uniform("threshold", number),
    )


def _kind(draw: float) -> Kind:
    if draw < BOTS:
        return Kind.BOT
    return Kind.SLY if draw < BOTS + SLY else Kind.PERSON


def _privacy(draw: float) -> tuple[tuple[str, str], ...]:
    third = PRIVATE / 3
    tracking, control = ("DNT", "1"), ("Sec-GPC", "1")
    if draw < third:
        return (tracking,)
    if draw < 2 * third:
        return (control,)
    return (tracking, control) if draw < PRIVATE else ()


def _returns(chance: Chance, number: int) -> tuple[float, ...]:
    draw = chance.uniform("returns", number)
    times = 0 if draw >= RETURNING else 2 if draw < RETURNING * AGAIN else 1
    return tuple(chance.waiting(DAY, "return", number, visit) for visit in range(times))
