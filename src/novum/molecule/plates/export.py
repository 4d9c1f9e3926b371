"""`novum assay export`: a plate is picked, laid out, remembered, and only then shown."""

import csv
import io
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from novum import asking
from novum.errors import UsageError
from novum.ledger.home import CACHE, make_home
from novum.molecule.lead import LONGEST_NAME, Entry
from novum.molecule.plates.assay import Assay, read_assay, require_fitting
from novum.molecule.plates.layout import SHAPES, arrange, room
from novum.molecule.plates.oracle import answer_in
from novum.molecule.plates.picking import KNOWN, Candidate, Picked, pick
from novum.molecule.plates.queueing import in_line
from novum.molecule.plates.series import lead_of
from novum.molecule.plates.store import STORE_FILE, Known, Plate, PlateStore

Ideas = Callable[[str], Iterable[Candidate]]
"""What could be made of a lead, given its canonical SMILES."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for; None means: as `assay.toml` says."""

    size: int | None = None
    most: int | None = None  # molecules
    seed: int | None = None
    again: tuple[str, ...] = ()  # molecules to measure once more, by name or SMILES


@dataclass(frozen=True, slots=True)
class Exported:
    """A plate that is remembered: its CSV, and what to say of it."""

    plate: str
    text: str
    words: tuple[str, ...]


def store_of(directory: Path) -> PlateStore:
    """The plates of a lab."""
    return PlateStore(make_home(directory) / CACHE / STORE_FILE)


def export(directory: Path, ideas: Iterable[Candidate], of_lead: Ideas, wish: Wish) -> Exported:
    """Make the next plate of a lab.

    Raises:
        UsageError: if there is no assay, nothing to measure, or no room for it; nothing is
            changed then.
    """
    assay = read_assay(directory)
    on = asking.ground(directory)
    require_fitting(assay, on.lab)
    series = assay.tables.assay.series
    text = on.files.get(series, "")
    lead = lead_of(text, series)
    size = wish.size or assay.tables.plate.format
    if size not in SHAPES:
        raise UsageError(f"--plate {size}: a plate has 24, 96 or 384 wells")
    fits = room(assay, size).molecules
    count = fits if wish.most is None else min(fits, wish.most)
    with closing(store_of(directory)) as store:
        first = _again(store, assay, wish.again, lead.smiles)
        first += in_line(directory, on, series)
        known = _known(store, assay, wish.again) | {lead.smiles}
        number = len(store.plates()) + 1
        seed = number if wish.seed is None else wish.seed
        picked = pick(
            _all(ideas, of_lead, lead),
            count,
            known=known,
            first=first,
            order=assay.tables.picking.order,
            too_similar=assay.tables.picking.too_similar,
            seed=seed,
        )
        if not picked.chosen:
            raise UsageError(_nothing(picked))
        plate = _remember(store, assay, size, seed, picked, text, lead)
        return Exported(plate.name, as_csv(store, plate), _words(assay, plate, picked))


def show(directory: Path, name: str) -> Exported:
    """A plate that went out before, once more.

    Raises:
        UsageError: if there is none of that name.
    """
    with closing(store_of(directory)) as store:
        plate = require_plate(store, name)
        return Exported(plate.name, as_csv(store, plate), (f"plate {plate.name}, as it went out",))


def drop(directory: Path, name: str) -> str:
    """Expect no more of a plate, so that its molecules may go on another; returns what is said.

    Raises:
        UsageError: if there is none of that name.
    """
    with closing(store_of(directory)) as store:
        plate = require_plate(store, name)
        store.drop(plate.name)
    return (
        f"nothing more is expected of plate {plate.name}; its molecules without results may go on "
        "another, and a file that comes all the same is taken"
    )


def require_plate(store: PlateStore, name: str) -> Plate:
    """A plate by its name.

    Raises:
        UsageError: if there is none.
    """
    plate = store.plate(name)
    if plate is None:
        known = ", ".join(one.name for one in store.plates()) or "none yet"
        raise UsageError(f"there is no plate {name} here; plates: {known}")
    return plate


def as_csv(store: PlateStore, plate: Plate) -> str:
    """The plate as a laboratory gets it: a line for each well, with a column for the result."""
    known = store.molecules()
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["plate", "well", "role", "molecule", "smiles", "replicate", plate.heading])
    for content in store.layout(plate.name):
        molecule = known.get(content.subject)
        name = molecule.name if molecule else content.subject
        smiles = molecule.smiles if molecule else ""
        rows.writerow([plate.name, content.well, content.role, name, smiles, content.replicate, ""])
    return out.getvalue()


