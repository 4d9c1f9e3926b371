"""The molecules of a campaign: each experiment's lead, and what was found of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from rdkit import Chem

from novum.ledger import Trial
from novum.molecule.molecules import MoleculeError, read
from novum.records import Outcome
from novum.report.exhibits import Material, Tried

ENDING = ".smi"  # of the editable file that holds the lead series
REFUSED = {Outcome.INVALID, Outcome.CRASH}
COMMENT = re.compile(r"(?:^|\s)#.*")  # a `#` within a SMILES is a triple bond


@dataclass(frozen=True, slots=True)
class Compound:
    """The lead that one experiment handed in.

    `smiles` is canonical; as it was written where it cannot be read, and then `mol` is None.
    `numbers` are means over the trials of the search that were measured, by metric.
    """

    number: int
    smiles: str
    name: str
    title: str
    mol: Chem.Mol | None
    parent: Chem.Mol | None  # the lead that it was built on; None for the start
    score: float | None
    numbers: Mapping[str, float]
    runs: int
    outcome: Outcome
    why: str
    affinities: tuple[float, ...] = ()

    @property
    def parent_smiles(self) -> str:
        """The canonical SMILES of the lead that it was built on; empty for the start."""
        return "" if self.parent is None else str(Chem.MolToSmiles(self.parent))

    @property
    def refused(self) -> bool:
        """Whether it has no score because something was wrong with it."""
        return self.outcome in REFUSED


def compounds(material: Material) -> list[Compound]:
    """The leads of all experiments that applied, in their order; none without a lead series."""
    name = series_file(material)
    if name is None:
        return []
    found = (_compound(tried, name) for tried in material.tried)
    return [compound for compound in found if compound is not None]


def series_file(material: Material) -> str | None:
    """The editable file that holds the lead series."""
    editable = material.facts.lab.files.editable
    return next((name for name in editable if name.endswith(ENDING)), None)


def lead(text: str) -> tuple[str, str]:
    """SMILES and name of the last molecule of a series; empty if there is none."""
    lines = (COMMENT.sub("", line).split() for line in text.splitlines())
    last: list[str] = next((words for words in reversed(list(lines)) if words), [])
    smiles, name, *_ = [*last, "", ""]
    return smiles, name


def _compound(tried: Tried, file: str) -> Compound | None:
    smiles, name = lead(tried.files.get(file, ""))
    if not smiles:
        return None
    mol, before = _mol(smiles), lead(tried.before.get(file, ""))[0]
    result = tried.result
    numbers = [one.measurement.metrics for one in tried.trials if one.measurement is not None]
    names = list(dict.fromkeys(name for metrics in numbers for name in metrics))
    return Compound(
        number=result.number,
        smiles=Chem.MolToSmiles(mol) if mol is not None else smiles,
        name=name,
        title=result.title,
        mol=mol,
        parent=_mol(before) if before and before != smiles else None,
        score=result.score,
        numbers={name: fmean(one[name] for one in numbers if name in one) for name in names},
        runs=len(result.runs),
        outcome=result.outcome,
        why=result.verdict.reason,
        affinities=tuple(one["affinity"] for one in numbers if "affinity" in one),
    )


def _mol(smiles: str) -> Chem.Mol | None:
    try:
        return read(smiles).mol
    except MoleculeError:
        return None


def best_first(found: Iterable[Compound], *, minimize: bool) -> list[Compound]:
    """Those that have a score, the best first; equal ones in the order of their experiments."""
    sign = 1.0 if minimize else -1.0
    scored = [one for one in found if one.score is not None]
    return sorted(scored, key=lambda one: (sign * (one.score or 0.0), one.number))


def series(found: Iterable[Compound]) -> list[Compound]:
    """The start, and each lead that was kept."""
    return [one for one in found if one.outcome is Outcome.KEEP]


def seconds_of(trials: Iterable[Trial], metric: str) -> float | None:
    """The sum of a metric of seconds over all trials that have it; None if none has."""
    values = [
        trial.measurement.metrics[metric]
        for trial in trials
        if trial.measurement is not None and metric in trial.measurement.metrics
    ]
    return sum(values) if values else None
