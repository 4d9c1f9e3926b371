"""The tables of `lab.toml` that say who proposes, how much it may cost, and over which space."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from novum.lab.tables import CommandLine, Finite, Name, NotNegative, Positive, RelativePath, Table


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
    hosts: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()


class TunerTable(Table):
    """`[tuner]`: the classical optimiser over `[space]`."""

    sampler: Literal["tpe", "cmaes", "gp", "random", "grid"] = "tpe"


class Parameter(Table):
    """A dimension of the parameter space: a range, or choices."""

    low: Finite | None = None
    high: Finite | None = None
    log: bool = False
    choices: tuple[str | int | float | bool, ...] = ()

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        ranged = self.low is not None or self.high is not None
        if ranged == bool(self.choices) or (self.low is None) != (self.high is None):
            raise ValueError("give low and high, or choices")
        return self
