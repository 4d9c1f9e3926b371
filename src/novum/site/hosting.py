"""A lab's site at work: what it shows now, and to whom."""

import contextlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request

from novum.site import people
from novum.site.choosing import Chooser
from novum.site.config import Site, read_site
from novum.site.copies import COPY, read_copy
from novum.site.page import LAYOUT, Layout, Page
from novum.site.records import LeftOut
from novum.site.store import store_of
from novum.site.tokens import Token, read_token, secret, site_key
from novum.site.visits import DAY
from novum.site.writing import Writer

MOST_PAGES = 100  # remembered ones
AGAIN = 60.0  # seconds after which the same complaint is said again


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
        self._pages: dict[str, Page] = {}
        self._complaint = ("", 0.0)  # the last one, and when it was said
        with contextlib.ExitStack() as opened:
            # Two connections, so that no page view waits while events are written.
            self.store = opened.enter_context(contextlib.closing(store_of(lab)))
            self._writing = opened.enter_context(contextlib.closing(store_of(lab)))
            self.store.begin(self.store.put_variant(first), "serve")
            shares = {"share": self.config.traffic.share, "holdout": self.config.traffic.holdout}
            self.store.note("serve", "served", shares)
            self.chooser = Chooser(self.store, self.key, self.config)
            for shown in (self.store.incumbent(), self.store.first()):
                self.page(shown)  # they may be older than the layout
            self._opened = opened.pop_all()
        self.writer = Writer(self._writing)
        self.own = secret(self.key, "own visits")

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

    def complain(self, error: Exception) -> None:
        """Tell the owner why something is not counted; the same thing once a minute."""
        told, now = str(error), time.monotonic()
        if told != self._complaint[0] or now - self._complaint[1] > AGAIN:
            self._complaint = told, now
            print(f"novum: not all is counted: {told}", file=sys.stderr, flush=True)

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
        written = self.writer.begin([LeftOut(reason, self.now())])
        written.add_done_callback(lambda done: done.exception())  # nobody waits for it

    def told_by(self, request: Request) -> Token | None:
        """Who tells by the token of a request, if it is one of ours and not too old.

        HEAD tells nothing: so ask programs that look whether a link leads somewhere.
        """
        if request.method == "HEAD":
            return None
        text = request.query_params.get("t", "")
        return read_token(self.key, text, self.now(), self.config.lifetime)


async def body_of(request: Request, largest: int) -> bytes | None:
    """What was sent; None if it is more than `largest` bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > largest:
            return None
    return bytes(body)
