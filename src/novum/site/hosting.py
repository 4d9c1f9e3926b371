"""A lab's site at work: what it shows now, and to whom."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from novum.ledger.home import CACHE, make_home
from novum.site import people
from novum.site.choosing import Choice, Plan, choose, plan_of
from novum.site.config import Site, read_site
from novum.site.copies import COPY, read_copy
from novum.site.page import LAYOUT, Layout, Page
from novum.site.records import LeftOut
from novum.site.store import FILE, Store
from novum.site.tokens import Cookie, Token, new_visitor, read_token, secret, site_key, write_token
from novum.site.visits import DAY
from novum.site.writing import Writer

MOST_PAGES = 100  # remembered ones


def store_of(lab: Path) -> Store:
    """The store of a lab's site, made if there is none.

    Raises:
        SiteError: if it cannot be used.
    """
    directory = make_home(lab) / CACHE
    directory.mkdir(exist_ok=True)
    return Store(directory / FILE)


@dataclass(frozen=True, slots=True)
class Guest:
    """A visitor who counts: what he carries from now on, what he is shown, by what he tells."""

    cookie: Cookie
    choice: Choice
    token: str


class Host:
    """What a lab's site shows now. Whoever changes the store changes the next page view.

    Raises:
        LabError: if `site.toml`, `copy.toml` or the layout is not sound.
        SiteError: if the store or the key cannot be used.
    """

    def __init__(self, lab: Path) -> None:
        self.config: Site = read_site(lab)
        self.key = site_key(lab)
        self.layout = Layout(lab / LAYOUT)
        first = read_copy(lab / COPY)
        with contextlib.ExitStack() as opened:
            # Two connections, so that no page view waits while events are written.
            self.store = opened.enter_context(contextlib.closing(store_of(lab)))
            self._writing = opened.enter_context(contextlib.closing(store_of(lab)))
            self.store.begin(self.store.put_variant(first), "serve")
            self._plan = plan_of(self.store)
            self._opened = opened.pop_all()
        self._version = self.store.version()
        self.writer = Writer(self._writing)
        self.own = secret(self.key, "own visits")
        self._pages: dict[str, Page] = {}

    def close(self) -> None:
        """Close the store."""
        self._opened.close()

    def now(self) -> float:
        """The site's time."""
        return self.store.clock.now()

    def pulse(self) -> None:
        """Say that the site is served."""
        self._writing.beat()

    def forget(self) -> None:
        """Forget who was here too long ago."""
        self._writing.forget(self.now() - self.config.privacy.retention_days * DAY)

    def plan(self) -> Plan:
        """What is shown now."""
        version = self.store.version()
        if version != self._version:
            self._plan, self._version = plan_of(self.store), version
        return self._plan

    def page(self, digest: str) -> Page:
        """The page with the copy of that digest.

        Raises:
            SiteError: if there is none.
        """
        if digest not in self._pages:
            if len(self._pages) >= MOST_PAGES:
                self._pages.clear()
            page = self.layout.page(self.store.variant(digest), self.config.privacy.consent)
            self._pages[digest] = page
        return self._pages[digest]

    def left_out(self, headers: Mapping[str, str]) -> str | None:
        """Why the visit of who sends these headers does not count; None if it does."""
        if people.is_bot(headers):
            return people.BOT
        if self.config.privacy.respect_signals and people.objects(headers):
            return people.OBJECTS
        return None

    def leave_out(self, reason: str) -> None:
        """Count a visit among those that do not count."""
        self.writer.begin([LeftOut(reason, self.now())])

    def welcome(self, cookie: Cookie | None) -> Guest:
        """What a visitor who counts is shown; without a cookie it is a new one."""
        now = int(self.now())
        visitor, born = (cookie.visitor, cookie.born) if cookie else (new_visitor(), now)
        choice = choose(self.key, self.plan(), self.config.traffic, visitor, born, cookie)
        token = Token(visitor, choice.experiment, choice.arm, choice.variant, now)
        carried = Cookie(visitor, born, choice.experiment, choice.arm)
        return Guest(carried, choice, write_token(self.key, token))

    def told_by(self, text: str) -> Token | None:
        """Who tells by a token, if it is one of ours and not too old."""
        return read_token(self.key, text, self.now(), self.config.lifetime)
