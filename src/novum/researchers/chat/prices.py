"""What models cost: from a table that comes with Novum, and from the lab, which overrides it."""

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from novum.lab.proposing import Price as StatedPrice
from novum.records import Usage

MILLION = 1_000_000
_DATE = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")  # of a model's snapshot


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one request, by what they cost. `input` counts all that was sent."""

    input: int = 0
    cached: int = 0  # of the input: read from a cache
    stored: int = 0  # of the input: written to it
    stored_hour: int = 0  # of the input: written to it for an hour
    output: int = 0


class Rates(BaseModel):
    """USD for a million tokens; what is not given costs as much as any input."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    input: float
    output: float
    cached: float | None = None
    stored: float | None = None
    stored_hour: float | None = None

    def cost(self, tokens: Tokens) -> float:
        """USD for these tokens."""
        plain = tokens.input - tokens.cached - tokens.stored - tokens.stored_hour
        parts = (
            (plain, None),
            (tokens.cached, self.cached),
            (tokens.stored, self.stored),
            (tokens.stored_hour, self.stored_hour),
        )
        sent = sum(count * (self.input if rate is None else rate) for count, rate in parts)
        return (sent + tokens.output * self.output) / MILLION

    @property
    def dearest_input(self) -> float:
        """The most that a million input tokens may cost."""
        return max(self.input, *(r or 0.0 for r in (self.cached, self.stored, self.stored_hour)))


class LongRates(Rates):
    """The rates of requests with more input tokens than `above`."""

    above: int


class Price(Rates):
    """The rates of a model."""

    long: LongRates | None = None

    def of(self, tokens: Tokens) -> float:
        """USD for one request."""
        long = self.long is not None and tokens.input > self.long.above
        return (self.long if long and self.long else self).cost(tokens)

    @property
    def worst(self) -> tuple[float, float]:
        """The most that a token of input, and one of output, may cost in USD."""
        tiers = [self, *([self.long] if self.long else [])]
        sent, said = max(t.dearest_input for t in tiers), max(t.output for t in tiers)
        return sent / MILLION, said / MILLION


FREE = Price(input=0.0, output=0.0)


def stated(price: StatedPrice) -> Price:
    """The price that the lab states."""
    return Price(**price.model_dump())


def known(name: str) -> Price | None:
    """The price of `provider/model` in our own table; a dated snapshot costs as its model."""
    text = files("novum.researchers.chat").joinpath("prices.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    found = table.get(name) or table.get(_DATE.sub("", name))
    return None if found is None else Price.model_validate(found)


def usage(tokens: Tokens, price: Price | None) -> Usage:
    """What a request cost, as it is noted."""
    return Usage(
        requests=1,
        input_tokens=tokens.input,
        cached_tokens=tokens.cached,
        output_tokens=tokens.output,
        usd=0.0 if price is None else price.of(tokens),
        unpriced=int(price is None),
    )
