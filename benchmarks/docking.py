"""Our docking beside DOCKSTRING's published scores, and its time beside Vina called directly.

    python benchmarks/docking.py [--targets F2 JAK2 PPARA] [--timed F2] [--again] [--out DIR]

The published scores are in `data/dockstring.tsv`, which says where they are from: each target's
molecules are random ones of ZINC. DOCKSTRING docked with Vina 1.1.2, we with 1.2; both with
exhaustiveness 8. With `--again` ours are docked with another seed, too: what chance alone does.

Directly means: two processes, each with a `vina.Vina` whose maps are made, dock the same ligands
(PDBQT, made before the clock starts) with the same settings and seed, one thread each, and keep the
best energy. That is what the time of preparation, of checking poses, of the processes and of the
cache is held against. With `--out` each pass over a target's molecules is a file there, and is not
run again; a pass takes five minutes on two cores. Needs novum[molecule].
"""

import argparse
import csv
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from scipy.stats import spearmanr
from vina import Vina

from novum.molecule.cache import Cache, Remembered
from novum.molecule.docking import Docking
from novum.molecule.molecules import read
from novum.molecule.preparation import Rules, ligands
from novum.molecule.scores import Score
from novum.molecule.targets import Target, dockstring_target

TABLE = Path(__file__).parent / "data" / "dockstring.tsv"
PROCESSES, EXHAUSTIVENESS, POSES = 2, 8, 9
SEED, OTHER_SEED = 1, 2
CACHED_CALLS = 2000
SAME = 1e-6  # kcal/mol


@dataclass(frozen=True)
class Pass:
    """One pass over a target's molecules."""

    seconds: float
    affinities: dict[str, float]  # by SMILES; those that have none are missing


@dataclass(frozen=True)
class Bench:
    """Where passes are kept."""

    out: Path | None
    count: int

    def once(self, target: str, way: str, run: Callable[[], Pass]) -> Pass:
        """A pass that was made before, or is made now."""
        path = self.out / f"{target}-{way}-{self.count}.json" if self.out else None
        if path is not None and path.exists():
            return Pass(**json.loads(path.read_text()))
        found = run()
        print(f"{target}, {way}: {found.seconds:.0f} s", flush=True)
        if path is not None:
            path.write_text(json.dumps(asdict(found)))
        return found


def published(target: str, count: int) -> dict[str, float]:
    """SMILES and score of the first molecules of a target."""
    with TABLE.open(newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["target"] == target]
    return {row["smiles"]: float(row["score"]) for row in rows[:count]}


def ours(target: Target, molecules: Sequence[str], seed: int) -> Pass:
    """Through the oracle and an empty cache, processes and all, from SMILES."""
    start = time.perf_counter()
    oracle = Docking(target, seed=seed, exhaustiveness=EXHAUSTIVENESS, processes=PROCESSES, cpu=1)
    with tempfile.TemporaryDirectory() as directory:
        cache = Cache(Path(directory, "oracles.db"))
        answers = Remembered(oracle, cache).score(molecules)
        oracle.close()
        seconds = time.perf_counter() - start
        cache.close()
    for score in answers:
        if score.value is None:
            print(f"no score: {score.smiles}: {score.status}: {score.reason}")
    return Pass(seconds, _values(molecules, answers))


def _values(molecules: Sequence[str], answers: Sequence[Score]) -> dict[str, float]:
    pairs = zip(molecules, answers, strict=True)
    return {smiles: score.value for smiles, score in pairs if score.value is not None}


def directly(target: Target, molecules: Sequence[str]) -> Pass:
    """Vina alone, on ligands that are ready."""
    jobs = [(text, [form.pdbqt for form in ligands(read(text), Rules(SEED))]) for text in molecules]
    start = time.perf_counter()
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(PROCESSES, _make, (target,)) as pool:
        affinities = dict(pool.imap_unordered(_dock, jobs))
    return Pass(time.perf_counter() - start, affinities)


_vina: Vina  # of a process of `directly`


def _make(target: Target) -> None:
    global _vina  # noqa: PLW0603  what a pool's processes have between calls
    _vina = Vina(sf_name="vina", cpu=1, seed=SEED, verbosity=0)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "receptor.pdbqt")
        path.write_text(target.receptor)
        _vina.set_receptor(str(path))
    _vina.compute_vina_maps(list(target.center), list(target.size))


