"""What a scored library comes to, in words: the counts, and the best as chemists list them."""

from collections.abc import Mapping
from typing import Any

from rdkit import Chem

from novum.molecule.properties import PROPERTIES
from novum.molecule.scores import Status
from novum.molecule.streaming import Tally
from novum.terminal import counted, cut, duration, figure, harmless

SHOWN = {"mw": "MW", "logp": "logP", "tpsa": "TPSA", "hbd": "HBD", "hba": "HBA", "qed": "QED"}
WHOLE = {"hbd", "hba"}
WIDEST = 24  # characters of a name


def facts(tally: Tally) -> dict[str, Any]:
    """The summary as JSON can hold it."""
    return {
        "molecules": tally.written,
        "statuses": {status.value: count for status, count in tally.statuses.items()},
        "found": tally.found,
        "asked": tally.asked,
        "seconds": round(tally.seconds, 3),
        "better": tally.better,
        "best": [
            {
                "rank": rank,
                "number": entry.number,
                "name": entry.name,
                "smiles": smiles,
                "value": value,
                **_properties(smiles),
            }
            for rank, (entry, smiles, value) in enumerate(tally.best, 1)
        ],
    }


def as_text(summary: Mapping[str, Any]) -> str:
    """The summary as a person reads it: the best, then the counts."""
    seconds = summary["seconds"]
    rate = summary["molecules"] / seconds if seconds else 0.0
    lines = [*_table(summary["best"]), ""] if summary["best"] else []
    statuses = sorted(summary["statuses"].items(), key=lambda item: -item[1])
    lines.append(
        f"{counted(summary['molecules'], 'molecule')} in {duration(seconds)}, {rate:.3g} a second: "
        + ", ".join(f"{count} {status}" for status, count in statuses)
    )
    lines.append(f"{summary['asked']} asked, {summary['found']} remembered")
    return "\n".join(lines)


def progress(tally: Tally) -> str:
    """A run so far, in one line."""
    rate = tally.written / tally.seconds if tally.seconds else 0.0
    failed = tally.written - tally.statuses[Status.OK]
    best = f", best {figure(tally.best[0][2])}" if tally.best else ""
    done = counted(tally.written, "molecule")
    return f"{done}, {rate:.3g} a second, {failed} without a value{best}"


def complaint(tally: Tally) -> str:
    """What is wrong with a whole run, in one line; empty if nothing is."""
    told = tally.reasons.most_common(1)
    if missing := tally.statuses[Status.UNAVAILABLE]:
        return f"{counted(missing, 'molecule')} without an answer yet; the same command asks again"
    if not tally.statuses[Status.OK]:
        return f"no molecule got a value; most often: {told[0][0]}" if told else "no molecules"
    return ""


def _table(best: list[dict[str, Any]]) -> list[str]:
    heading = ["rank", "name", "value", *SHOWN.values(), "SMILES"]
    rows = [heading] + [
        [
            str(one["rank"]),
            _cut(one["name"] or f"#{one['number']}"),
            figure(one["value"]),
            *(_shown(one.get(name), 0 if name in WHOLE else 2) for name in SHOWN),
            one["smiles"],
        ]
        for one in best
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {1, len(heading) - 1}  # columns of words
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _properties(smiles: str) -> dict[str, float]:
    """What is shown beside a value; nothing of what an oracle takes, and RDKit does not."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return {}
    return {name: round(float(PROPERTIES[name][1](mol)), 3) for name in SHOWN}


def _shown(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def _cut(name: str) -> str:
    return cut(" ".join(harmless(name).split()), WIDEST)
