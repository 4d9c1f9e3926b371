"""Whose visits count: people's who do not object. Who is left out is added up by the reason.

What is looked at (headers) is looked at and forgotten; nothing of it is stored.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

BOT = "bot"
PREFETCH = "prefetch"
OWN = "own visit"
OBJECTS = "asks not to be tracked"
CONSENT = "no consent yet"
# Robots that say so, previews of links, monitors and programs. (A Cubot is a telephone.)
ROBOTS = re.compile(
    r"(?<!cu)bot(?:\b|[/;_ -])|crawl|spider|slurp|scrap|headless|lighthouse|pagespeed|monitor"
    r"|pingdom|uptime|preview|facebookexternalhit|embedly|whatsapp|telegram|skypeuri|vkshare|validator"
    r"|archive\.org|ia_archiver|feed|curl|wget|python|java/|libwww|go-http|okhttp|httpx|axios"
    r"|node-fetch|undici|ruby|perl|php|scrapy|phantom|puppeteer|playwright|selenium",
    re.IGNORECASE,
)
PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Whether a browser asks ahead of time for what its person may never see."""
    asked = [headers[name] for name in PURPOSES if name in headers]
    return any("prefetch" in purpose or "preview" in purpose for purpose in asked)


def is_bot(headers: Mapping[str, str]) -> bool:
    """Whether the client says that it is a program, or says nothing of itself."""
    return _is_robot(headers.get("user-agent", ""))


def objects(headers: Mapping[str, str]) -> bool:
    """Whether the person asks not to be tracked: Do Not Track, Global Privacy Control."""
    return headers.get("dnt") == "1" or headers.get("sec-gpc") == "1"


@lru_cache(1000)
def _is_robot(agent: str) -> bool:
    return not agent or ROBOTS.search(agent) is not None
