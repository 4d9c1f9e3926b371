"""What a molecule lab's evaluator does: read the lead, refuse it or score it, tell the numbers.

`oracle.toml` says what scores:

    seeded = true               # the oracle's key `seed` is the trial's own seed
    [oracle]                    # as `novum.molecule.oracles` reads it
    [holdout]                   # what is different in it when a claim is confirmed
    [objective]                 # what the metric is made of
"""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from novum.errors import LabError, UsageError
from novum.lab import read_lab
from novum.lab.tables import Table
from novum.molecule.cache import Cache, Remembered
from novum.molecule.filters import Box, read_filters
from novum.molecule.lead import Entry, SeriesError, read_series
from novum.molecule.molecules import Molecule, MoleculeError, read
from novum.molecule.objective import PENALTY, affinity, objective_named, qed_penalised
from novum.molecule.oracles import oracle_from
from novum.molecule.properties import PROPERTIES
from novum.molecule.scores import DOCKING_SECONDS, Oracle, Score, Status
from novum.tables import read_table

SERIES, ORACLE, FILTERS = "lead.smi", "oracle.toml", "filters.toml"
TOLD = ("qed", "sa", "mw", "logp", "tpsa", "heavy_atoms")  # properties that every result holds
Kind = Literal["value", "docking_qed", "affinity", "ligand_efficiency", "consensus"]
LATER = {Status.PENDING, Status.UNAVAILABLE}


class RefusedError(Exception):
    """The molecule has no score, and that is its own fault. One line."""


class NoAnswerYetError(Exception):
    """The oracle cannot answer now, which is not the molecule's fault. One line."""


class Objective(Table):
    """`[objective]`: what is made of the oracle's value; its kind is the metric's name.

    `value` is the oracle's value as it is; the others are those of `novum.molecule.objective`.
    """

    kind: Kind = "value"
    penalty: Annotated[float, Field(ge=0, allow_inf_nan=False)] = PENALTY  # of docking_qed


class OracleFile(Table):
    """The whole of `oracle.toml`."""

    seeded: bool = False
    oracle: dict[str, Any]
    holdout: dict[str, Any] = Field(default_factory=dict)
    objective: Objective = Objective()


@dataclass(frozen=True, slots=True)
class Trial:
    """What is measured: the lead in `artifacts`, by the files of `lab`, with a seed, on a split."""

    lab: Path
    artifacts: Path
    seed: int
    split: str = "validation"
    cache: Path | None = None  # the file of answers


def measure(trial: Trial) -> dict[str, float]:
    """The metric and all other numbers of the lead that a trial handed in.

    Raises:
        RefusedError: if the lead is not read, not let pass, or not scored, for its own fault.
        NoAnswerYetError: if the oracle cannot answer now.
        UsageError: if the lab's own files are not sound.
    """
    table = read_table(OracleFile, trial.lab / ORACLE)
    oracle = _oracle(table, trial)
    _require_metric(trial.lab, table.objective, oracle)
    start = _start(trial.lab)
    filters = read_filters(trial.lab / FILTERS).from_start(read(start[-1].smiles))
    molecule = _handed_in(trial.artifacts / SERIES, start)
    if told := filters.refusal(molecule, box_of(oracle)):
        raise RefusedError(told)
    score = _asked(oracle, molecule, trial.cache)
    return _numbers(table.objective, molecule, score)


def box_of(oracle: Oracle) -> Box | None:
    """The sides of the box that an oracle docks into, in Å; None if it docks into none."""
    size = getattr(getattr(oracle, "target", None), "size", None)
    return size if isinstance(size, tuple) and len(size) == 3 else None


def _oracle(table: OracleFile, trial: Trial) -> Oracle:
    asked = dict(table.oracle)
    if trial.split == "holdout":
        asked |= table.holdout
    if table.seeded:
        asked["seed"] = trial.seed
    try:
        return oracle_from(asked, trial.lab)
    except UsageError as error:
        raise LabError(f"{ORACLE}: {error}") from None


def _start(lab: Path) -> tuple[Entry, ...]:
    """The series that the campaign began with: the evaluator runs in the files of that commit."""
    try:
        start = read_series(lab / SERIES)
        read(start[-1].smiles)
    except (SeriesError, MoleculeError) as error:
        raise LabError(f"{SERIES} as the campaign began with it: {error}") from None
    return start


def _handed_in(path: Path, start: tuple[Entry, ...]) -> Molecule:
    try:
        series = read_series(path)
        for before, now in zip(start, series, strict=False):
            if (before.smiles, before.name) != (now.smiles, now.name):
                raise RefusedError(
                    f"line {now.line}: {before.name} was here when the campaign began; "
                    "the past of the series is not changed: append to it"
                )
        if len(series) < len(start):
            raise RefusedError(f"{start[len(series)].name}, of the start, is gone from the series")
        # Numbers depend on the order of atoms in their last digits: one spelling, one score.
        return read(read(series[-1].smiles).smiles)
    except SeriesError as error:
        raise RefusedError(str(error)) from None
    except MoleculeError as error:
        raise RefusedError(f"line {series[-1].line}: {error}") from None


def _asked(oracle: Oracle, molecule: Molecule, cache: Path | None) -> Score:
    if cache is None:
        (score,) = oracle.score([molecule.smiles])
    else:
        with closing(Cache(cache)) as answers:
            remembered = Remembered(oracle, answers)
            (score,) = remembered.score([molecule.smiles])
            if remembered.found and DOCKING_SECONDS in score.numbers:
                # What another trial spent was counted there.
                score = replace(score, numbers={**score.numbers, DOCKING_SECONDS: 0.0})
    if score.status in LATER:
        raise NoAnswerYetError(score.reason)
    if score.status is not Status.OK:
        raise RefusedError(f"{score.status}: {score.reason}")
    return score


def _numbers(objective: Objective, molecule: Molecule, score: Score) -> dict[str, float]:
    told = {name: float(PROPERTIES[name][1](molecule.mol)) for name in TOLD}
    if objective.kind == "value":
        assert score.value is not None  # its status is `ok`
        return {**told, **score.numbers, "value": score.value}
    if objective.kind == "docking_qed":
        worth = qed_penalised(score, molecule, objective.penalty)
    else:
        worth = objective_named(objective.kind).worth(score, molecule)
    return {**told, **score.numbers, "affinity": affinity(score), objective.kind: worth}


def _require_metric(lab: Path, objective: Objective, oracle: Oracle) -> None:
    """See that the campaign maximises or minimises what the evaluator measures."""
    metric = read_lab(lab).metric
    if metric.name != objective.kind:
        raise LabError(
            f"the metric of lab.toml is {metric.name}, the objective of {ORACLE} is "
            f"{objective.kind}: write the same name in both"
        )
    better = oracle.better
    if objective.kind not in ("value", "docking_qed"):
        better = objective_named(objective.kind).better
    if metric.direction != (wanted := {"low": "minimize", "high": "maximize"}[better]):
        raise LabError(f'{metric.name} gets better as it gets {better}er: direction = "{wanted}"')
