"""A lab: `lab.toml`, read and checked. What the person decided, and nothing else.

Unknown keys and impossible values are errors that name the line.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from novum.errors import LabError
from novum.lab.proposing import (
    AgentTable,
    ChatTable,
    Parameter,
    ResearcherTable,
    TunerTable,
)
from novum.lab.tables import (
    BudgetTable,
    ConfirmTable,
    FilesTable,
    Guard,
    JudgeTable,
    LabTable,
    MetricTable,
    Name,
    Noise,
    NotNegative,
    Number,
    ReportTable,
    SandboxTable,
    SearchTable,
    Table,
    TrialTable,
)
from novum.tables import line_of, parsed, read_text

LAB_FILE = "lab.toml"
PROGRAM_FILE = "program.md"
# What coding agents obey: no candidate may write instructions for them.
AGENT_FILES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md", ".agents", ".claude", ".mcp.json")
# What git and Python read of their own accord: a candidate could steer more than its own program.
OBEYED = re.compile(
    r"\.git(attributes|modules|ignore)|(site|user)customize\.py|conftest\.py|.*\.pth"
)
CURVES = ("bpb", "loss", "score")  # what a learning curve may show, the most telling first
LINES_CHANGED = "lines_changed"  # a guard metric that the machine itself knows

POLICY_OF: dict[Noise, str] = {"gaussian": "belief", "rate": "rate", "none": "exact"}
# A second run without noise shows whether there is none; a rate has a control beside it.
BASELINE_RUNS_OF: dict[Noise, int] = {"gaussian": 3, "rate": 1, "none": 2}


class Lab(Table):
    """The whole of `lab.toml`."""

    lab: LabTable
    metric: MetricTable
    budget: BudgetTable
    files: FilesTable
    trial: TrialTable
    dial: Annotated[dict[Name, Number], Field(max_length=1)] = {}
    sandbox: SandboxTable = SandboxTable()
    guards: dict[Name, Guard] = {}
    judge: JudgeTable = JudgeTable()
    confirm: ConfirmTable = ConfirmTable()
    report: ReportTable = ReportTable()
    search: SearchTable = SearchTable()
    researcher: ResearcherTable = ResearcherTable()
    chat: ChatTable = ChatTable()
    agent: AgentTable = AgentTable()
    tuner: TunerTable = TunerTable()
    mix: dict[str, NotNegative] = {}  # shares of several researchers
    space: dict[Name, Parameter] = {}

    @property
    def self_reported(self) -> bool:
        """Whether the candidate prints its own score, because there is no evaluator."""
        return self.trial.evaluate is None

    @property
    def minimize(self) -> bool:
        """Whether a smaller metric is better."""
        return self.metric.direction == "minimize"

    def with_dial(self, dial: Mapping[str, float]) -> "Lab":
        """This lab with another value of its dial."""
        return self.model_copy(update={"dial": dict(dial)})

    @property
    def policy(self) -> str:
        """The name of the judge: as the lab says, or else what suits its noise."""
        return self.judge.policy or POLICY_OF[self.metric.noise]

    @property
    def baseline_runs(self) -> int:
        """How often the baseline is run: as the lab says, or else what suits its noise."""
        return self.judge.baseline_runs or BASELINE_RUNS_OF[self.metric.noise]

    def timeout(self, seconds: float) -> float:
        """Wall seconds after which a trial of this budget is ended whatever its own clock says."""
        budget = self.budget
        if budget.timeout is not None:
            return budget.timeout
        # A processor clock may run slowly on a busy machine, so it gets more room.
        factor = 2.0 if budget.clock == "wall" else 4.0
        return budget.startup + factor * seconds + budget.grace

    @property
    def curve_names(self) -> tuple[str, ...]:
        """What a learning curve may show, the most telling first: the metric itself if it does."""
        return (self.metric.name, *(name for name in CURVES if name != self.metric.name))

    @property
    def line_cost(self) -> float:
        """What each changed line must earn, in the metric's unit."""
        guard = self.guards.get(LINES_CHANGED)
        return guard.weight or 0.0 if guard else 0.0


