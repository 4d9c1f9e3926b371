"""`novum assay import`: a file of results is checked as a whole, taken in, and put in line."""

import getpass
import hashlib
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from novum import asking
from novum.errors import UsageError
from novum.molecule.plates.assay import Assay, read_assay, require_fitting
from novum.molecule.plates.export import require_plate, store_of
from novum.molecule.plates.file import FileError
from novum.molecule.plates.layout import Content
from novum.molecule.plates.oracle import open_since
from novum.molecule.plates.queueing import Queued, queue
from novum.molecule.plates.reading import (
    Found,
    Hints,
    Holding,
    Reading,
    Sheet,
    named_plates,
    read_sheet,
)
from novum.molecule.plates.results import Outcome, evaluated, quality_facts
from novum.molecule.plates.series import lead_of
from novum.molecule.plates.store import Import, Plate, PlateStore
from novum.terminal import typed

_TOLD = 12  # wells that are named one by one


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person says of a file beyond what it says itself."""

    plate: str | None = None
    who: str = ""
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file. `fresh` is false if it was in already, and nothing changed."""

    plate: str
    fresh: bool
    readings: tuple[Reading, ...]
    outcome: Outcome
    superseded: tuple[str, ...]  # wells that had another value before
    queued: tuple[Queued, ...]
    words: tuple[str, ...]


def take_in(directory: Path, path: Path, wish: Wish) -> Imported:
    """Take a file of results in, and put the molecules in line that are complete by it.

    Raises:
        UsageError: if the file as a whole is wrong; nothing is changed then.
        PlateError: if the plate's controls are not good enough; nothing is changed then.
    """
    assay = read_assay(directory)
    on = asking.ground(directory)
    require_fitting(assay, on.lab)
    lead = _lead(on, assay)
    content = _content(path)
    digest = hashlib.sha256(content).hexdigest()
    with closing(store_of(directory)) as store:
        plate = _plate_of(store, content, digest, path.name, assay, wish.plate)
        _require_same_unit(plate, assay)
        before = store.imports(plate.name)
        if (earlier := _earlier(before, digest)) is not None:
            return _repeated(directory, store, assay, lead, earlier, path.name)
        layout = store.layout(plate.name)
        held = _holdings(store, assay, layout)
        sheet = read_sheet(content, path.name, assay, plate.size, held, wish.hints)
        came = Import(0, plate.name, path.name, digest, time.time(), wish.who or getpass.getuser())
        taken = store.add_import(
            came, assay.digest, content, sheet.readings, partial(evaluated, assay, layout)
        )
        if taken is None:
            return _repeated(directory, store, assay, lead, came, path.name)
        queued = tuple(queue(directory, store, assay, lead))
        words = _words(plate, layout, sheet, taken.outcome, taken.corrected, lead)
        return Imported(
            plate.name,
            True,
            sheet.readings,
            taken.outcome,
            taken.corrected,
            queued,
            (*words, *_queue_words(directory, queued)),
        )


def put_in_line(directory: Path) -> list[str]:
    """Put every measured molecule in line again, for a campaign that begins anew; says which.

    Raises:
        UsageError: if there is no assay.
    """
    assay = read_assay(directory)
    on = asking.ground(directory)
    require_fitting(assay, on.lab)
    start = replace(on, commit=on.repo.head(), campaign=None)  # where the next one begins
    lead = _lead(start, assay)
    with closing(store_of(directory)) as store:
        return _queue_words(directory, tuple(queue(directory, store, assay, lead, anew=True)))


def _lead(on: asking.Ground, assay: Assay) -> str:
    series = assay.tables.assay.series
    return lead_of(on.files.get(series, ""), series).smiles


def facts(came: Imported) -> dict[str, Any]:
    """What came of a file, as JSON has it."""
    return {
        "plate": came.plate,
        "fresh": came.fresh,
        "readings": [
            {"well": one.well, "found": one.found.value, "text": one.text, "reason": one.reason}
            for one in came.readings
        ],
        "values": [{**asdict(one), "worth": one.worth.value} for one in came.outcome.values],
        "quality": quality_facts(came.outcome.quality),
        "awaits": list(came.outcome.awaits),
        "superseded": list(came.superseded),
        "queued": [{"molecule": one.name, "again": one.again} for one in came.queued],
    }


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _earlier(imports: list[Import], digest: str) -> Import | None:
    return next((one for one in imports if one.digest == digest), None)


