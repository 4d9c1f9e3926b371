"""How long a text is for a model, and what to leave out so that it fits.

No tokenizer is asked: each model has its own. What is estimated here is on the large side for
those in use: three letters or blanks are a token, and so are two bytes of anything else, as figures
are.
"""

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LIGHT = (string.ascii_letters + string.whitespace).encode()
BETWEEN = "\n\n"
TRIES = 4  # of items that do not fit, before the rest of a section is given up
REST = "[cut here: {lines} more lines]"


def tokens(text: str) -> int:
    """How many tokens a text is at most, for the models in use."""
    data = text.encode("utf-8", "replace")
    dense = len(data.translate(None, LIGHT))
    return -(-(2 * (len(data) - dense) + 3 * dense) // 6)


def clipped(text: str, most: int, rest: str = REST) -> str:
    """The first lines of a text that are at most so many tokens, and how many are missing."""
    if tokens(text) <= most:
        return text
    room = most - tokens(rest) - 4
    if room <= 0:
        return ""
    lines = text.split("\n")
    kept: list[str] = []
    for line in lines:
        needed = tokens(line + "\n") + 1
        if needed > room:
            break
        kept.append(line)
        room -= needed
    if not kept:  # an endless line; whatever its characters, half a token for each will do
        kept.append(lines[0][: room // 2])
    return "\n".join([*kept, rest.format(lines=len(lines) - len(kept))])


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to show. It is made when there may be room for it, for making it costs reading.

    What has an `experiment` tells all of it, and is shown in one section only. What turns out to
    be empty is not missed.
    """

    make: Callable[[], str]
    experiment: int | None = None


@dataclass
class Section:
    """Items under a heading, the most wanted first, of which as many are shown as fit.

    `whole` puts the chosen items together; `missing` says how many were left out.
    """

    heading: str  # with what is to be said before the items
    items: Sequence[Item]
    share: float  # of the room that sections have in common
    place: int  # in the text
    whole: Callable[[Sequence[str]], str] = BETWEEN.join
    missing: str = "{count} more are left out here."
    uncounted: int = 0  # items that were not even offered
    _made: dict[int, str] = field(default_factory=dict)
    _chosen: list[int] = field(default_factory=list)

    def fill(self, room: int, shown: set[int]) -> int:
        """Take as many items as fit into so many tokens; returns how many of these they use.

        Experiments in `shown` are passed over; those that are taken now are added to it.
        """
        used = 0 if self._chosen else self._around
        chosen = set(self._chosen)
        tries = TRIES
        for position, item in enumerate(self.items):
            if position in chosen or item.experiment in shown or not self._item(position):
                continue
            needed = tokens(self._item(position) + BETWEEN)
            if used + needed <= room:
                chosen.add(position)
                used += needed
                shown |= set() if item.experiment is None else {item.experiment}
            elif (tries := tries - 1) == 0:
                break
        if not chosen:
            return 0
        self._chosen = sorted(chosen)
        return used

    def text(self, shown: set[int]) -> str:
        """The section, or nothing if nothing of it fits; `shown` elsewhere is not missed here."""
        if not self._chosen:
            return ""
        chosen, left = set(self._chosen), self.uncounted
        for position, item in enumerate(self.items):
            empty = self._made.get(position) == ""
            left += position not in chosen and item.experiment not in shown and not empty
        return self._shown([self._item(position) for position in self._chosen], left)

    @property
    def _around(self) -> int:
        """The most that all but the items takes."""
        return tokens(self._shown([], len(self.items) + self.uncounted)) + tokens(BETWEEN)

    def _item(self, position: int) -> str:
        if position not in self._made:
            self._made[position] = self.items[position].make()
        return self._made[position]

    def _shown(self, chosen: Sequence[str], left: int) -> str:
        missing = self.missing.format(count=left) if left else ""
        parts = (self.heading, self.whole(chosen), missing)
        return "".join(part + BETWEEN for part in parts if part)


def share_out(sections: Sequence[Section], room: int) -> list[str]:
    """The texts of sections that have so many tokens in common, each at its place.

    Each may use its share; what others leave of theirs goes to those that want more, in order.
    """
    left, shown = room, set[int]()
    for section in sections:
        left -= section.fill(min(left, int(room * section.share)), shown)
    for section in sections:
        left -= section.fill(left, shown)
    in_place = sorted(sections, key=lambda section: section.place)
    return [text for section in in_place if (text := section.text(shown))]


class Purse:
    """The tokens that a text may still use."""

    def __init__(self, bound: int) -> None:
        self.bound = self.left = bound

    def take(self, text: str, share: float = 1.0) -> str:
        """As much of a text as fits in what is left, and in a share of the whole bound."""
        return self.wrapped(text, lambda inside: inside, share)

    def wrapped(self, text: str, wrap: Callable[[str], str], share: float = 1.0) -> str:
        """The same of a text with something around it; nothing at all without room for both."""
        if not text:
            return ""
        around = tokens(wrap("") + BETWEEN) + 1
        inside = clipped(text, min(self.left, int(self.bound * share)) - around)
        if not inside:
            return ""
        self.left -= tokens(inside) + around
        return wrap(inside)

    def whole(self, text: str, share: float = 1.0) -> str:
        """All of a text, or nothing if that is too much; so that no fence is left open."""
        needed = tokens(text + BETWEEN)
        if not text or needed > min(self.left, int(self.bound * share)):
            return ""
        self.left -= needed
        return text