def parse_lab(text: str, where: str = LAB_FILE) -> Lab:
    """Read the text of a `lab.toml`.

    Raises:
        LabError: naming the line, what is wrong there and what would be right.
    """
    lab = parsed(Lab, text, where)
    _check_together(lab, text, where)
    return lab


def read_lab(directory: Path) -> Lab:
    """Read `lab.toml` of a lab's directory.

    Raises:
        LabError: if there is none, or it is not sound.
    """
    path = directory / LAB_FILE
    if not path.exists():
        raise LabError(
            f"no {LAB_FILE} in {directory.resolve()}: this is not a lab; `novum new gpt DIR` makes "
            "one, and docs/your-own-lab.md says how a repository of yours becomes one"
        )
    return parse_lab(read_text(path), str(path))


def read_program(directory: Path) -> str:
    """What the person tells researchers in a lab's directory; empty if nothing."""
    try:
        return (directory / PROGRAM_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _check_together(lab: Lab, text: str, where: str) -> None:
    """Conditions between keys, which no single key can break."""
    for location, problem in _problems(lab):
        raise LabError(f"{where}:{line_of(text, location)}: {problem}")


def _problems(lab: Lab) -> Iterator[tuple[tuple[str, ...], str]]:
    editable = ("files", "editable")
    frozen = set(map(_folded, lab.files.frozen))
    own = set(map(_folded, (LAB_FILE, PROGRAM_FILE, lab.researcher.backlog, *AGENT_FILES)))
    for name in lab.files.editable:
        folded = _folded(name)
        if folded in frozen:
            yield editable, f"{name} is both editable and frozen"
        if own & {folded, folded.partition("/")[0]}:
            yield editable, f"{name} belongs to the person; take it out"
        if OBEYED.fullmatch(folded.rpartition("/")[2]):
            yield editable, f"{name} is obeyed by git or Python wherever it lies; take it out"
    for name in ("holdout", "service", "cache"):
        if getattr(lab.trial, name) and lab.self_reported:
            yield ("trial", name), f"a {name} is of use to an evaluator only: add `evaluate`"
    if lab.budget.timeout is not None and lab.budget.timeout < lab.budget.seconds:
        yield ("budget", "timeout"), "timeout is shorter than the budget's seconds"
    if lab.judge.min_runs > lab.judge.max_runs:
        yield ("judge", "min_runs"), f"min_runs is more than max_runs, {lab.judge.max_runs}"
    if problem := _mismatch(lab.policy, lab.metric.noise):
        yield ("judge", "policy") if lab.judge.policy else ("metric", "noise"), problem
    if lab.metric.noise == "rate" and lab.self_reported:
        yield (
            ("metric", "noise"),
            "a rate needs an evaluator, which counts visitors: add `evaluate`",
        )
    for name, guard in lab.guards.items():
        if guard.weight is not None and name != LINES_CHANGED:
            yield ("guards", name), f"only {LINES_CHANGED} can have a weight"
    yield from _problems_of_space(lab)


def _folded(name: str) -> str:
    """One name for all that some file system takes for the same."""
    return unicodedata.normalize("NFKC", name).casefold()


def _problems_of_space(lab: Lab) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, parameter in lab.space.items():
        low, high = parameter.low, parameter.high
        if low is None or high is None:
            continue
        if low >= high:
            yield ("space", name, "low"), "low must be less than high"
        if parameter.log and low <= 0:
            yield ("space", name, "low"), "a logarithmic scale needs low > 0"


def _mismatch(policy: str, noise: Noise) -> str | None:
    """Why this policy makes no sense with this noise, or None."""
    if noise == "rate" and policy != "rate":
        return (
            f'noise = "rate" is decided by policy "rate" alone, not "{policy}"; take this line out'
        )
    if policy == "rate" and noise != "rate":
        return f'policy "rate" needs metric.noise = "rate", and it is "{noise}"'
    if policy == "exact" and noise != "none":
        return f'policy "exact" needs metric.noise = "none", and it is "{noise}"'
    if policy == "certain" and noise == "none":
        return 'policy "certain" tests against noise, and noise = "none"; use "exact"'
    return None
