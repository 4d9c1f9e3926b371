"""How a page's words move its visitors, as learnt from real headline tests. Pure.

The coefficients (`persuasion.toml`, made by `benchmarks/persuasion.py`) say what a feature of a
headline was worth in the Upworthy Research Archive, beside other headlines of the same picture.
That the other parts of a page work alike, and how strongly, is an assumption: WEIGHTS.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Self

from novum.site.wording import content, shape, words_of

WEIGHTS = {"headline": 1.0, "subhead": 0.5, "call_to_action": 0.4, "body": 0.3}
LENGTHS = {"headline": (5, 22), "subhead": (4, 40), "call_to_action": (1, 6), "body": (15, 250)}
ASTRAY = -0.3  # for each doubling of words beyond LENGTHS, where the archive has no answer


@dataclass(frozen=True)
class Persuasion:
    """What each feature of a text is worth, in log-odds."""

    content: Mapping[str, float]
    shape: Mapping[str, float]
    average: float  # what the archive's average headline is worth
    unexplained: float  # standard deviation of headlines' effects that no feature explains

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read what the benchmark wrote."""
        table = tomllib.loads(text)
        fit = table["fit"]
        return cls(table["content"], table["shape"], fit["average"], fit["unexplained"])

    def headline(self, text: str) -> float:
        """Log-odds of a click beside those of the archive's average headline."""
        said = sum(self.content[name] * value for name, value in content(text).items())
        built = sum(self.shape[name] * value for name, value in shape(text).items())
        return said + built - self.average

    def part(self, name: str, text: str) -> float:
        """Log-odds, before its weight, of a part of a page; an absent one has none."""
        words = len(words_of(text))
        if name == "headline":
            return self.headline(text) + _astray(name, words)
        if not words:
            return 0.0
        said = sum(self.content[key] * value for key, value in content(text).items())
        return said + _astray(name, words)

    def effect(self, page: Mapping[str, str]) -> float:
        """Log-odds of converting beside a page with an average headline and nothing else said.

        `page` has the text of each part of WEIGHTS; a part that is missing is absent.
        """
        return sum(weight * self.part(name, page.get(name, "")) for name, weight in WEIGHTS.items())


@cache
def fitted() -> Persuasion:
    """The model that comes with Novum."""
    text = files("novum.site").joinpath("persuasion.toml").read_text(encoding="utf-8")
    return Persuasion.from_toml(text)


def _astray(name: str, words: int) -> float:
    fewest, most = LENGTHS[name]
    if words > most:
        return ASTRAY * math.log2(words / most)
    return ASTRAY * math.log2(fewest / max(words, 0.5)) if words < fewest else 0.0