def _dock(job: tuple[str, list[str]]) -> tuple[str, float]:
    text, forms = job
    found = []
    for pdbqt in forms:
        _vina.set_ligand_from_string(pdbqt)
        _vina.dock(exhaustiveness=EXHAUSTIVENESS, n_poses=POSES)
        found.append(float(_vina.energies(n_poses=1)[0][0]))
    return text, min(found)


def beside_vina(name: str, one: Pass, direct: Pass) -> str:
    """A row: our seconds a molecule, Vina's own, and their ratio."""
    for smiles, affinity in one.affinities.items():
        assert abs(affinity - direct.affinities[smiles]) < SAME, "not the same docking"
    count = len(direct.affinities)
    ratio = one.seconds / direct.seconds
    return f"| {name} | {one.seconds / count:.2f} | {direct.seconds / count:.2f} | {ratio:.3f} |"


def agreement(name: str, one: dict[str, float], other: dict[str, float]) -> str:
    """A row: how many both have, rank correlation, mean and mean absolute difference."""
    both = [smiles for smiles in one if smiles in other]
    pairs = [(one[smiles], other[smiles]) for smiles in both]
    rank = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    differences = [ours - theirs for ours, theirs in pairs]
    mean, absolute = statistics.fmean(differences), statistics.fmean(map(abs, differences))
    return f"| {name} | {len(both)} | {rank:.3f} | {mean:+.2f} | {absolute:.2f} |"


def cached_calls(target: Target, molecules: Sequence[str]) -> float:
    """Calls a second, one molecule each, of an oracle that has docked them before."""
    oracle = Docking(target, exhaustiveness=1, processes=PROCESSES, cpu=1)
    with tempfile.TemporaryDirectory() as directory:
        cache = Cache(Path(directory, "oracles.db"))
        remembered = Remembered(oracle, cache)
        remembered.score(molecules)
        asked = remembered.asked
        start = time.perf_counter()
        for call in range(CACHED_CALLS):
            remembered.score([molecules[call % len(molecules)]])
        seconds = time.perf_counter() - start
        assert remembered.asked == asked
        oracle.close()
        cache.close()
    return CACHED_CALLS / seconds


def main() -> None:
    """Dock, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--molecules", type=int, default=20)
    parser.add_argument("--targets", nargs="+", default=["F2", "JAK2", "PPARA"])
    parser.add_argument("--timed", nargs="+", help="targets beside Vina; the first if not given")
    parser.add_argument("--again", action="store_true", help="with another seed, too")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    packages = ("novum", "vina", "meeko", "rdkit", "dockstring")
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(", ".join(f"{name} {version(name)}" for name in packages), end="")
    print(f"; load before: {os.getloadavg()[0]:.1f}\n")
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.out, options.molecules)
    tables = {name: published(name, options.molecules) for name in options.targets}
    scores, times = [], []
    for name, table in tables.items():
        target, molecules = dockstring_target(name), list(table)
        ways = {"ours": partial(ours, target, molecules, SEED)}
        if name in (options.timed or options.targets[:1]):
            ways["direct"] = partial(directly, target, molecules)
        if options.again:
            ways["again"] = partial(ours, target, molecules, OTHER_SEED)
        found = {way: bench.once(name, way, run) for way, run in ways.items()}
        first = found["ours"]
        scores.append(agreement(f"{name}, beside the published", first.affinities, table))
        if "again" in found:
            again = found["again"].affinities
            scores.append(agreement(f"{name}, another seed", again, first.affinities))
        if "direct" in found:
            times.append(beside_vina(name, first, found["direct"]))
    print("\n| target | molecules | Spearman | mean difference, kcal/mol | mean absolute |")
    print("|---|---|---|---|---|", *scores, sep="\n")
    print("\n| target | ours, seconds a molecule | Vina directly | ratio |")
    print("|---|---|---|---|", *times, sep="\n")
    name, table = next(iter(tables.items()))
    calls = cached_calls(dockstring_target(name), list(table)[:4])
    print(f"\nanswered from the cache: {calls:.0f} calls a second")


if __name__ == "__main__":
    main()
