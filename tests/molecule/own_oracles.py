"""Oracles that tests name by `own_oracles:Class`: they count, wait, die, misbehave."""

import os
import signal
import time
from pathlib import Path

from rdkit import Chem

from novum.molecule.molecules import MoleculeError, read
from novum.molecule.scores import Score, Status

# Ten different molecules, canonical.
MOLECULES = ["C", "CC", "CCC", "CCO", "CCN", "CCCC", "CCCO", "CCCN", "c1ccccc1", "Cc1ccccc1"]


class Counting:
    """Scores by the length of the SMILES, and notes what it was asked for."""

    name = "counting"
    version = "1"
    better = "low"

    def __init__(self, settings=None):
        self.settings = settings or {"seed": 1}
        self.calls: list[str] = []

    @classmethod
    def from_table(cls, table, directory):
        return cls()

    def score(self, molecules):
        self.calls += molecules
        return [self.answer(smiles) for smiles in molecules]

    def answer(self, smiles):
        try:
            return self.one(read(smiles).smiles)
        except MoleculeError as error:
            return Score.without(smiles, error.status, error.reason)

    def one(self, smiles):
        return Score(smiles, float(len(smiles)), numbers={"carbons": float(smiles.count("C"))})


class Noting(Counting):
    """Takes a little time for each, and notes in a file when it is done with one."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    @classmethod
    def from_table(cls, table, directory):
        return cls(directory / "asked.txt")

    def score_each(self, molecules):
        for position, smiles in enumerate(molecules):
            time.sleep(0.03)
            with self.path.open("a") as file:
                file.write(f"{smiles}\n")
            yield position, self.answer(smiles)


class Deadly(Counting):
    """Its process dies of propane, and it raises for benzene. It notes what it is asked."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    @classmethod
    def from_table(cls, table, directory):
        return cls(directory / "asked.txt")

    def one(self, smiles):
        with self.path.open("a") as file:
            file.write(f"{smiles}\n")
        if smiles == "CCC":
            os.kill(os.getpid(), signal.SIGSEGV)
        if smiles == "c1ccccc1":
            raise RuntimeError("an aromatic surprise")
        return super().one(smiles)


class Shot(Deadly):
    """Its process is shot at propane, until there is a file `quiet`."""

    def one(self, smiles):
        if smiles == "CCC" and not self.path.with_name("quiet").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return Counting.one(self, smiles)


class Absent(Counting):
    """Is never there."""

    def one(self, smiles):
        return Score.without(smiles, Status.UNAVAILABLE, "the service is down")


class Broken(Counting):
    """Gives an answer too few."""

    def score(self, molecules):
        return super().score(molecules)[1:]


class Shifted(Counting):
    """Gives the answers to its neighbours."""

    def score(self, molecules):
        return super().score([*molecules[1:], molecules[0]])


class Placing(Counting):
    """Gives a pose for what has no ring."""

    def one(self, smiles):
        pose = "" if "1" in smiles else Chem.MolToMolBlock(Chem.MolFromSmiles(smiles)) + "$$$$\n"
        return Score(smiles, float(len(smiles)), numbers={"carbons": 1.0}, pose=pose)
