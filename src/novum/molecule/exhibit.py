"""The exhibit `molecules`: the lead series in pictures, the molecules as tables, docked poses.

It writes beside the report:

    series.png, series.svg   the start and each lead that was kept, what is new in each marked
    pose.png                 the pose of the lead, where a browser is installed
    poses.html               poses in three dimensions, in any browser, without a network
    molecules.csv, .sdf      all molecules, best first, the SDF as docked
    molecules/               a drawing of each
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from novum.errors import NovumError
from novum.export import write_whole
from novum.molecule.browser import screenshot
from novum.molecule.compounds import Compound, best_first, compounds, seconds_of, series
from novum.molecule.drawing import Depiction, Panel, depict, grid, picture
from novum.molecule.listing import COLUMNS, columns, csv_text, sdf_text
from novum.molecule.remembered import pose
from novum.molecule.scores import DOCKING_SECONDS
from novum.molecule.site import site_of
from novum.molecule.viewer import Pose, page
from novum.report.exhibits import Exhibit, Material
from novum.report.facts import Facts
from novum.report.words import percent, quoted, score_text, table
from novum.terminal import counted, duration

HEADING = "## The lead series"
NOTHING = (
    "*No molecules:* this exhibit shows the last line of an editable `.smi` file, "
    "and no experiment has one."
)
NO_BROWSER = (
    "*No picture of the pose:* it is drawn by Chromium or Chrome, and none on this machine could. "
    "Open [poses.html](poses.html) instead."
)
MARKS = (
    "Amber: what is new against the molecule before. Blue: where something was taken away. "
    "Score and numbers are means over the runs of the search."
)
CAUTION = (
    "A pose is a model's guess. Thick: residues within 4.5 Å; dashed: polar contacts within 3.5 Å."
)
ROW = 3  # molecules in a row of the series
MOST_POSES = 12
SMALL = (220, 150)  # of a drawing in a table
POSE_SIZE = (1000, 640)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What all parts of the exhibit are made from."""

    facts: Facts
    found: Sequence[Compound]
    drawn: Mapping[int, Depiction]
    poses: Mapping[int, str]

    @property
    def metric(self) -> str:
        return self.facts.lab.metric.name

    @property
    def scored(self) -> list[Compound]:
        return best_first(self.found, minimize=self.facts.lab.minimize)

    @property
    def series(self) -> list[Compound]:
        return [one for one in series(self.found) if one.number in self.drawn]

    def score(self, one: Compound) -> str:
        return score_text(one.score, self.facts.noise_sd)


class Molecules:
    """Shows a campaign in a molecule lab, as chemists look at it."""

    def show(self, material: Material, directory: Path) -> Exhibit:
        """The exhibit, its files written into the report's directory."""
        found = compounds(material)
        if not found:
            return Exhibit(NOTHING)
        poses, trouble = _remembered(found, material.lab)
        shown = _Shown(material.facts, found, _drawn(found), poses)
        files = [*_drawings(shown, directory), *_lists(shown, directory)]
        pictured, pictures = _series(shown, directory)
        posed, pages = _poses(shown, material.lab, directory)
        text = "\n\n".join(
            part
            for part in (HEADING, pictured, posed, trouble, _docking(material), _links(shown))
            if part
        )
        appendix = "\n\n".join(part for part in (_table(shown), _refused(shown)) if part)
        return Exhibit(text, appendix, (*pictures, *pages, *files))


def _remembered(found: Sequence[Compound], lab: Path) -> tuple[dict[int, str], str]:
    """The poses by the numbers of their experiments, or else why there is none."""
    poses: dict[int, str] = {}
    try:
        for one in found:
            placed = pose(lab, one.smiles, one.affinities) if one.mol is not None else ""
            if placed:
                poses[one.number] = placed
    except NovumError as error:
        return {}, f"*No poses:* {quoted(str(error), 400)}"
    return poses, ""


