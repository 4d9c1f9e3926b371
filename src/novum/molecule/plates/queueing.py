"""Measured molecules become proposals in the ledger, each once; the campaign judges them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from novum import asking
from novum.campaign.requests import NOT_UNDERSTOOD, proposal_in
from novum.errors import PatchError, UsageError
from novum.ledger import Ledger, Request
from novum.molecule.lead import appended
from novum.molecule.plates.assay import Assay
from novum.molecule.plates.oracle import answer_in
from novum.molecule.plates.picking import Candidate
from novum.molecule.plates.results import Answer
from novum.molecule.plates.series import lead_of
from novum.molecule.plates.store import Known, PlateStore
from novum.patch import apply_edits
from novum.records import Edit, Proposal

PROPOSER = "outside:assay"
_ALL = 1_000_000  # requests of a lab; they are small


@dataclass(frozen=True, slots=True)
class Queued:
    """A molecule that was put in line now; `again` if it was judged by numbers that changed."""

    name: str
    again: bool
    answer: Answer


def in_line(directory: Path, on: asking.Ground, series: str) -> list[Candidate]:
    """What proposals that wait in the ledger, and an open experiment, would make the lead."""
    if not Ledger.exists(directory):
        return []
    with closing(Ledger(directory)) as ledger:
        return list(_in_line(ledger, on, series))


def queue(
    directory: Path, store: PlateStore, assay: Assay, lead: str, *, anew: bool = False
) -> list[Queued]:
    """Put in line every molecule whose results are complete, and that was not in line before.

    Doing it again changes nothing. A molecule that was judged by numbers which a later file
    corrected is put in once more, unless it is the present `lead`. With `anew` those that were in
    line before are put in, too: for a campaign that begins anew.
    """
    series = assay.tables.assay.series
    on = asking.ground(directory)
    done = []
    with closing(Ledger(directory)) as ledger, store.alone():  # or two imports queue it twice
        busy = {one.smiles for one in _in_line(ledger, on, series)}
        busy |= {lead, _start(on, series)}
        judged = _judged(ledger, on, series)
        counts = Counter(_idea(key) for key in _keys(ledger))
        for smiles, one in store.molecules().items():
            found, parent = answer_in(store, smiles, assay), store.parent(smiles)
            if not found.state.settled or smiles in busy or parent is None:
                continue
            key = f"assay/{one.name}"
            before = counts[key]
            corrected = store.corrected_at(smiles) > judged.get(smiles, inf)
            if (before or smiles in judged) and not corrected and not anew:
                continue
            key = f"{key}#{before + 1}" if before else key
            asking.propose(ledger, _proposal(one, key, series, parent.series), again=True)
            done.append(Queued(one.name, corrected, found))
    return done


def _in_line(ledger: Ledger, on: asking.Ground, series: str) -> Iterator[Candidate]:
    proposals = list(_waiting(ledger))
    opened = None if on.campaign is None else ledger.open_experiment(on.campaign.id)
    proposals += [] if opened is None else [opened.proposal]
    for one in proposals:
        smiles = _proposed(one, on.files, on.lab.files.editable, series)
        if smiles is not None:
            yield Candidate(smiles, one.title, one.hypothesis, one.key, one.kind, one.source)


def _start(on: asking.Ground, series: str) -> str:
    """What the campaign began with, which is judged as its baseline; empty if there is none."""
    if on.campaign is None:
        return ""
    files = on.repo.files(on.campaign.start_commit, on.lab.files.editable)
    return lead_of(files.get(series, ""), series).smiles


def _judged(ledger: Ledger, on: asking.Ground, series: str) -> dict[str, float]:
    """The molecules that this campaign has judged, and when each was taken up for the last time."""
    if on.campaign is None:
        return {}
    editable, judged = on.lab.files.editable, {}
    for experiment in ledger.experiments(on.campaign.id):
        files = on.repo.files(experiment.parent, editable)
        smiles = _proposed(experiment.proposal, files, editable, series)
        if smiles is not None and experiment.verdict is not None:
            judged[smiles] = experiment.created
    return judged


def _waiting(ledger: Ledger) -> Iterator[Proposal]:
    for request in ledger.requests.waiting("proposal"):
        try:
            yield proposal_in(request)
        except NOT_UNDERSTOOD:
            continue  # whoever takes it up says so


def _proposed(
    proposal: Proposal, files: Mapping[str, str], editable: tuple[str, ...], series: str
) -> str | None:
    """The lead that a proposal would make, canonical; None if it makes no other."""
    try:
        after = apply_edits(files, proposal.edits, editable)
        return lead_of(after.get(series, ""), series).smiles
    except (PatchError, UsageError):
        return None


def _keys(ledger: Ledger) -> list[str]:
    return [_key(request) for request in ledger.requests.newest("proposal", _ALL)]


def _idea(key: str) -> str:
    """A key without what tells its repetitions apart."""
    return key.partition("#")[0]


def _key(request: Request) -> str:
    body: Any = request.body
    return str(body.get("key", "")) if isinstance(body, dict) else ""


def _proposal(one: Known, key: str, series: str, before: str) -> Proposal:
    title = one.title or one.name
    reason = title if title != one.name else one.hypothesis
    after = appended(before, one.smiles, one.name, reason)
    return Proposal(
        title,
        (Edit(series, None, after),),
        one.hypothesis or title,
        kind=one.kind,
        source=one.source or one.key,
        key=key,
        researcher=PROPOSER,
    )
