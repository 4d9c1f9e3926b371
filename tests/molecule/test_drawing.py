"""Drawings: aligned with the parent, the change marked, in both kinds."""

import re
import struct
from xml.etree import ElementTree

import pytest

pytest.importorskip("rdkit")

from rdkit import Chem

from novum.molecule.drawing import CUT, NEW, PANEL, SIZE, Panel, depict, grid, picture

START, FLUORO = "CCOC(=O)c1ccc(NC(=O)c2ccccc2)cc1", "CCOC(=O)c1ccc(NC(=O)c2ccccc2F)cc1"


def mol(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


def hexed(colour: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{int(255 * part):02X}" for part in colour)


def places(depiction) -> list[tuple[float, float]]:
    return [tuple(round(c, 3) for c in p[:2]) for p in depiction.mol.GetConformer().GetPositions()]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def test_what_is_new_is_marked_in_its_colour_and_only_there():
    first = depict(mol(START))
    plain = picture(first).decode()
    marked = picture(depict(mol(FLUORO), first)).decode()
    taken = picture(depict(mol(START), depict(mol(FLUORO)))).decode()
    assert hexed(NEW) not in plain and hexed(CUT) not in plain
    (fluorine,) = [atom.GetIdx() for atom in mol(FLUORO).GetAtoms() if atom.GetSymbol() == "F"]
    circles = re.findall(r"<ellipse [^>]*class='atom-(\d+)'[^>]*fill:(#\w+)", marked)
    assert circles == [(str(fluorine), hexed(NEW))]
    assert hexed(CUT) in taken and hexed(NEW) not in taken


def test_what_both_have_stays_where_it_was():
    first = depict(mol(START))
    second = depict(mol(FLUORO), first)
    here, there = places(second), places(first)
    assert len(second.change.common) == 20
    assert all(here[mine] == there[its] for mine, its in second.change.common.items())


def test_atoms_have_their_usual_colours_on_white():
    text = picture(depict(mol(START))).decode()
    assert "fill:#FFFFFF" in text
    assert "#FF0000" in text  # oxygen
    assert "#0000FF" in text  # nitrogen


@pytest.mark.parametrize("smiles", ["C", "[Na+]", "F", "C" * 60, "c1ccc2c(c1)[nH]c1ccccc12"])
def test_the_smallest_and_the_longest_can_be_drawn(smiles):
    ElementTree.fromstring(picture(depict(mol(smiles), depict(mol(START)))))
    assert size(picture(depict(mol(smiles)), "png")) == (2 * SIZE[0], 2 * SIZE[1])


def test_a_grid_has_room_for_each_panel_and_arrows_between_them():
    panels = [Panel(depict(mol(START)), f"molecule {nr}", ["-9.1"]) for nr in range(5)]
    text = grid(panels, columns=3, arrows=True).decode()
    root = ElementTree.fromstring(text)
    wide, high = (float(root.attrib[name].removesuffix("px")) for name in ("width", "height"))
    assert wide > 3 * PANEL[0] and high > 2 * PANEL[1]
    without = grid(panels, columns=3).decode()
    assert text.count("<path") - without.count("<path") >= 4 * 2  # a line and a head each
    assert size(grid(panels, "png", columns=3, arrows=True)) == (2 * wide, 2 * high)


def test_a_legend_of_any_characters_can_be_drawn():
    title = "<b>α → β</b> & 日本語 " * 9
    ElementTree.fromstring(grid([Panel(depict(mol("CCO")), title, ["± “quoted” \x00"])]))


def test_a_grid_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="no molecule"):
        grid([])
