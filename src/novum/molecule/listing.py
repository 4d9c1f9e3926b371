"""Molecules for other programs: a table as CSV, best first, and an SDF with poses."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from rdkit import Chem
from rdkit.Chem import rdDepictor

from novum.export import LONGEST, cell, one_line
from novum.molecule.compounds import Compound
from novum.molecule.scores import DOCKING_SECONDS

# The numbers that chemists look at first: metric, head in a table, unit.
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("affinity", "affinity", "kcal/mol"),
    ("qed", "QED", ""),
    ("sa", "SA", ""),
    ("mw", "MW", "Da"),
    ("logp", "logP", ""),
    ("ligand_efficiency", "LE", "kcal/mol per heavy atom"),
)
UNITS = {DOCKING_SECONDS: "s", "tpsa": "Å²", "peak_memory_mb": "MB"}


def columns(found: Iterable[Compound]) -> list[tuple[str, str, str]]:
    """Those of `COLUMNS` that any of the molecules has a number for."""
    had = {name for compound in found for name in compound.numbers}
    return [column for column in COLUMNS if column[0] in had]


def csv_text(found: Sequence[Compound], metric: str) -> str:
    """The molecules in their order as CSV; each metric has a column, its unit in the head.

    A cell of text from outside that a spreadsheet would take for a formula begins with an
    apostrophe.
    """
    known = columns(found)
    had = {name for compound in found for name in compound.numbers}
    rest = sorted(had - {name for name, _, _ in known})
    names = [*(name for name, _, _ in known), *rest]
    heads = [
        *(_head(head, unit) for _, head, unit in known),
        *(_head(n, UNITS.get(n)) for n in rest),
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["nr", "name", "SMILES", "verdict", cell(metric), *heads, "runs", "idea", "reason"]
    )
    for one in found:
        texts = [cell(text) for text in (one.name, one.smiles)]
        numbers = [_number(one.numbers.get(name)) for name in names]
        ends = [cell(text) for text in (one.title, one.why)]
        verdict = str(one.outcome)
        score = _number(one.score)
        writer.writerow([one.number, *texts, verdict, score, *numbers, one.runs, *ends])
    return file.getvalue()


def sdf_text(found: Iterable[Compound], metric: str, poses: Mapping[int, str]) -> str:
    """The molecules in their order as SDF: as docked where there is a pose, else in the plane."""
    return "".join(_record(one, metric, poses.get(one.number, "")) for one in found)


def _record(one: Compound, metric: str, pose: str) -> str:
    mol = Chem.MolFromMolBlock(pose.partition("$$$$")[0], removeHs=False) if pose else None
    docked = mol is not None
    if mol is None:
        if one.mol is None:
            return ""
        mol = Chem.Mol(one.mol)
        rdDepictor.Compute2DCoords(mol)
    mol.SetProp("_Name", one_line(one.name, 80))
    values = {
        "nr": str(one.number),
        "SMILES": one.smiles,
        "verdict": str(one.outcome),
        metric: _number(one.score),
        **{name: _number(value) for name, value in one.numbers.items()},
        "pose": "docked" if docked else "none, drawn in the plane",
        "idea": one.title,
    }
    fields = "".join(field(name, text) for name, text in values.items())
    return f"{Chem.MolToMolBlock(mol)}{fields}$$$$\n"


def field(name: str, text: str) -> str:
    """A field of an SDF: a value of one line, neither the begin of another nor the record's end."""
    tag = one_line(name, 80).replace("<", "").replace(">", "")
    shown = one_line(text, LONGEST)
    shown = f" {shown}" if shown.startswith((">", "$$$$")) or not shown else shown
    return f">  <{tag}>\n{shown}\n\n"


def _head(name: str, unit: str | None) -> str:
    return cell(f"{name} ({unit})" if unit else name)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
