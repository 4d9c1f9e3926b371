"""A page as a person reads it: its words, and where a click leads. Nothing else is known of it."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from novum.site.visitors.minds import Words

_GO = re.compile(r"""href=(?P<quote>["'])(?P<go>/go\?t=(?P<token>[\w.~%+=-]+))(?P=quote)""", re.A)
_IMAGE = re.compile(r"<noscript>\s*<img[^>]*/seen\?t=", re.IGNORECASE)
_UNREAD = {"script", "style", "noscript", "template", "title", "footer", "nav"}
_BLOCKS = {"h1", "p", "li", "a"}
_REMEMBERED = 256  # pages, without the token by which each differs


@dataclass(frozen=True, slots=True)
class Page:
    """What a visitor has before him."""

    words: Words
    go: str | None  # where the call to action leads
    token: str | None
    script: bool  # tells by a script that it was seen
    image: bool  # tells it by an image where no script runs


class Reader:
    """Reads pages, and remembers those that differ by their token only."""

    def __init__(self) -> None:
        self._remembered: dict[str, Page] = {}

    def read(self, html: str) -> Page:
        """The page that was served."""
        link = _GO.search(html)
        go, token = (link["go"], link["token"]) if link else (None, None)
        same = html.replace(link["token"], "") if link else html
        page = self._remembered.get(same)
        if page is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            page = self._remembered[same] = read(html)
        return Page(page.words, go, token, page.script, page.image)


def read(html: str) -> Page:
    """The page that was served."""
    link = _GO.search(html)
    eye = _Eye()
    eye.feed(html)
    eye.close()
    return Page(
        words=eye.words(),
        go=link["go"] if link else None,
        token=link["token"] if link else None,
        script="/seen" in html,
        image=bool(_IMAGE.search(html)),
    )


class _Eye(HTMLParser):
    """Texts in the order in which they stand; what is not shown is not read."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[tuple[str, str]] = []  # h1, p or a, and what it says
        self._open: list[str] = []  # the tag that is being read, and what it said so far
        self._unread = 0

    def words(self) -> Words:
        """The parts of the page: the headline, the first link below it, and what is around it."""
        tags = [tag for tag, _ in self._texts]
        top = tags.index("h1") if "h1" in tags else -1
        action = next((n for n, tag in enumerate(tags) if n > top and tag == "a"), len(tags))
        plain = [n for n, tag in enumerate(tags) if tag == "p"]
        subhead = next((n for n in plain if top < n < action), None)
        parts = {
            "headline": self._texts[top][1] if top >= 0 else "",
            "subhead": self._texts[subhead][1] if subhead is not None else "",
            "call_to_action": self._texts[action][1] if action < len(tags) else "",
            "body": " ".join(self._texts[n][1] for n in plain if n != subhead),
        }
        return tuple(parts.items())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD
        if tag in _BLOCKS:
            self._finish()
            self._open = [tag]

    def handle_endtag(self, tag: str) -> None:
        self._unread = max(0, self._unread - (tag in _UNREAD))
        if tag in _BLOCKS:
            self._finish()

    def handle_data(self, data: str) -> None:
        if self._open and not self._unread:
            self._open.append(data)

    def close(self) -> None:
        super().close()
        self._finish()

    def _finish(self) -> None:
        if text := " ".join("".join(self._open[1:]).split()):
            self._texts.append(("p" if self._open[0] == "li" else self._open[0], text))
        self._open = []