def _drawn(found: Sequence[Compound]) -> dict[int, Depiction]:
    """Each molecule laid out like the lead that it was built on, which was laid out before it."""
    drawn: dict[int, Depiction] = {}
    leads: dict[str, Depiction] = {}
    for one in found:
        if one.mol is None:
            continue
        before = None
        if one.parent is not None:
            known = leads.get(one.parent_smiles)
            before = known if known is not None else depict(one.parent)
        drawn[one.number] = depict(one.mol, before)
        leads.setdefault(one.smiles, drawn[one.number])
    return drawn


def _drawings(shown: _Shown, directory: Path) -> list[Path]:
    """A drawing of each molecule in a folder; old ones go, and nothing else that lies there."""
    folder = directory / "molecules"
    for old in folder.glob("[0-9][0-9][0-9][0-9].svg"):
        old.unlink()
    for number, depiction in shown.drawn.items():
        write_whole(directory / _drawing(number), picture(depiction, "svg", SMALL))
    return [folder] if shown.drawn else []


def _drawing(number: int) -> str:
    return f"molecules/{number:04d}.svg"


def _lists(shown: _Shown, directory: Path) -> list[Path]:
    rest = [one for one in shown.found if one.score is None]
    everything = [*shown.scored, *rest]
    texts = {
        "molecules.csv": csv_text(everything, shown.metric),
        "molecules.sdf": sdf_text(shown.scored, shown.metric, shown.poses),
    }
    for name, text in texts.items():
        write_whole(directory / name, text.encode())
    return [directory / name for name in texts]


def _series(shown: _Shown, directory: Path) -> tuple[str, list[Path]]:
    """The series as a picture, with a sentence; nothing before the start is measured."""
    steps = shown.series
    if not steps:
        return "", []
    panels = [
        Panel(shown.drawn[one.number], *_legend(shown, one, before))
        for one, before in zip(steps, [None, *steps], strict=False)
    ]
    files = []
    for kind in ("png", "svg"):
        path = directory / f"series.{kind}"
        write_whole(path, grid(panels, kind, columns=ROW, arrows=True))
        files.append(path)
    changes = counted(len(steps) - 1, "kept change")
    first, last = steps[0], steps[-1]
    words = f"From the start (`{first.smiles}`) in {changes} to `{last.smiles}`."
    if len(steps) == 1:
        words = f"The start, `{first.smiles}`; no change was kept yet."
    alt = f"the start and {changes}"
    return f"{words} {MARKS}\n\n![{alt}](series.png)", files


def _legend(shown: _Shown, one: Compound, before: Compound | None) -> tuple[str, list[str]]:
    """A title; the score with its change, and the numbers, two lines of them."""
    score = f"{shown.metric} {shown.score(one)}"
    if before is not None and one.score is not None and before.score is not None:
        score += f"   ({one.score - before.score:+.2f})"
    title = "start" if before is None else one.title
    numbers = [
        f"{head} {one.numbers[name]:.{_digits(name)}f}"
        for name, head, _ in COLUMNS
        if name in one.numbers
    ]
    lines = [score, "   ".join(numbers[:3]), "   ".join(numbers[3:])]
    return f"{one.number}  {title}", [line for line in lines if line]


def _digits(name: str) -> int:
    return {"mw": 0, "affinity": 1, "sa": 1, "logp": 1}.get(name, 2)


def _poses(shown: _Shown, lab: Path, directory: Path) -> tuple[str, list[Path]]:
    """The page of poses and its picture: the start, each keep and the best; the lead is last."""
    chosen = _chosen(shown)
    site = site_of(lab)
    title = f"{shown.facts.lab.lab.name}: docked poses" + (f", {site.name}" if site.name else "")
    listed = [Pose(_named(one), shown.poses[one.number], _rows(shown, one)) for one in chosen]
    text = page(title, listed, site.receptor, site.box)
    if text is None:
        return "", []
    path, image = directory / "poses.html", directory / "pose.png"
    write_whole(path, text.encode())
    last = chosen[-1]
    where = f" into {quoted(site.name)}" if site.name else ""
    words = f"Experiment {quoted(_named(last))} as the program docked it{where}. {CAUTION}"
    if not screenshot(path, f"picture{len(listed) - 1}", image, POSE_SIZE):
        write_whole(image, picture(shown.drawn[last.number], "png", (500, 320)))
        words = NO_BROWSER
    return f"### A docked pose\n\n{words}\n\n![experiment {last.number}](pose.png)", [image, path]


