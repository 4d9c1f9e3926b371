"""Docked poses from a lab's cache of oracle answers, read without writing to it."""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from novum.errors import NovumError

CACHE = Path(".novum", "cache", "oracles.db")  # in a lab's directory; `cache.py` writes it
QUERY = "SELECT value, pose FROM answer WHERE molecule=? AND status='ok' AND length(pose) > 0"


def pose(lab: Path, smiles: str, affinities: Sequence[float] = ()) -> str:
    """The pose (an SDF block) of a molecule, by its canonical SMILES; empty if there is none.

    A molecule is docked with several seeds and scoring functions. It is the pose whose value is
    nearest to the best of the measured affinities; without any, that of the least value.

    Raises:
        NovumError: if the cache cannot be read.
    """
    try:
        found = list(_answers(lab / CACHE, smiles))
    except (sqlite3.Error, zlib.error, ValueError) as error:
        raise NovumError(f"{lab / CACHE} cannot be read: {error}") from None
    if not found:
        return ""
    if not affinities:
        return min(found, key=lambda one: one[0])[1]
    wanted = min(affinities)
    return min(found, key=lambda one: abs(one[0] - wanted))[1]


def _answers(path: Path, smiles: str) -> Iterator[tuple[float, str]]:
    if not path.is_file():
        return
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        for value, packed in db.execute(QUERY, (smiles,)):
            yield float(value), zlib.decompress(packed).decode()
