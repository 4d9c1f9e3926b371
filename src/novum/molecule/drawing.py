"""Molecules in two dimensions, as chemists draw them: SVG or PNG, on white.

A molecule that was made from another is laid out as that one was, and what is new in it is marked.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rdkit import Chem
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D
from rdkit.Geometry import Point2D

from novum.molecule.change import Change, change

Kind = Literal["svg", "png"]
Colour = tuple[float, float, float]

NEW: Colour = (1.0, 0.80, 0.36)  # amber: what was added or swapped
INK: Colour = (0.1, 0.1, 0.12)
GREY: Colour = (0.38, 0.38, 0.42)
RULE: Colour = (0.86, 0.86, 0.88)
CUT: Colour = (0.66, 0.83, 0.95)  # blue: where something was taken away
ALIGNED = 6  # atoms that two molecules must share to be laid out alike
SIZE = (260, 200)  # pixels of a molecule alone
PANEL = (290, 220)  # pixels of one in a row or grid, without its legend
SPACE, ARROW, LINE = 12, 44, 19  # pixels between panels, of an arrow there, of a line of text
LINE_WIDTH = 1.6  # of bonds, and of arrows
BOND = 0.08  # of a panel's width is the longest that a bond is drawn
MOST_LETTERS, MOST_LINES = 44, 2  # of a title
PLAIN = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "…": "...", "’": "'", "Δ": "change ", "→": ">"}
)
PNG_SCALE = 2  # PNG pixels for each of SVG


@dataclass(frozen=True, slots=True)
class Depiction:
    """A molecule with coordinates in the plane, and what is marked in it."""

    mol: Chem.Mol
    change: Change


@dataclass(frozen=True, slots=True)
class Panel:
    """One molecule of a grid or a series, with a title and lines of text below it."""

    depiction: Depiction
    title: str = ""
    legend: Sequence[str] = ()


def depict(mol: Chem.Mol, like: Depiction | None = None) -> Depiction:
    """A molecule laid out; `like` its parent where they share enough, with the change marked."""
    drawn = Chem.Mol(mol)
    if like is None:
        return Depiction(_laid_out(drawn), Change())
    found = change(drawn, like.mol)
    if len(found.common) < ALIGNED:
        return Depiction(_laid_out(drawn), found)
    pairs = [(theirs, mine) for mine, theirs in found.common.items()]
    try:
        rdDepictor.GenerateDepictionMatching2DStructure(drawn, like.mol, pairs)
    except (ValueError, RuntimeError):  # a layout that cannot be kept
        drawn = _laid_out(drawn)
    return Depiction(drawn, found)


def _laid_out(mol: Chem.Mol) -> Chem.Mol:
    rdDepictor.Compute2DCoords(mol, canonOrient=True)
    rdDepictor.StraightenDepiction(mol)
    return mol


def picture(depiction: Depiction, kind: Kind = "svg", size: tuple[int, int] = SIZE) -> bytes:
    """One molecule as a picture of `size` (SVG units; a PNG has twice as many pixels)."""
    canvas = _Canvas(kind, size, size)
    canvas.molecule(depiction, (0, 0))
    return canvas.finished()


def grid(
    panels: Sequence[Panel],
    kind: Kind = "svg",
    *,
    columns: int = 4,
    arrows: bool = False,
) -> bytes:
    """Molecules in rows with their legends; `arrows` lead from each to the next.

    Raises:
        ValueError: if there is no molecule.
    """
    if not panels:
        raise ValueError("there is no molecule to draw")
    columns = min(columns, len(panels))
    titles = [_wrapped(panel.title) for panel in panels]
    heads = max(map(len, titles))
    lines = heads + max(len(panel.legend) for panel in panels)
    gap = ARROW if arrows and len(panels) > 1 else SPACE
    wide, high = PANEL[0], PANEL[1] + LINE * lines + SPACE
    rows = -(-len(panels) // columns)
    size = (columns * wide + (columns + 1) * gap, rows * (high + SPACE) + SPACE)
    canvas = _Canvas(kind, size, PANEL)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        left, top = gap + column * (wide + gap), SPACE + row * (high + SPACE)
        canvas.frame((left, top), (wide, high))
        canvas.molecule(panel.depiction, (left, top))
        text = top + PANEL[1]
        canvas.words(titles[number], (left + SPACE, text), 13.0, INK)
        canvas.words(panel.legend, (left + SPACE, text + LINE * heads), 12.0, GREY)
        if arrows and number:
            canvas.arrow((left - gap, top + PANEL[1] / 2), gap)
    return canvas.finished()


class _Canvas:
    """One drawing of RDKit's, of either kind; all lengths are those of the SVG."""

    def __init__(self, kind: Kind, size: tuple[int, int], panel: tuple[int, int]) -> None:
        self._scale = PNG_SCALE if kind == "png" else 1
        make = rdMolDraw2D.MolDraw2DCairo if kind == "png" else rdMolDraw2D.MolDraw2DSVG
        self._draw = make(*(round(length * self._scale) for length in (*size, *panel)))
        options = self._draw.drawOptions()
        options.fixedBondLength = BOND * panel[0] * self._scale
        options.bondLineWidth = LINE_WIDTH
        options.padding = 0.06
        options.minFontSize = 9 * self._scale
        options.maxFontSize = 14 * self._scale
        options.clearBackground = False
        options.continuousHighlight = True
        options.highlightBondWidthMultiplier = 12
        options.setAnnotationColour((0.35, 0.35, 0.35))
        self._draw.ClearDrawing()

    def molecule(self, depiction: Depiction, at: tuple[float, float]) -> None:
        """The molecule in a panel whose corner is `at`."""
        new, cut = depiction.change.atoms, depiction.change.cut
        colours = dict.fromkeys(new, NEW) | dict.fromkeys(cut, CUT)
        bonds = dict.fromkeys(depiction.change.bonds, NEW)
        self._draw.SetOffset(*(round(length * self._scale) for length in at))
        mol = rdMolDraw2D.PrepareMolForDrawing(depiction.mol, kekulize=True)
        self._draw.DrawMolecule(
            mol,
            highlightAtoms=list(colours),
            highlightAtomColors=colours,
            highlightBonds=list(bonds),
            highlightBondColors=bonds,
            highlightAtomRadii=dict.fromkeys(colours, 0.42),
        )
        self._draw.SetOffset(0, 0)

    def words(
        self, lines: Sequence[str], at: tuple[float, float], size: float, colour: Colour
    ) -> None:
        """Lines of text below each other."""
        self._draw.SetFontSize(size * self._scale)
        self._draw.SetColour(colour)
        for number, line in enumerate(lines):
            where = self._point(at[0], at[1] + LINE * (number + 0.5))
            self._draw.DrawString(_drawable(line), where, 1, True)

    def frame(self, at: tuple[float, float], size: tuple[float, float]) -> None:
        """A thin box around a panel."""
        self._draw.SetColour(RULE)
        self._draw.SetLineWidth(1)
        self._draw.SetFillPolys(False)
        corner = self._point(at[0] + size[0], at[1] + size[1])
        self._draw.DrawRect(self._point(*at), corner, rawCoords=True)
        self._draw.SetFillPolys(True)
        self._draw.SetLineWidth(LINE_WIDTH)

    def arrow(self, at: tuple[float, float], length: float) -> None:
        """An arrow to the right across a gap that begins `at`."""
        start, end = self._point(at[0] + 6, at[1]), self._point(at[0] + length - 6, at[1])
        self._draw.DrawArrow(start, end, True, 0.3, 0.4, GREY, True)

    def _point(self, x: float, y: float) -> Point2D:
        return Point2D(x * self._scale, y * self._scale)

    def finished(self) -> bytes:
        """The picture's file."""
        self._draw.FinishDrawing()
        text = self._draw.GetDrawingText()
        return text if isinstance(text, bytes) else text.encode()


def _wrapped(title: str) -> list[str]:
    """A title in as many lines as it may have; the rest of it is cut off."""
    return textwrap.wrap(_drawable(title), MOST_LETTERS, max_lines=MOST_LINES, placeholder=" ...")


def _drawable(line: str) -> str:
    """A line in the characters that RDKit's font has."""
    return line.translate(PLAIN).encode("ascii", "replace").decode()