def _all(ideas: Iterable[Candidate], of_lead: Ideas, lead: Entry) -> Iterable[Candidate]:
    yield from ideas
    yield from of_lead(lead.smiles)


def _known(store: PlateStore, assay: Assay, again: Sequence[str]) -> set[str]:
    """Molecules that need no further plate: they are measured, or their results may come."""
    return {
        smiles
        for smiles, one in store.molecules().items()
        if not answer_in(store, smiles, assay).state.again and not {one.name, smiles} & set(again)
    }


def _again(store: PlateStore, assay: Assay, asked: Sequence[str], lead: str) -> list[Candidate]:
    """Molecules that have to be measured again, those that the person names first."""
    known = store.molecules()
    missing = set(asked) - {one.name for one in known.values()} - set(known)
    if missing:
        raise UsageError(f"--again {missing.pop()}: no molecule of that name was on a plate")
    named, short = [], []
    for smiles, one in known.items():
        candidate = Candidate(smiles, one.title, one.hypothesis, one.key, one.kind, one.source)
        if {one.name, smiles} & set(asked):
            named.append(candidate)
        elif smiles != lead and answer_in(store, smiles, assay).state.again:
            short.append(candidate)
    return named + short


def _remember(
    store: PlateStore,
    assay: Assay,
    size: int,
    seed: int,
    picked: Picked,
    series: str,
    lead: Entry,
) -> Plate:
    molecules = [one.smiles for one in picked.chosen]
    layout = arrange(assay, size, lead.smiles, molecules, seed)
    while True:
        name = f"P{len(store.plates()) + 1:03}"
        plate = Plate(name, time.time(), size, seed, assay.unit, assay.heading, series, lead.smiles)
        known = _named(store, plate, picked.chosen, lead, assay)
        if store.add_plate(plate, layout, known) is not None:
            return plate


def _named(
    store: PlateStore, plate: Plate, chosen: Sequence[Candidate], lead: Entry, assay: Assay
) -> list[Known]:
    """The molecules of a plate, each with a name of its own in this lab."""
    taken = {one.name for one in store.molecules().values()}
    taken |= {control.name for control in assay.controls.values()}
    name = lead.name.replace(" ", "_") or "lead"
    while name in taken and lead.smiles not in store.molecules():
        name += "-lead"
    taken.add(name)
    known = [Known(lead.smiles, name, "the lead")]
    for number, one in enumerate(chosen, 1):
        own = f"{plate.name}-{number:02}"
        if one.name and len(one.name) <= LONGEST_NAME and one.name not in taken:
            own = one.name
        taken.add(own)
        known.append(
            Known(one.smiles, own, one.title, one.hypothesis, one.key, one.kind, one.source)
        )
    return known


def _nothing(picked: Picked) -> str:
    if picked.refused:
        smiles, why = picked.refused[0]
        return (
            f"none of {len(picked.refused)} candidates can go on a plate, the first ({smiles:.60}) "
            f"because: {why}; give others: --from ideas.smi"
        )
    return (
        "there is no candidate: nothing can be made of the lead by the lab's transformations, and "
        "nothing is queued; give some: --from ideas.smi"
    )


def _words(assay: Assay, plate: Plate, picked: Picked) -> tuple[str, ...]:
    count = len(picked.chosen)
    replicates, lead = assay.tables.plate.replicates, assay.tables.plate.lead
    used = count * replicates + lead + sum(one.wells for one in assay.controls.values())
    told = [
        f"plate {plate.name}: {count} {'molecule' if count == 1 else 'molecules'}, {replicates} "
        f"wells each, {lead} of the lead; {used} of {plate.size} wells (seed {plate.seed})"
    ]
    if picked.left:
        told.append(f"{picked.left} candidates found no room; they may go on the next plate")
    strange = [one for one in picked.refused if one[1] != KNOWN]
    told += [f"left out: {smiles:.60}: {why}" for smiles, why in strange[:5]]
    if len(strange) > 5:
        told.append(f"left out: {len(strange) - 5} more")
    told.append("fill in the last column, or give the file of the instrument: novum assay import")
    return tuple(told)