def _plate_of(
    store: PlateStore, content: bytes, digest: str, name: str, assay: Assay, wanted: str | None
) -> Plate:
    """The plate that a file is of: as the person or the file says, or the only one that is out.

    Raises:
        UsageError: if they do not agree, or nobody says.
    """
    plates = store.plates()
    if not plates:
        raise UsageError("no plate was made here yet, so there is none to import; see: export")
    said = named_plates(content, name)
    if len(said) > 1:
        raise FileError(
            f"{name} is of several plates ({', '.join(sorted(said))}); import one at a time"
        )
    if wanted is not None:
        plate = require_plate(store, wanted)
        if said and said.pop().lower() != plate.name.lower():
            raise FileError(f"{name} says that it is of another plate than {plate.name}")
        earlier = _earlier(store.imports(), digest)
        if earlier is not None and earlier.plate != plate.name:
            raise FileError(f"{name} was imported already, as the results of {earlier.plate}")
        return plate
    if said:
        return require_plate(store, said.pop())
    if (earlier := _earlier(store.imports(), digest)) is not None:
        return require_plate(store, earlier.plate)
    since = open_since(assay, time.time())
    out = [one for one in plates if one.dropped is None and (since is None or one.created >= since)]
    awaited = [one for one in out if len(store.values(one.name)) < len(store.layout(one.name))]
    if len(awaited) == 1:
        return awaited[0]
    names = ", ".join(one.name for one in plates)
    raise UsageError(f"{name} does not say of which plate it is; say so: --id NAME ({names})")


def _require_same_unit(plate: Plate, assay: Assay) -> None:
    if plate.unit != assay.unit:
        raise UsageError(
            f'plate {plate.name} went out with unit = "{plate.unit}", and assay.toml says '
            f'"{assay.unit}" now; put it back as it was'
        )


def _repeated(
    directory: Path, store: PlateStore, assay: Assay, lead: str, earlier: Import, name: str
) -> Imported:
    """Nothing changes; but what an interruption left undone is done."""
    queued = tuple(queue(directory, store, assay, lead))
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(earlier.at))
    as_name = "" if earlier.file == name else f", as {earlier.file}"
    words = f"{name} was imported already ({day}, by {earlier.who}{as_name}); nothing changed"
    layout = store.layout(earlier.plate)
    outcome = evaluated(assay, layout, store.readings(earlier.plate))
    told = (words, *(_queue_words(directory, queued) if queued else ()))
    return Imported(earlier.plate, False, (), outcome, (), queued, told)


def _holdings(store: PlateStore, assay: Assay, layout: tuple[Content, ...]) -> dict[str, Holding]:
    known = store.molecules()
    held = {}
    for content in layout:
        control = assay.controls.get(content.role)
        if control is not None:
            held[content.well] = Holding(control.name, control.smiles)
        else:
            molecule = known[content.subject]
            held[content.well] = Holding(molecule.name, molecule.smiles)
    return held


# -- what is said ---------------------------------------------------------------------------------


def _words(
    plate: Plate,
    layout: tuple[Content, ...],
    sheet: Sheet,
    outcome: Outcome,
    changed: tuple[str, ...],
    lead: str,
) -> list[str]:
    counts = Counter(one.found for one in sheet.readings)
    good, quality = counts[Found.NUMBER], outcome.quality
    told = [f"plate {plate.name}: {good} of {len(layout)} wells have a number in this file"]
    strange = [one for one in sheet.readings if one.found not in {Found.NUMBER, Found.EMPTY}]
    told += [f"  {one.well} {one.found}: {one.reason}" for one in strange[:_TOLD]]
    if len(strange) > _TOLD:
        told.append(f"  and {len(strange) - _TOLD} more; see: novum assay status --json")
    if sheet.ignored:
        lines = ", ".join(str(line) for line in sheet.ignored[:_TOLD])
        told.append(f"lines that speak of no well were not read: {lines}")
    if outcome.awaits:
        told.append(f"controls without a result: {', '.join(outcome.awaits[:_TOLD])}")
        if not outcome.values:
            told.append("no value is told before they are in")
    if quality.z_prime is not None:
        told.append(f"Z' {quality.z_prime:.3g}, signal window {quality.signal_window:.3g}")
    if quality.replicate_sd is not None:
        told.append(f"standard deviation of one well, from replicates: {quality.replicate_sd:.3g}")
    if changed:
        told.append(f"corrected: {', '.join(changed[:_TOLD])}; what they were is kept")
        subjects = {content.well: content.subject for content in layout}
        if any(subjects[well] == lead for well in changed):
            told.append(
                "among them are wells of the present lead, which was judged by what they were; "
                "for a fresh start: novum run --tag NAME"
            )
    return told


def _queue_words(directory: Path, queued: tuple[Queued, ...]) -> list[str]:
    told = []
    for one in queued:
        how = "once more, for its numbers changed" if one.again else "in line"
        why = f" ({one.answer.reason})" if one.answer.reason else ""
        told.append(f"{one.name} is put {how}{why}")
    if queued:
        told.append(f"to judge them: novum run {typed(directory)} (or resume)")
    else:
        told.append("nothing is put in line by it")
    return told
