"""The tables of `lab.toml`, all but those of who proposes."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Noise = Literal["gaussian", "rate", "none"]


class Table(BaseModel):
    """A table of `lab.toml`, or of another file of a lab: no unknown keys, nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _relative(path: str) -> str:
    pure = PurePosixPath(path)
    if (
        not pure.parts
        or pure.is_absolute()
        or ".." in pure.parts
        or "\\" in path
        or not path.isprintable()
        or ".git" in (part.casefold() for part in pure.parts)
    ):
        raise ValueError("must be a path inside the lab, such as 'train.py'")
    return str(pure)


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", text):
        raise ValueError("must be a name: letters, digits, `_`, `.` and `-`, and no digit first")
    return text


def _importable(text: str) -> str:
    if not text.isidentifier():
        raise ValueError("must be a name as `import` takes it, such as 'torch'")
    return text


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number, without quotes")
    return value


Name = Annotated[str, AfterValidator(_name)]
Number = Annotated[int | float, BeforeValidator(_number)]
Importable = Annotated[str, AfterValidator(_importable)]
RelativePath = Annotated[str, AfterValidator(_relative)]
CommandLine = Annotated[tuple[str, ...], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class LabTable(Table):
    """`[lab]`: the question."""

    name: Name
    question: str = ""


class MetricTable(Table):
    """`[metric]`: the score, and how noisy it is."""

    name: Name
    direction: Literal["minimize", "maximize"]
    noise: Noise = "gaussian"
    min_effect: NotNegative = 0.0


class BudgetTable(Table):
    """`[budget]`: what one trial may use. Seconds are on `clock`, the rest is wall time."""

    seconds: Positive
    clock: Literal["wall", "cpu"] = "wall"
    startup: Positive = 300.0
    grace: Positive = 10.0
    timeout: Positive | None = None
    evaluation: Positive = 600.0
    memory_mb: Annotated[int, Field(ge=16, strict=True)] = 16000
    disk_mb: Annotated[int, Field(ge=1, strict=True)] = 4000
    log_mb: Annotated[int, Field(ge=1, strict=True)] = 16
    processes: Annotated[int, Field(ge=1, strict=True)] = 512


class FilesTable(Table):
    """`[files]`: what may be changed; all else that is tracked is frozen."""

    editable: Annotated[tuple[RelativePath, ...], Field(min_length=1)]
    frozen: tuple[RelativePath, ...] = ()


class TrialTable(Table):
    """`[trial]`: the commands. Without `evaluate` the lab is self-reported.

    `packages` are those that the commands import, beside the standard library.
    """

    run: CommandLine
    prepare: CommandLine | None = None
    evaluate: CommandLine | None = None
    holdout: CommandLine | None = None
    service: CommandLine | None = None
    cache: bool = False
    packages: tuple[Importable, ...] = ()
    environment: dict[Name, str] = {}


class SandboxTable(Table):
    """`[sandbox]`: `readable` are further paths that trials may read.

    What begins with `evaluator_` is for the lab's own frozen programs: evaluator and service.
    """

    mode: Literal["auto", "none"] = "auto"
    readable: tuple[str, ...] = ()
    gpu: bool = True
    evaluator_network: bool = False
    evaluator_variables: tuple[Name, ...] = ()


class Guard(Table):
    """A bound on a secondary metric, or for `lines_changed` what each line must earn."""

    min: Finite | None = None
    max: Finite | None = None
    weight: NotNegative | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max, so no trial could pass")
        return self


class JudgeTable(Table):
    """`[judge]`: the rules of the verdict."""

    policy: str | None = None
    error_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    baseline_runs: Annotated[int, Field(ge=1, le=30, strict=True)] | None = None
    min_runs: Annotated[int, Field(ge=1, le=30, strict=True)] = 1
    max_runs: Annotated[int, Field(ge=1, le=30, strict=True)] = 6
    end_hopeless: Annotated[float, Field(gt=0, le=0.5, strict=True)] | None = None


class ConfirmTable(Table):
    """`[confirm]`: when what was found is measured again by itself, and how often at most."""

    pairs: Annotated[int, Field(ge=4, le=200, strict=True)] = 12
    first_milestone: Annotated[int, Field(ge=0, strict=True)] = 100
    at_end: bool = True


class ReportTable(Table):
    """`[report]`: what is added to the report, by names of `novum.exhibits`."""

    exhibits: tuple[str, ...] = ()


class SearchTable(Table):
    """`[search]`: where to build next."""

    strategy: str = "greedy"
