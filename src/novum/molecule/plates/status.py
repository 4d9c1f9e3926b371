"""`novum assay status`: what is out, what came in, how each molecule stands."""

import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from novum.errors import NovumError
from novum.molecule.plates.assay import Assay, read_assay
from novum.molecule.plates.export import store_of
from novum.molecule.plates.layout import SAMPLE
from novum.molecule.plates.oracle import answer_in, open_since
from novum.molecule.plates.results import Answer, State, evaluated, quality_facts
from novum.molecule.plates.store import Known, Plate, PlateStore


def facts(directory: Path) -> dict[str, Any]:
    """All that is known of a lab's plates, as JSON has it.

    Raises:
        UsageError: if the lab has no assay.
    """
    assay = read_assay(directory)
    with closing(store_of(directory)) as store:
        return {
            "plates": [_plate(store, assay, plate) for plate in store.plates()],
            "molecules": [_molecule(store, assay, one) for one in store.molecules().values()],
            "imports": [asdict(one) for one in store.imports()],
        }


def told(known: dict[str, Any], directory: Path) -> str:
    """The facts in a few lines."""
    if not known["plates"]:
        return f"no plate was made yet; the first: novum assay export {directory}"
    lines = [_plate_line(plate) for plate in known["plates"]]
    states = Counter(one["state"] for one in known["molecules"])
    lines.append("molecules: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    for one in known["molecules"]:
        if one["state"] not in {State.MEASURED, State.WAITING}:
            lines.append(f"  {one['name']}: {one['reason']}")
    return "\n".join(lines)


def _plate(store: PlateStore, assay: Assay, plate: Plate) -> dict[str, Any]:
    layout, values = store.layout(plate.name), store.values(plate.name)
    readings = store.readings(plate.name)
    since = open_since(assay, time.time())
    if plate.dropped is not None:
        state = "dropped"
    elif all(content.well in values for content in layout):
        state = "complete"
    else:
        state = "expired" if since is not None and plate.created < since else "out"
    try:
        quality = quality_facts(evaluated(assay, layout, readings).quality)
    except NovumError as error:  # the assay's limits were changed since
        quality = {"problem": str(error)}
    return {
        "name": plate.name,
        "created": plate.created,
        "state": state,
        "size": plate.size,
        "seed": plate.seed,
        "lead": plate.lead,
        "wells": len(layout),
        "answered": sum(content.well in values for content in layout),
        "molecules": len({one.subject for one in layout if one.role == SAMPLE}),
        "files": [one.file for one in store.imports(plate.name)],
        "quality": quality,
        "readings": [
            {"well": one.well, "found": one.found.value, "text": one.text, "reason": one.reason}
            for one in readings.values()
        ],
        "values": [{**asdict(one), "worth": one.worth.value} for one in values.values()],
    }


def _molecule(store: PlateStore, assay: Assay, one: Known) -> dict[str, Any]:
    found: Answer = answer_in(store, one.smiles, assay)
    return {
        **asdict(one),
        "state": found.state.value,
        "values": list(found.values),
        "reason": found.reason,
    }


def _plate_line(plate: dict[str, Any]) -> str:
    day = time.strftime("%Y-%m-%d", time.localtime(plate["created"]))
    quality = plate["quality"].get("z_prime")
    z_prime = "" if quality is None else f", Z' {quality:.3g}"
    return (
        f"{plate['name']}  {day}  {plate['state']:8}  {plate['answered']} of {plate['wells']} wells"
        f" answered, {plate['molecules']} molecules{z_prime}"
    )
