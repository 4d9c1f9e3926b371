"""Where the next experiment comes from: requests of others, a researcher that answers at once, or
what one that takes its time has thought of while trials ran.

A thought rests on the assumption that the incumbent stands. When that fails, its proposal is moved
onto the new incumbent if it still applies there; else the researcher is asked again. A proposal
that repeats an earlier one is answered with that experiment's result.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Any

from novum.briefing import Briefing
from novum.briefing.composing import compose
from novum.briefing.material import next_idea, words_in
from novum.campaign.bench import Bench
from novum.campaign.events import Awaiting, Notice, Observer, Proposed, Step
from novum.campaign.repeats import Repeats, result_words
from novum.campaign.requests import NOT_UNDERSTOOD, is_for, proposal_in, wants_again
from novum.campaign.thinking import Thinker
from novum.errors import PatchError, ResearcherError
from novum.lab import Lab, read_program
from novum.ledger import Consultation, Experiment, Ledger, Request
from novum.ledger.consultations import REPEATED, STALE
from novum.patch import Diff, apply_edits, diff
from novum.records import POINT, Proposal
from novum.repo import Repo
from novum.researchers import Desk, Researcher
from novum.search import Search
from novum.standing import Standing
from novum.terminal import storable

LOOK_SECONDS = 0.2  # how often requests are looked for while nothing runs
REPEATS = 10  # in a row, after which a researcher has nothing new
MISFITS = 10  # proposals in a row that do not apply, after which a slow researcher is stopped


class Stopped(Exception):  # noqa: N818  not an error: the way out when the person says stop
    """The person asked to stop; everything is recorded, and the campaign can go on later."""


@dataclass(frozen=True, slots=True)
class Place:
    """The commit to build on, and the editable files there."""

    parent: str
    files: Mapping[str, str]


class Proposer:
    """Opens one experiment after another."""

    def __init__(
        self,
        ledger: Ledger,
        repo: Repo,
        standing: Standing,
        search: Search,
        researcher: Researcher | None,
        bench: Bench,
        tell: Observer,
        between: Callable[[], None],
    ) -> None:
        self._between = between  # what is to be done while nothing runs and a proposal is awaited
        self._ledger, self._repo, self._standing = ledger, repo, standing
        self._search, self._researcher = search, researcher
        self._bench, self._tell = bench, tell
        self._lab, self._campaign = standing.lab, standing.campaign
        self.target: int | None = None  # so many experiments there may be
        self._repeats = Repeats(ledger, self._campaign.id)
        self._repeated_in_a_row = self._misfits_in_a_row = 0
        self._thinker: Thinker | None = None
        if researcher is not None and not researcher.instant:
            self._thinker = Thinker(researcher, ledger, self._campaign.id, tell)

    def close(self) -> None:
        """Let nobody think on."""
        if self._thinker is not None:
            self._thinker.close()

    def open(
        self,
        proposal: Proposal,
        place: Place,
        *,
        request: int | None = None,
        consultation: Consultation | None = None,
    ) -> Experiment:
        """Record a proposal as the next experiment."""
        proposal = _as_text(proposal)
        change = _diff(proposal, place.files, self._lab)
        number = self._standing.next_number
        with self._ledger.together():
            experiment = self._ledger.add_experiment(
                self._campaign.id,
                number,
                proposal,
                place.parent,
                change,
                request,
                consultation.id if consultation else None,
            )
            if consultation is not None and consultation.request is not None:
                self._ledger.requests.answer(consultation.request, f"experiment {number}")
        self._standing.open(experiment)
        self._repeats.add(experiment)
        self._tell(Step("proposed"))
        self._tell(Proposed(experiment))
        return experiment

    def requested(self) -> Experiment | None:
        """The next experiment that somebody put in; None if nothing waits."""
        self._bench.requests.take()
        if self._bench.stop.wanted:
            raise Stopped
        for request in self._ledger.requests.waiting("proposal"):
            if not is_for(request, self._campaign.tag):
                continue
            try:
                wish = proposal_in(request)
            except NOT_UNDERSTOOD as error:
                self._ledger.requests.answer(request.id, f"not understood: {error}")
                self._tell(Notice(f"request {request.id} was not understood: {error}"))
                continue
            place = self.place()
            earlier = None if wants_again(request) else self._repeated(wish, place)
            if earlier is None:
                return self.open(wish, place, request=request.id)
            self._ledger.requests.answer(request.id, f"repeats {result_words(earlier)}")
        return None

    def next(self) -> Experiment | None:
        """The next experiment; None when there is nothing more.

        Raises:
            Stopped: if the person asked to stop.
            ResearcherError: if who proposes cannot go on.
        """
        if self._thinker is not None and not self._thinker.thinking:
            self._thinker.exhausted = False  # it had nothing while a result was still to come
        patience = getattr(self._researcher, "patience", 0.0)
        end = time.monotonic() + patience
        awaited = False
        while True:
            experiment = self.requested() or self._own()
            if experiment is not None:
                self._repeated_in_a_row = 0
                return experiment
            is_thinking = self._thinker is not None and not self._thinker.exhausted
            if not is_thinking and time.monotonic() >= end:
                return None
            if not awaited:
                self._tell(Awaiting(self._researcher.name if self._researcher else ""))
                awaited = True
            self._between()
            self._pause()

    def look_ahead(self) -> None:
        """Begin to think about what comes after the experiment that runs."""
        thinker = self._thinker
        if thinker is None or thinker.thinking or thinker.troubled or thinker.exhausted:
            return
        if not self._standing.has_baseline:
            return
        waiting = self._ledger.consultations.waiting(self._campaign.id)
        room = int(self._setting("ahead", self._lab.researcher.ahead) or 0) - len(waiting)
        if self.target is not None:
            room = min(room, self.target - self._standing.experiments - len(waiting) - 1)
        if room > 0:
            self._ask(thinker)

    def place(self) -> Place:
        """Where to build next."""
        parent = self._search.parent(self._standing)
        return Place(parent, self._repo.files(parent, self._lab.files.editable))

    # What the campaign's own researcher proposes

    def _own(self) -> Experiment | None:
        """An experiment of the researcher's, if it has one now; a slow one is asked for one."""
        if self._researcher is None:
            return None
        if self._thinker is None:  # what another one had prepared is paid for, and comes first
            return self._prepared() or self._at_once(self._researcher)
        self._require_fits()
        experiment = self._prepared()
        if experiment is None and not self._thinker.thinking:
            self._thinker.require_sound()
            experiment = self._prepared()  # it may have answered between the two looks
            if self._repeated_in_a_row >= REPEATS:
                self._thinker.exhausted = True
            if experiment is None and not self._thinker.exhausted:
                self._ask(self._thinker)
        return experiment

    def _at_once(self, researcher: Researcher) -> Experiment | None:
        while self._repeated_in_a_row < REPEATS * REPEATS:
            place = self.place()
            proposal = researcher.propose(self._briefing(place), Desk())
            if proposal is None:
                return None
            earlier = self._repeated(proposal, place)
            if earlier is None:
                return self.open(proposal, place)
            self._repeated_in_a_row += 1
            self._standing.repeat(proposal, earlier)
            self._tell(Notice(f"{proposal.title!r} repeats {result_words(earlier)}"))
        return None

    def _prepared(self) -> Experiment | None:
        """The oldest proposal that waits and can be tried; those that cannot are told so."""
        for one in self._ledger.consultations.waiting(self._campaign.id):
            assert one.proposal is not None
            place = self.place()
            earlier = self._repeated(one.proposal, place)
            if earlier is not None:
                self._turn_down(one, REPEATED, earlier, f"repeats {result_words(earlier)}")
            elif problem := self._outdated(one, place):
                self._turn_down(one, STALE, None, problem)
            else:
                experiment = self.open(one.proposal, place, consultation=one)
                fits = bool(experiment.diff.text)
                self._misfits_in_a_row = 0 if fits else self._misfits_in_a_row + 1
                return experiment
        return None

    def _require_fits(self) -> None:
        """See that a researcher does not spend a night on changes that do not apply.

        Raises:
            ResearcherError: if its last ones did not.
        """
        if self._misfits_in_a_row >= MISFITS:
            self._misfits_in_a_row = 0
            raise ResearcherError(
                f"the last {MISFITS} proposals did not apply; `novum log` says why; then: "
                "novum resume, or choose another researcher"
            )

    def _turn_down(
        self, one: Consultation, state: str, earlier: Experiment | None, why: str
    ) -> None:
        assert one.proposal is not None
        self._repeated_in_a_row += state == REPEATED
        with self._ledger.together():
            self._ledger.consultations.settle(one.id, state, earlier.id if earlier else None, why)
            if earlier is not None and one.request is not None:
                self._ledger.requests.answer(one.request, why)
        self._tell(Notice(f"{one.proposal.title!r} {why}"))

    def _outdated(self, one: Consultation, place: Place) -> str | None:
        """Why a proposal for an earlier incumbent does not fit this one; None if it does.

        One that did not even fit its own is no victim of time: it is an experiment, and invalid.
        """
        if one.proposal is None or one.parent == place.parent:
            return None
        editable = self._lab.files.editable
        problem = _misfit(one.proposal, place.files, editable)
        if problem is None:
            return None
        if _misfit(one.proposal, self._repo.files(one.parent, editable), editable) is not None:
            return None
        now = self._standing.incumbent
        kept = f"experiment {now.number} ({now.proposal.title!r}) was kept meanwhile"
        return f"was made for an earlier incumbent; {kept}, and it applies no more: {problem}"

    def _ask(self, thinker: Thinker) -> None:
        spent = self._ledger.consultations.spent(self._campaign.id)
        usd = self._setting("max_cost_usd", self._lab.researcher.max_cost_usd) or 0.0
        tokens = self._setting("max_tokens", self._lab.researcher.max_tokens)
        idea = next_idea(self._ledger, self._campaign)
        thinker.ask(
            self._briefing(self.place(), idea),
            usd - spent.usd,
            inf if tokens is None else tokens - spent.tokens,
            idea.id if idea else None,
        )

    @cached_property
    def _start(self) -> Mapping[str, str]:
        """The editable files that the campaign began with."""
        return self._repo.files(self._campaign.start_commit, self._lab.files.editable)

    def _briefing(self, place: Place, idea: Request | None = None) -> Briefing:
        return compose(
            self._ledger,
            self._standing,
            parent=place.parent,
            files=place.files,
            program=read_program(self._repo.directory) if self._thinker else "",
            researcher=self._researcher.name if self._researcher else "",
            idea=words_in(idea) if idea else "",
            start=self._start,
            with_text=self._thinker is not None,
        )

    def _repeated(self, proposal: Proposal, place: Place) -> Experiment | None:
        """The earlier experiment that a proposal repeats; None if it is new, or changes nothing.

        A point is told apart by its key: on another parent, the same lines make another point.
        """
        if proposal.kind == POINT:
            return None
        return self._repeats.find(_diff(proposal, place.files, self._lab).text)

    def _pause(self) -> None:
        if self._thinker is not None and self._thinker.thinking:
            self._thinker.wait(LOOK_SECONDS)
        else:
            self._bench.stop.after_trial.wait(LOOK_SECONDS)

    def _setting(self, name: str, default: float | None) -> float | None:
        """What the person asked for when the campaign began or went on, or else the lab's."""
        value: float | None = self._campaign.settings.get(name)
        return default if value is None else value


def _misfit(
    proposal: Proposal, files: Mapping[str, str], editable: Collection[str]
) -> PatchError | None:
    """Why a proposal does not apply to these files; None if it does."""
    try:
        apply_edits(files, proposal.edits, editable)
    except PatchError as error:
        return error
    return None


def _as_text(proposal: Proposal) -> Proposal:
    """The proposal with words that can be stored: a model may produce half of a character."""
    names = ("title", "hypothesis", "kind", "source", "key", "researcher")
    words: dict[str, Any] = {name: storable(getattr(proposal, name)) for name in names}
    return replace(proposal, **words)


def _diff(proposal: Proposal, files: Mapping[str, str], lab: Lab) -> Diff:
    """What a proposal changes; nothing if it does not apply, which its verdict will say."""
    try:
        return diff(files, apply_edits(files, proposal.edits, lab.files.editable))
    except PatchError:
        return Diff("", 0, 0)
