"""The researcher `medchem`: what a medicinal chemist would change next on the present lead.

It applies the transformations of the lab's `ideas.toml` to the last molecule of the series, and
appends one product. The transformations that were tried least come first, so all kinds get their
turn, and a new lead is not met with the same ideas again before the others. No compound is
proposed twice, whichever way it is reached.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self

from novum.briefing import Briefing
from novum.errors import ResearcherError, UsageError
from novum.lab import Lab
from novum.molecule.filters import Filters, read_filters
from novum.molecule.identity import same_compound
from novum.molecule.lead import SeriesError, appended, parse
from novum.molecule.molecules import Molecule, MoleculeError, read
from novum.molecule.transformations import (
    Product,
    Transformation,
    products,
    read_transformations,
)
from novum.patch import edits_between
from novum.records import Proposal
from novum.researchers import Desk

FILTERS = "filters.toml"


class Medchem:
    """Proposes products of the lab's transformations that the lab's filters let pass."""

    name = "medchem"
    instant = True

    def __init__(self, path: Path, filters: Filters | None) -> None:
        self._path, self._filters = path, filters
        self._saved = _stamp(path)
        self._transformations = read_transformations(path)
        self._known: dict[str, _Prospects] = {}  # by the lead, for the same lead is met again

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """With the lab's file of transformations, or the chosen one, and the lab's filters.

        Raises:
            UsageError: if one of them is not sound.
        """
        there = (directory / FILTERS).exists()
        filters = read_filters(directory / FILTERS) if there else None
        return cls(directory / (choice or lab.researcher.backlog), filters)

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The next product that was not tried, or None if all were.

        Raises:
            ResearcherError: if the parent has no lead that can be read.
        """
        self._look_again(desk)
        path = series_of(briefing.lab)
        text = briefing.files.get(path, "")
        prospects = self._prospects(_lead(path, text), path, briefing)
        past = _Past(briefing, path, self._transformations)
        for product in past.ordered(prospects.products):
            if product.transformation.try_refused or not prospects.refusal(product):
                return proposal(product, path, text, f"m{briefing.number}", self.name)
        return None

    def _look_again(self, desk: Desk) -> None:
        """Read the file anew if it was saved; until it is sound, the last sound one serves."""
        if (stamp := _stamp(self._path)) == self._saved:
            return
        try:
            self._transformations = read_transformations(self._path)
        except UsageError as error:
            desk.notice(str(error))
            return
        self._saved = stamp
        self._known.clear()

    def _prospects(self, lead: Molecule, path: str, briefing: Briefing) -> "_Prospects":
        if lead.smiles not in self._known:
            start = briefing.start.get(path)
            filters = self._filters and self._filters.from_start(
                _lead(path, start) if start else lead
            )
            self._known[lead.smiles] = _Prospects(products(lead, self._transformations), filters)
        return self._known[lead.smiles]


class _Prospects:
    """All products of one lead; what the filters say of one is asked once, when it is wanted."""

    def __init__(self, found: Sequence[Product], filters: Filters | None) -> None:
        self.products, self._filters = found, filters
        self._refusals: dict[str, str] = {}

    def refusal(self, product: Product) -> str:
        """Why the filters refuse a product; empty if they do not."""
        smiles = product.molecule.smiles
        if smiles not in self._refusals:
            self._refusals[smiles] = product.refusal(self._filters)
        return self._refusals[smiles]


def series_of(lab: Lab) -> str:
    """The path of the lead series: the editable file that ends in `.smi`, or else the first."""
    editable = lab.files.editable
    return next((path for path in editable if path.endswith(".smi")), editable[0])


def proposal(product: Product, path: str, text: str, name: str, researcher: str) -> Proposal:
    """The product as the new lead of a series, whose file at `path` holds `text`."""
    one = product.transformation
    after = appended(text, product.molecule.smiles, name, product.title)
    return Proposal(
        title=product.title,
        edits=edits_between({path: text}, {path: after}),
        hypothesis=one.rationale,
        kind=one.kind,
        source=one.source,
        key=product.key,
        researcher=researcher,
    )


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes when a file is saved."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _lead(path: str, text: str) -> Molecule:
    try:
        return read(parse(text)[-1].smiles)
    except (SeriesError, MoleculeError) as error:
        raise ResearcherError(f"{path} has no lead to change: {error}") from None


class _Past:
    """What was tried: how often each transformation and kind, and which compounds."""

    def __init__(
        self, briefing: Briefing, path: str, transformations: Sequence[Transformation]
    ) -> None:
        self._tried = Counter(key.partition(":")[0] for key in briefing.tried)
        self._kinds: Counter[str] = Counter()
        for one in transformations:
            self._kinds[one.kind] += self._tried[one.key]
        self._places = {one.key: place for place, one in enumerate(transformations)}
        self._compounds = frozenset(_compounds(briefing, path))

    def ordered(self, found: Sequence[Product]) -> list[Product]:
        """The new compounds, those of the least tried transformations and kinds first."""

        def turn(product: Product) -> tuple[int, int, int, int]:
            one = product.transformation
            place = self._places[one.key]
            return self._tried[one.key], self._kinds[one.kind], place, product.number

        new = [p for p in found if p.compound not in self._compounds]
        return sorted(new, key=turn)


def _compounds(briefing: Briefing, path: str) -> Iterator[str]:
    """The compounds in the series and in what was proposed before, by whoever it was."""
    written = {key.partition(":")[2] for key in briefing.tried} - {""}
    others = [*(one.proposal for one in briefing.recent), *briefing.pending]
    added = {_last(edit.replace) for one in others for edit in one.edits if edit.path == path}
    series = {entry.smiles for entry in parse(briefing.files.get(path, ""))}
    for smiles in {*written, *added, *series} - {""}:
        if compound := _compound(smiles):
            yield compound


def _last(text: str) -> str:
    try:
        return parse(text)[-1].smiles
    except SeriesError:
        return ""


@lru_cache(maxsize=10_000)
def _compound(smiles: str) -> str:
    try:
        return same_compound(read(smiles).mol)
    except MoleculeError:
        return ""
