"""What a crowd did, as it was acknowledged by the server."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Counts:
    """Sums. An event is counted once the server has answered it."""

    happened: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)  # people who first saw a headline
    converted: Counter[str] = field(default_factory=Counter)  # who converted on it

    def add(self, other: "Counts") -> None:
        """Those of another process."""
        self.happened.update(other.happened)
        self.seen.update(other.seen)
        self.converted.update(other.converted)

    def as_json(self) -> Mapping[str, object]:
        """A line of the report."""
        names = sorted(self.seen | self.converted)
        pages = {
            name: {"seen": self.seen[name], "converted": self.converted[name]} for name in names
        }
        return {**dict.fromkeys(NAMES, 0), **self.happened, "headlines": pages}


NAMES = (
    "came",  # people and bots
    "bots",
    "sly",
    "private",
    "visits",  # pages that were loaded, also by bots
    "lost",  # pages that did not come
    "prefetches",  # pages that were asked for beforehand, whatever came of it
    "seen",  # exposures that were acknowledged
    "converted",  # conversions that were acknowledged
    "signals",
    "refused",  # events that the server answered with 4xx
    "unanswered",  # events that were still to be acknowledged at the end
)
