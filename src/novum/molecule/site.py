"""Where a lab docks: the receptor and the box, of the oracle that `oracle.toml` describes."""

from dataclasses import dataclass
from pathlib import Path

from novum.errors import NovumError
from novum.molecule.oracles import read_oracle
from novum.molecule.viewer import Box

ORACLE = "oracle.toml"


@dataclass(frozen=True, slots=True)
class Site:
    """A docking site: a name, the receptor as PDBQT text, and the box; empty if there is none."""

    name: str = ""
    receptor: str = ""
    box: Box | None = None


def site_of(lab: Path) -> Site:
    """Where a lab's oracle docks; an empty site if it does not, or cannot be told.

    Poses can be shown without a receptor, so nothing that is wrong here is an error.
    """
    try:
        oracle = read_oracle(lab / ORACLE)
    except NovumError:
        return Site()
    target = getattr(oracle, "target", None)  # of those that dock: a name, a receptor, a box
    if target is None or not hasattr(target, "receptor"):
        return Site()
    return Site(target.name, target.receptor, Box(target.center, target.size))
