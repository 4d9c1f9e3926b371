"""Assays and small files of results that tests share."""

import csv
import io

from novum.molecule.plates.assay import Assay, parse_assay
from novum.molecule.plates.layout import Content

LEAD = "NC(=O)c1cccc2[nH]c(-c3ccccc3)nc12"
MOLECULES = ("CCO", "CCN", "c1ccccc1O", "CC(=O)Nc1ccccc1")

POTENCY = """
[assay]
readout = "IC50"
unit = "nM"
becomes = "p"
metric = "pic50"
better = "high"
[plate]
format = 24
replicates = 2
lead = 2
"""
SIGNAL = """
[assay]
readout = "Signal"
unit = "raw"
becomes = "percent_inhibition"
metric = "inhibition"
better = "high"
[plate]
format = 24
replicates = 2
lead = 2
[controls.positive]
name = "inhibited"
wells = 3
[controls.negative]
name = "vehicle"
wells = 3
[quality]
z_prime = 0.5
"""


def potency(more: str = "") -> Assay:
    return parse_assay(POTENCY + more)


def signal(more: str = "") -> Assay:
    return parse_assay(SIGNAL + more)


def sheet(results: dict[str, object], heading: str = "IC50 (nM)", separator: str = ",") -> bytes:
    """A file in list format."""
    out = io.StringIO()
    rows = csv.writer(out, delimiter=separator, lineterminator="\n")
    rows.writerow(["well", heading])
    rows.writerows(results.items())
    return out.getvalue().encode()


def contents(*subjects: str, role: str = "sample", replicates: int = 2) -> tuple[Content, ...]:
    """Some subjects in the first wells of a plate, replicate after replicate."""
    wanted = [(subject, number) for subject in subjects for number in range(1, replicates + 1)]
    return tuple(
        Content(f"A{place:02}", role, subject, number)
        for place, (subject, number) in enumerate(wanted, 1)
    )
