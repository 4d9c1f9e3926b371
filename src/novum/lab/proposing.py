"""The tables of `lab.toml` that say who proposes, how much it may cost, and over which space."""

from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from novum.lab.tables import CommandLine, Name, NotNegative, Positive, RelativePath, Table

Sampler = Literal["tpe", "cmaes", "gp", "random", "grid"]
MOST = 1e300  # beyond it, arithmetic overflows
STRAY = 1e-9  # of a step: what rounding may make of a whole number of them


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MOST:
        raise ValueError("must be a finite number")
    return value


Number = Annotated[int | float, PlainValidator(_number)]
"""A number that stays as it is written: whole, or with decimals."""


class ResearcherTable(Table):
    """`[researcher]`: who proposes, how far ahead, and under which bounds."""

    use: str = "backlog"
    backlog: RelativePath = "ideas.toml"
    ahead: Annotated[int, Field(ge=0, le=16, strict=True)] = 1
    briefing_tokens: Annotated[int, Field(ge=1000, strict=True)] = 24000
    max_cost_usd: Positive = 10.0
    max_tokens: Annotated[int, Field(gt=0, strict=True)] | None = None
    idle: Positive = 600.0


class Provider(Table):
    """Where models are: an address, the protocol spoken there, the variable with the key."""

    url: str
    protocol: Literal["openai", "anthropic", "gemini"] = "openai"
    key: str | None = None


class Price(Table):
    """USD for a million tokens; of the input, those read from a cache and those written to it."""

    input: NotNegative
    output: NotNegative
    cached: NotNegative | None = None
    stored: NotNegative | None = None
    stored_hour: NotNegative | None = None


class ChatTable(Table):
    """`[chat]`: the language models that are asked, as provider/model."""

    models: tuple[str, ...] = ()
    timeout: Positive = 600.0
    max_output_tokens: Annotated[int, Field(ge=256, strict=True)] = 16000
    temperature: NotNegative | None = None
    providers: dict[Name, Provider] = {}
    prices: dict[str, Price] = {}


class AgentTable(Table):
    """`[agent]`: the coding agent that is started, and what it may reach."""

    use: str = ""
    protocol: Literal["acp", "command"] | None = None
    command: CommandLine | None = None
    model: str = ""
    timeout: Positive = 1200.0
    session: Annotated[int, Field(ge=1, strict=True)] = 4
    allow: tuple[Literal["execute", "fetch", "other"], ...] | None = None
    hosts: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    home: tuple[RelativePath, ...] = ()


class TunerTable(Table):
    """`[tuner]`: the classical optimiser over `[space]`."""

    sampler: Sampler = "tpe"
    points: Annotated[int, Field(ge=2, le=1000, strict=True)] = 5


class Parameter(Table):
    """A dimension of the parameter space: a range, or choices.

    A range is of whole numbers if all of it is written as whole numbers, and so is the constant.
    """

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    step: Number | None = None
    choices: tuple[str | int | float | bool, ...] = ()

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        ranged = self.low is not None or self.high is not None
        if ranged == bool(self.choices) or (self.low is None) != (self.high is None):
            raise ValueError("give low and high, or choices")
        if self.choices and (self.log or self.step is not None):
            raise ValueError("log and step belong to low and high, not to choices")
        if len({repr(choice) for choice in self.choices}) < len(self.choices):
            raise ValueError("a choice is there twice")
        if self.log and self.step is not None:
            raise ValueError("a logarithmic scale has no step; take log or step out")
        return self

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        if self.low is None or self.high is None or self.step is None:
            return self
        if self.step <= 0:
            raise ValueError("step must be above 0")
        steps = (self.high - self.low) / self.step
        if abs(steps - round(steps)) > STRAY * max(1.0, steps):
            raise ValueError("high must be low and a whole number of steps")
        return self
