"""A molecule lab that docks quickly, and oracles that answer as a test wants."""

import re
from pathlib import Path

import novum.labs
from novum.molecule.scores import Score, Status
from novum.molecule.targets import dockstring_target

SHIPPED = Path(novum.labs.__file__).parent / "molecule"
START = (SHIPPED / "lead.smi").read_text()
SIDE, AROUND = 14.0, 5.0  # Å: of the box, and of the receptor beyond it


class Scripted:
    """An oracle that gives one status to all, or the number of carbons; it counts what it is asked.

    In `oracle.toml`: kind = "molecule_cases:Scripted", with `status` and `reason` if it is to fail.
    """

    name, version, better = "scripted", "1", "low"
    asked: list[str] = []  # noqa: RUF012
    seeds: list[int] = []  # noqa: RUF012

    def __init__(self, table):
        self.settings = {"seed": table.get("seed", 0), "scoring": table.get("scoring", "")}
        self.status, self.reason = Status(table.get("status", "ok")), table.get("reason", "")

    @classmethod
    def from_table(cls, table, directory):
        return cls(table)

    def score(self, molecules):
        self.asked.extend(molecules)
        self.seeds.append(self.settings["seed"])
        if self.status is not Status.OK:
            return [Score.without(one, self.status, self.reason) for one in molecules]
        numbers = {"docking_seconds": 2.5}
        return [Score(one, -float(one.upper().count("C")), numbers=numbers) for one in molecules]


def scripted(lab: Path, **table: object) -> None:
    """Put the scripted oracle into a lab's `oracle.toml`."""
    lines = "".join(f"{key} = {value!r}\n" for key, value in table.items())
    text = (SHIPPED / "oracle.toml").read_text()
    changed = re.sub(
        r"(?s)\[oracle\].*?\[holdout\]",
        lambda _: f'[oracle]\nkind = "molecule_cases:Scripted"\n{lines}\n[holdout]',
        text,
    )
    (lab / "oracle.toml").write_text(re.sub(r"(?m)^exhaustiveness = 16$", "", changed))


def small_receptor() -> tuple[str, tuple[float, float, float]]:
    """The pocket of PARP1 as PDBQT, and its centre: few atoms, so that maps are made quickly."""
    target = dockstring_target("PARP1")
    half = SIDE / 2 + AROUND

    def near(line: str) -> bool:
        places = (float(line[start : start + 8]) for start in (30, 38, 46))
        return all(abs(a - b) < half for a, b in zip(places, target.center, strict=True))

    atoms = [line for line in target.receptor.splitlines() if line.startswith("ATOM")]
    return "".join(f"{line}\n" for line in atoms if near(line)), target.center


def quick_docking(lab: Path) -> None:
    """Let a lab dock into a small box, with little effort."""
    receptor, centre = small_receptor()
    (lab / "receptor.pdbqt").write_text(receptor)
    text = (lab / "oracle.toml").read_text()
    box = f'receptor = "receptor.pdbqt"\ncenter = {list(centre)}\nsize = {[SIDE] * 3}\nposes = 1'
    text = re.sub(r"(?m)^target = .*$", box, text)
    text = re.sub(r"(?m)^exhaustiveness = \d+", "exhaustiveness = 1", text)
    (lab / "oracle.toml").write_text(text)