def _chosen(shown: _Shown) -> list[Compound]:
    """Whose poses are shown: the start first, the lead last, between them keeps and the best."""
    steps = [one for one in shown.series if one.number in shown.poses]
    taken = {one.smiles for one in steps}
    others = [one for one in shown.scored if one.number in shown.poses and one.smiles not in taken]
    first, rest = steps[:1], steps[1:]
    room = max(0, MOST_POSES - len(first) - len(rest[-MOST_POSES + 1 :]))
    return [*first, *others[: min(room, 3)], *rest[-MOST_POSES + 1 :]]


def _named(one: Compound) -> str:
    return f"{one.number} {one.name or one.title}"


def _rows(shown: _Shown, one: Compound) -> list[tuple[str, str]]:
    numbers = [
        (head, f"{one.numbers[name]:.{_digits(name)}f} {unit}".strip())
        for name, head, unit in COLUMNS[:3]
        if name in one.numbers
    ]
    return [(shown.metric, shown.score(one)), *numbers]


def _docking(material: Material) -> str:
    """The share of the campaign's wall time that was spent docking."""
    docking, wall = seconds_of(material.trials, DOCKING_SECONDS), material.facts.cost.seconds
    if docking is None or wall <= 0:
        return ""
    return (
        f"Docking took {duration(docking)} of {duration(wall)} of wall time: "
        f"{percent(docking / wall)}. What came from the cache took none."
    )


def _links(shown: _Shown) -> str:
    drawn, docked = len(shown.scored), len(shown.poses)
    parts = [
        f"[molecules.csv](molecules.csv) ({counted(len(shown.found), 'molecule')}, best first)",
        f"[molecules.sdf](molecules.sdf) ({drawn} with a score, {docked} with a docked pose)",
    ]
    if shown.poses:
        parts.append("[poses.html](poses.html) (poses in three dimensions, in any browser)")
    return "Files: " + ", ".join(parts) + "."


def _table(shown: _Shown) -> str:
    """All molecules that have a score, the best first."""
    known = columns(shown.scored)
    heads = [head for _, head, _ in known]
    rows = [
        (
            str(one.number),
            _molecule(one),
            shown.score(one),
            *(_cell(one, name) for name, _, _ in known),
            f"**{one.outcome}**" if one.outcome == "keep" else str(one.outcome),
        )
        for one in shown.scored
    ]
    if not rows:
        return ""
    units = ", ".join(f"{head} in {unit}" for _, head, unit in known if unit)
    note = "The best first." + (f" {units}." if units else "")
    head = ("nr", "molecule", shown.metric, *heads, "verdict")
    return f"## Molecules\n\n{note}\n\n" + table(head, rows, f"nr {shown.metric} {' '.join(heads)}")


def _cell(one: Compound, name: str) -> str:
    return f"{one.numbers[name]:.{_digits(name)}f}" if name in one.numbers else "–"


def _molecule(one: Compound) -> str:
    """The drawing with the SMILES below it: beside it, the drawing would have no room."""
    if one.mol is None:
        return quoted(one.smiles)
    return f"![{one.number}]({_drawing(one.number)})<br>`{one.smiles}`"


def _refused(shown: _Shown) -> str:
    rows = [
        (
            str(one.number),
            _molecule(one),
            quoted(one.title),
            quoted(one.why, 240),
        )
        for one in shown.found
        if one.refused
    ]
    if not rows:
        return ""
    note = "These have no score: a filter said no, or no number could be had."
    return f"## Refused molecules\n\n{note}\n\n" + table(
        ("nr", "molecule", "idea", "reason"), rows, "nr"
    )
